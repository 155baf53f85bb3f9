/** What we write, libvirt accepts by its own schema, keeps whole, and gives back as we read it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { InterfaceSettings } from '../../src/api/settings.ts'
import type { InterfaceDefinition } from '../../src/core/definition.ts'
import type { Port } from '../../src/core/port.ts'
import { freePciePorts, readDomain } from '../../src/libvirt/xml/domain.ts'
import { renderInterface } from '../../src/libvirt/xml/interface.ts'
import { guestXML, startGuest } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'

let host: LabHost
beforeAll(async () => {
  host = await LabHost.start({ name: 'xml' })
  await host.run('ip link add br0 type bridge; ip link add veth0 type veth peer veth1')
})
afterAll(() => host.stop())

const uuid = '09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f'
const bridge: Port = { kind: 'bridge', bridge: 'br0' }
const direct: Port = { kind: 'direct', dev: 'veth0', mode: 'bridge' }
const network: Port = { kind: 'network', network: `it's <n> & "m"` }
const offloads = { csum: true, tso4: false, tso6: false, ecn: true, ufo: false }

const ports: Port[] = [
  network,
  bridge,
  ...(['vepa', 'bridge', 'private', 'passthrough'] as const).map((mode): Port => ({ ...direct, mode })),
  { kind: 'hostdev', address: '0000:03:10.1' },
  { kind: 'hostdev', address: 'abcd:ff:1f.7', managed: true },
  { kind: 'vhostuser', path: '/run/vhost user\'s "<&>".sock', mode: 'server' },
  { kind: 'vhostuser', path: '/run/vhost.sock', mode: 'client' },
  { kind: 'vdpa', dev: '/dev/vhost-vdpa-0' },
  { kind: 'user' },
  { kind: 'ethernet' },
]

const corpus: [Port, InterfaceSettings][] = [
  [bridge, { link: { state: 'up' } }],
  [bridge, { link: { state: 'down' }, mtu: 9000, portIsolation: true, targetDevice: 'tap-x' }],
  [bridge, { portIsolation: false, trustGuestRxFilters: true, model: 'virtio' }],
  [direct, { trustGuestRxFilters: false, model: 'virtio' }],
  [bridge, { coalesce: { rx: { frames: { max: 7 } } } }],
  [bridge, { bootOrder: 3, rom: { bar: true, file: '/usr/share/qemu/x & y.rom' } }],
  [bridge, { rom: { enabled: false } }],
  [bridge, { rom: { bar: false } }],
  [bridge, { bandwidth: { inbound: { average: 1000, peak: 5000, burst: 1024 } } }],
  [direct, { bandwidth: { outbound: { average: 128, peak: 256, burst: 256 } } }],
  [network, { bandwidth: { inbound: { average: 1, floor: 200 }, outbound: { average: 2 } } }],
  [network, { bandwidth: { inbound: { floor: 200 } } }],
  [bridge, { filter: { name: 'clean-traffic' } }],
  [
    bridge,
    {
      filter: { name: 'clean-traffic', parameters: { IP: '10.0.0.1', DHCPSERVER: '10.0.0.2' } },
      model: 'e1000e',
    },
  ],
  [bridge, { vlan: { tags: [{ id: 42 }] }, virtualPort: { type: 'openvswitch', interfaceID: uuid } }],
  [
    bridge,
    {
      vlan: { trunk: true, tags: [{ id: 1, nativeMode: 'untagged' }, { id: 2 }, { id: 4095 }] },
      virtualPort: { type: 'openvswitch', interfaceID: uuid, profileID: 'sales' },
    },
  ],
  [bridge, { virtualPort: { type: 'midonet', interfaceID: uuid } }],
  [
    direct,
    {
      virtualPort: {
        type: '802.1Qbg',
        managerID: 255,
        typeID: 16777215,
        typeIDVersion: 0,
        instanceID: uuid,
      },
    },
  ],
  [direct, { virtualPort: { type: '802.1Qbh', profileID: 'finance' } }],
  [network, { virtualPort: { instanceID: uuid, interfaceID: uuid, profileID: 'sales', managerID: 11 } }],
  [
    bridge,
    {
      model: 'virtio',
      driver: {
        name: 'vhost',
        txmode: 'iothread',
        ioeventfd: true,
        eventIDX: false,
        queues: 4,
        rxQueueSize: 512,
        rss: true,
        rssHashReport: false,
        iommu: true,
        ats: false,
        packed: true,
        pagePerVQ: false,
        host: { ...offloads, gso: true },
        guest: offloads,
      },
    },
  ],
  [bridge, { model: 'virtio', driver: { name: 'qemu', txmode: 'timer' } }],
  [
    { kind: 'vhostuser', path: '/run/vhost.sock', mode: 'client' },
    { model: 'virtio', driver: { queues: 2, rxQueueSize: 256, txQueueSize: 1024 } },
  ],
]

const settled = { mac: '52:54:00:12:34:56', model: 'virtio', address: '0000:01:00.0' }
const alias = 'ua-patchbay-default_vm1-data'

const definitions: InterfaceDefinition[] = [
  ...ports.map((port): InterfaceDefinition => ({ port, alias, settings: settled })),
  ...corpus.map(
    ([port, settings]): InterfaceDefinition => ({ port, alias, settings: { ...settled, ...settings } }),
  ),
  { port: network, portGroup: 'sales', alias, settings: settled },
]

describe('a saved definition', () => {
  test.each(definitions)('keeps $port.kind $settings', async (definition) => {
    const guest = guestXML({ name: 'kept', uuid, interfaces: [renderInterface(definition)] })
    // --validate: by libvirt's own schema; the other libvirt checks come with every define.
    await host.virsh('define', '--validate', await host.file(guest))
    const saved = readDomain(await host.virsh('dumpxml', '--inactive', 'kept'))
    expect(saved.interfaces.map((each) => each.definition)).toEqual([withDevice(definition)])
    // Written once more over what libvirt made of it, nothing changes for libvirt.
    const again = renderInterface(definition, saved.interfaces[0]!.xml)
    await host.virsh(
      'define',
      '--validate',
      await host.file(guestXML({ name: 'kept', uuid, interfaces: [again] })),
    )
    expect(readDomain(await host.virsh('dumpxml', '--inactive', 'kept'))).toEqual(saved)
  })
})

/** Values that would break out of an attribute. Not by libvirt's schema, which nothing checks when an interface is attached. */
const hostile = `a'/><b c="&lt;`
const hostileDefinitions: InterfaceDefinition[] = [
  { port: { kind: 'network', network: hostile }, portGroup: hostile, settings: settled },
  { port: { kind: 'bridge', bridge: hostile }, settings: settled },
  { port: { kind: 'direct', dev: hostile, mode: 'vepa' }, settings: settled },
  { port: { kind: 'vhostuser', path: hostile, mode: 'client' }, settings: settled },
  { port: { kind: 'vdpa', dev: hostile }, settings: settled },
  { port: bridge, settings: { ...settled, targetDevice: hostile, rom: { file: hostile } } },
]

test.each(hostileDefinitions)('a hostile value of $port.kind is kept as it is', async (definition) => {
  await host.virsh(
    'define',
    await host.file(guestXML({ name: 'kept', uuid, interfaces: [renderInterface(definition)] })),
  )
  const saved = readDomain(await host.virsh('dumpxml', '--inactive', 'kept'))
  expect(saved.interfaces.map((each) => each.definition)).toEqual([withDevice(definition)])
})

describe('a live definition', () => {
  const mac = (n: number) => `52:54:00:00:00:0${n}`
  const net =
    '<network><name>lab</name><bridge name="virbr7"/><mtu size="1400"/><ip address="192.0.2.1" prefix="24"/></network>'

  beforeAll(async () => {
    await host.virsh('net-create', await host.file(net))
    await host.virsh(
      'net-create',
      await host.file(
        `<network><name>pool</name><forward mode='private'><interface dev='veth1'/></forward></network>`,
      ),
    )
    await startGuest(host, {
      name: 'live',
      interfaces: [
        { port: { kind: 'network', network: 'lab' } as const, settings: { mac: mac(1), model: 'virtio' } },
        { port: bridge, alias, settings: { mac: mac(2), targetDevice: 'tap-x' } },
        { port: direct, settings: { mac: mac(3) } },
        { port: { kind: 'network', network: 'pool' } as const, settings: { mac: mac(4) } },
        { port: { kind: 'ethernet' } as const, settings: { mac: mac(5) } },
      ].map((definition) => renderInterface(definition)),
      sparePorts: 3,
    })
  })

  const live = async () => readDomain(await host.virsh('dumpxml', 'live'))

  test('shows port, device and origin, and a name or MTU of its own making as no setting', async () => {
    const { interfaces } = await live()
    const shown = interfaces.map(({ definition }) => ({
      ...definition,
      settings: Object.keys(definition.settings),
    }))
    const own = ['mac', 'model', 'address']
    const portId = expect.stringMatching(/^[0-9a-f-]{36}$/)
    expect(shown).toEqual([
      {
        port: { kind: 'network', network: 'lab', bridge: 'virbr7' },
        portId,
        device: 'vnet0',
        alias: 'net0',
        settings: own,
      },
      { port: bridge, device: 'tap-x', alias, settings: ['mac', 'targetDevice', 'model', 'address'] },
      { port: direct, device: 'macvtap0', alias: 'net1', settings: own },
      {
        port: { kind: 'direct', dev: 'veth1', mode: 'private' },
        network: 'pool',
        portId,
        device: 'macvtap1',
        alias: 'net2',
        settings: own,
      },
      { port: { kind: 'ethernet' }, device: 'vnet1', alias: 'net3', settings: own },
    ])
  })

  test('counts the ports that are left for hot-plug', async () => {
    const before = freePciePorts(await host.virsh('dumpxml', 'live'))!
    await host.virsh(
      'attach-device',
      'live',
      await host.file(renderInterface({ port: bridge, settings: { model: 'virtio' } })),
    )
    expect(freePciePorts(await host.virsh('dumpxml', 'live'))).toBe(before - 1)
  })

  test('takes a change that starts from what it shows', async () => {
    const before = await live()
    for (const { xml, definition } of before.interfaces) {
      const { settings } = definition
      const down = renderInterface({ ...definition, settings: { ...settings, link: { state: 'down' } } }, xml)
      await host.virsh('update-device', 'live', await host.file(down), '--live')
    }
    const after = await live()
    expect(after.interfaces.map(({ definition }) => definition)).toEqual(
      before.interfaces.map(({ definition }) => ({
        ...definition,
        settings: { ...definition.settings, link: { state: 'down' } },
      })),
    )
  })
})

/** A target name of the definition's own is the device too. */
function withDevice(definition: InterfaceDefinition): InterfaceDefinition {
  const { targetDevice } = definition.settings
  return targetDevice === undefined ? definition : { ...definition, device: targetDevice }
}
