/**
 * NICs that no machine of the tests can run (SR-IOV, VFIO, vhost-user, vDPA, 802.1Qbg): what they are changed to is valid for
 * libvirt, by its schema and by its own checks, and on a running guest the plan refuses it.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { InterfaceSettings } from '../../src/api/settings.ts'
import { differencesOf } from '../../src/core/change/differences.ts'
import { planChange } from '../../src/core/change/plan.ts'
import type { InterfaceDefinition } from '../../src/core/definition.ts'
import type { Port } from '../../src/core/port.ts'
import { readCapabilities } from '../../src/libvirt/capabilities.ts'
import { LibvirtClient } from '../../src/libvirt/client.ts'
import { readDomain } from '../../src/libvirt/xml/domain.ts'
import { renderInterface } from '../../src/libvirt/xml/interface.ts'
import { guestXML } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'

const alias = 'ua-patchbay-default_data'
const mac = '52:54:00:00:00:01'
const id = '09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f'

const hostdev: Port = { kind: 'hostdev', address: '0000:03:10.1', managed: true }
const vhostuser: Port = { kind: 'vhostuser', path: '/run/vhost.sock', mode: 'client' }
const vdpa: Port = { kind: 'vdpa', dev: '/dev/vhost-vdpa-0' }
const direct: Port = { kind: 'direct', dev: 'eth1', mode: 'passthrough' }

/** A NIC and what it is changed to. */
const changes: [what: string, port: Port, settings: InterfaceSettings, to: Partial<InterfaceDefinition>][] = [
  ['hostdev: another function', hostdev, {}, { port: { ...hostdev, address: '0000:03:10.2' } }],
  ['hostdev: VLAN', hostdev, {}, { settings: { vlan: { tags: [{ id: 7 }] } } }],
  [
    'hostdev: another VLAN',
    hostdev,
    { vlan: { tags: [{ id: 7 }] } },
    { settings: { vlan: { tags: [{ id: 8 }] } } },
  ],
  [
    'hostdev: virtual port',
    hostdev,
    { virtualPort: { type: '802.1Qbh', profileID: 'a' } },
    { settings: { virtualPort: { type: '802.1Qbh', profileID: 'b' } } },
  ],
  ['hostdev to vDPA', hostdev, {}, { port: vdpa }],
  ['vDPA to hostdev', vdpa, {}, { port: hostdev }],
  ['vDPA: another device', vdpa, {}, { port: { kind: 'vdpa', dev: '/dev/vhost-vdpa-1' } }],
  ['vhost-user: another socket', vhostuser, {}, { port: { ...vhostuser, path: '/run/other.sock' } }],
  ['vhost-user: queues and MTU', vhostuser, {}, { settings: { driver: { queues: 2 }, mtu: 9000 } }],
  ['vhost-user to macvtap', vhostuser, {}, { port: direct }],
  ['macvtap to hostdev', direct, {}, { port: hostdev }],
  [
    'macvtap: 802.1Qbg, another VSI type',
    { ...direct, mode: 'vepa' },
    { virtualPort: { type: '802.1Qbg', managerID: 11, typeID: 1193047, typeIDVersion: 2, instanceID: id } },
    {
      settings: {
        virtualPort: { type: '802.1Qbg', managerID: 11, typeID: 1193048, typeIDVersion: 2, instanceID: id },
      },
    },
  ],
  [
    'macvtap: 802.1Qbh, another profile',
    { ...direct, mode: 'private' },
    { virtualPort: { type: '802.1Qbh', profileID: 'a' } },
    { settings: { virtualPort: { type: '802.1Qbh', profileID: 'b' } } },
  ],
]

let host: LabHost
let client: LibvirtClient
beforeAll(async () => {
  host = await LabHost.start({ name: 'hardware' })
  client = new LibvirtClient({ socket: host.socket })
  await client.connect()
})
afterAll(async () => {
  await client?.close()
  await host?.stop()
})

/** Defines a guest with this NIC, checked by schema and by libvirt, and reads the NIC back. */
async function define(definition: InterfaceDefinition, base?: string) {
  const xml = guestXML({ name: 'vm1', interfaces: [renderInterface(definition, base)] })
  await host.virsh('define', '--validate', await host.file(xml))
  const [nic, ...more] = readDomain(await host.virsh('dumpxml', '--inactive', 'vm1')).interfaces
  expect(more).toEqual([])
  await host.virsh('undefine', 'vm1')
  return nic!
}

describe.each(changes)('%s', (_, port, settings, to) => {
  const model = 'virtio'
  const before: InterfaceDefinition = { port, alias, settings: { mac, model, ...settings } }
  const after: InterfaceDefinition = {
    port,
    alias,
    ...to,
    settings: { mac, model, ...settings, ...to.settings },
  }

  test('is valid for libvirt, before and after', async () => {
    const first = await define(before)
    expect(differencesOf(first.definition, before)).toEqual([])
    const then = await define(after, first.xml)
    expect(differencesOf(then.definition, after)).toEqual([])
  })

  test('is refused on a running guest, and in the saved definition it is made', async () => {
    const capabilities = await readCapabilities(client)
    const input = {
      persistent: true,
      saved: before,
      effective: after,
      updatePolicy: 'Live',
      capabilities,
    } as const
    const running = planChange({ ...input, running: true, live: before })
    expect(running).toMatchObject({ verdict: 'Refused', steps: [] })
    expect(running.differences.map(({ verdict }) => verdict)).toEqual(
      running.differences.map(() => 'Refused'),
    )
    expect(planChange({ ...input, running: false })).toMatchObject({
      verdict: 'InPlace',
      steps: [{ action: 'Update', target: 'saved' }],
    })
    expect(planChange({ ...input, running: true, live: before, updatePolicy: 'NextBoot' })).toMatchObject({
      verdict: 'NextBoot',
      steps: [{ action: 'Update', target: 'saved' }],
    })
  })
})
