/** However libvirt prints what it was given, the decisions about it see no difference; and an update reaches every kind of port. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { InterfaceSettings } from '../../src/api/settings.ts'
import { differencesOf } from '../../src/core/change/differences.ts'
import type { InterfaceDefinition } from '../../src/core/definition.ts'
import type { Port } from '../../src/core/port.ts'
import { readDomain } from '../../src/libvirt/xml/domain.ts'
import { renderInterface } from '../../src/libvirt/xml/interface.ts'
import { defineGuest, startGuest } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'
import { addBridge, addOpenVswitchBridge, addVethPool } from '../lab/pool.ts'

let host: LabHost
beforeAll(async () => {
  host = await LabHost.start({ name: 'differences', openVswitch: true })
  await addBridge(host, 'br0')
  await addOpenVswitchBridge(host, 'ovs0')
  await addVethPool(host, 1)
  await host.virsh(
    'net-create',
    await host.file(
      '<network><name>lab</name><bridge name="virbr7"/><ip address="192.0.2.1" prefix="24"/></network>',
    ),
  )
})
afterAll(() => host.stop())

const upperCase = '09B11C53-8B5C-4EEB-8F00-D84EAA0AAA4F'
const bridge: Port = { kind: 'bridge', bridge: 'br0' }
const ovs: Port = { kind: 'bridge', bridge: 'ovs0' }
const direct: Port = { kind: 'direct', dev: 'pool0', mode: 'bridge' }
const network: Port = { kind: 'network', network: 'lab' }
const openvswitch = { type: 'openvswitch', interfaceID: upperCase } as const
const alias = `ua-patchbay-${'a'.repeat(63)}_${'n'.repeat(253)}`

/** Spelled otherwise than libvirt does, or worth nothing to it. */
const odd: [Port, InterfaceSettings][] = [
  [bridge, {}],
  [bridge, { link: { state: 'up' }, trustGuestRxFilters: false, portIsolation: false }],
  [bridge, { model: 'Virtio', driver: { queues: 1 } }],
  [bridge, { model: 'virtio-non-transitional', driver: { name: 'qemu', eventIDX: false } }],
  [bridge, { coalesce: { rx: { frames: { max: 0 } } } }],
  [bridge, { rom: { enabled: false } }],
  [bridge, { filter: { name: 'clean-traffic', parameters: { B: 'x', A: 'y', a: 'z' } } }],
  [ovs, { virtualPort: openvswitch, vlan: { trunk: false, tags: [{ id: 4 }] } }],
  [ovs, { virtualPort: openvswitch, vlan: { tags: [{ id: 4 }, { id: 3 }] } }],
  [
    ovs,
    { virtualPort: openvswitch, vlan: { trunk: true, tags: [{ id: 4, nativeMode: 'untagged' }, { id: 3 }] } },
  ],
  [ovs, { virtualPort: openvswitch, bandwidth: { inbound: { average: 100, burst: 300 } } }],
  [direct, { link: { state: 'down' }, model: 'virtio', trustGuestRxFilters: true }],
  [network, { mtu: 1400, link: { state: 'down' } }],
  [{ kind: 'user' }, { link: { state: 'down' } }],
  [{ kind: 'ethernet' }, { mtu: 1300, targetDevice: 'tap-x' }],
]
/** These need switches of their own kind to be plugged in: saved definitions only. */
const oddAndOff: [Port, InterfaceSettings][] = [
  [
    direct,
    {
      virtualPort: { type: '802.1Qbg', instanceID: upperCase, managerID: 1, typeID: 2, typeIDVersion: 3 },
    },
  ],
  [bridge, { virtualPort: { type: 'midonet', interfaceID: upperCase } }],
  [network, { bandwidth: { inbound: { floor: 7 } } }],
  [{ kind: 'hostdev', address: '0000:03:10.1', managed: false }, {}],
]

const definitionsOf = (list: [Port, InterfaceSettings][]) =>
  list.map(
    ([port, settings], i): InterfaceDefinition => ({
      port,
      alias: `${alias.slice(0, -2)}${String(i).padStart(2, '0')}`,
      settings: { mac: `52:54:00:00:00:${String(i).padStart(2, '0')}`, ...settings },
    }),
  )

const interfacesOf = async (...args: string[]) =>
  readDomain(await host.virsh('dumpxml', ...args)).interfaces.map(({ definition }) => definition)

function expectNoDifference(shown: InterfaceDefinition[], wanted: InterfaceDefinition[]): void {
  expect(shown.map((each) => each.alias)).toEqual(wanted.map((each) => each.alias))
  expect(shown.map((each, i) => differencesOf(each, wanted[i]!))).toEqual(wanted.map(() => []))
}

test('a saved definition shows no difference', async () => {
  const wanted = definitionsOf([...odd, ...oddAndOff])
  await defineGuest(host, {
    name: 'saved',
    machine: 'pc',
    interfaces: wanted.map((each) => renderInterface(each)),
  })
  expectNoDifference(await interfacesOf('--inactive', 'saved'), wanted)
})

test('a live definition shows no difference', async () => {
  const wanted = definitionsOf(odd)
  await startGuest(host, {
    name: 'live',
    machine: 'pc',
    interfaces: wanted.map((each) => renderInterface(each)),
  })
  expectNoDifference(await interfacesOf('live'), wanted)
})

test('an update of a saved definition reaches every kind of port from every other', async () => {
  const kinds: Port[] = [
    bridge,
    direct,
    { ...direct, mode: 'passthrough' },
    network,
    { kind: 'hostdev', address: '0000:03:10.1', managed: true },
    { kind: 'vhostuser', path: '/run/vhost.sock', mode: 'client' },
    { kind: 'vdpa', dev: '/dev/vhost-vdpa-0' },
    { kind: 'user' },
    { kind: 'ethernet' },
  ]
  const on = (port: Port): InterfaceDefinition => ({
    port,
    alias,
    settings: { mac: '52:54:00:00:00:01', model: 'virtio' },
  })
  await defineGuest(host, { name: 'kinds', interfaces: [renderInterface(on(bridge))] })
  // There and back between any two.
  const path = kinds.flatMap((from, i) => kinds.slice(i + 1).flatMap((to) => [from, to, from]))
  for (const port of path) {
    const [before] = readDomain(await host.virsh('dumpxml', '--inactive', 'kinds')).interfaces
    const update = await host.file(renderInterface(on(port), before!.xml))
    await host.virsh('update-device', 'kinds', update, '--config')
    expectNoDifference(await interfacesOf('--inactive', 'kinds'), [on(port)])
  }
})
