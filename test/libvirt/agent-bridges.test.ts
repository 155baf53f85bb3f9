import { afterAll, beforeAll, expect, it } from 'vitest'
import { LabAgent } from '../lab/agent.ts'
import { startGuest } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'
import { guestInterface, inNetwork, type Manifest, network } from '../lab/manifests.ts'
import { addBridge, addOpenVswitchBridge } from '../lab/pool.ts'
import { interfaces, libvirtVersion } from '../lab/world.ts'

const id = '09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f'
let host: LabHost
let agent: LabAgent

beforeAll(async () => {
  host = await LabHost.start({ name: 'abc', openVswitch: true })
  await addBridge(host, 'br0')
  await addOpenVswitchBridge(host, 'ovsbr0')
  agent = new LabAgent(host)
  await agent.apply(
    network('linux', { forward: { mode: 'bridge' }, bridge: { name: 'br0' } }),
    network('ovs', {
      forward: { mode: 'bridge' },
      bridge: { name: 'ovsbr0' },
      virtualPort: { type: 'openvswitch', profileID: 'sales' },
      vlan: { tags: [{ id: 42 }] },
    }),
  )
  await agent.start()
})
afterAll(() => host?.stop())

/** The tap of a guest's only interface. */
async function tapOf(guest: string): Promise<string> {
  const [live, ...more] = await interfaces(host, guest, 'live')
  expect(more).toEqual([])
  return /<target dev='([^']+)'\/>/.exec(live!)![1]!
}

async function plugged(manifest: Manifest, guest: string): Promise<string> {
  await startGuest(host, { name: guest })
  await agent.apply(manifest)
  await agent.reaches(manifest.metadata.name)
  return tapOf(guest)
}

const master = (link: string) => host.run(`basename "$(readlink /sys/class/net/${link}/master)"`)

it('a network of an existing Linux bridge', async () => {
  const manifest = (link: 'up' | 'down') =>
    guestInterface('lan', 'vm1', { ...inNetwork('linux'), link: { state: link } })
  const tap = await plugged(manifest('up'), 'vm1')
  expect(await master(tap)).toBe('br0')
  expect((await agent.status('lan')).port).toMatchObject({ kind: 'bridge', bridge: 'br0', name: 'br0' })
  await agent.apply(manifest('down'))
  await agent.reaches('lan')
  expect(await host.virsh('domif-getlink', 'vm1', tap)).toBe(`${tap} down`)
  expect(await tapOf('vm1')).toBe(tap)
  expect(await master(tap)).toBe('br0')
})

it('a bridge that the interface names itself, with a tap of its name', async () => {
  const manifest = guestInterface('own', 'vm2', {
    source: { bridge: { name: 'br0' } },
    targetDevice: 'vm2lan',
  })
  expect(await plugged(manifest, 'vm2')).toBe('vm2lan')
  expect(await master('vm2lan')).toBe('br0')
})

it('an Open vSwitch bridge: ids, profile and VLAN from interface and network', async () => {
  const manifest = (link: 'up' | 'down') =>
    guestInterface('switched', 'vm3', {
      ...inNetwork('ovs'),
      virtualPort: { interfaceID: id },
      link: { state: link },
    })
  const tap = await plugged(manifest('up'), 'vm3')
  const asBefore = async () => {
    const { mac, guestUUID } = await agent.status('switched')
    expect(await host.run(`ovs-vsctl port-to-br ${tap}`)).toBe('ovsbr0')
    expect(await host.run(`ovs-vsctl get port ${tap} tag`)).toBe('42')
    const ids = await host.run(`ovs-vsctl get interface ${tap} external_ids`)
    for (const each of [`iface-id="${id}"`, 'port-profile=sales', `attached-mac="${mac}"`, guestUUID]) {
      expect(ids).toContain(each)
    }
  }
  await asBefore()
  await agent.apply(manifest('down'))
  await agent.reaches('switched')
  expect(await host.virsh('domif-getlink', 'vm3', tap)).toBe(`${tap} down`)
  await asBefore()
  const [saved] = await interfaces(host, 'vm3', 'saved')
  expect(saved).toContain("<source bridge='ovsbr0'/>")
  expect(saved).toContain(`interfaceid='${id}'`)
})

it('an interface id that nobody gave is made up once', async () => {
  const manifest = guestInterface('made-up', 'vm4', {
    source: { bridge: { name: 'ovsbr0' } },
    virtualPort: { type: 'openvswitch' },
  })
  const tap = await plugged(manifest, 'vm4')
  const { interfaceID } = (await agent.status('made-up')).effective!.virtualPort!
  expect(interfaceID).toMatch(/^[0-9a-f-]{36}$/)
  expect(await host.run(`ovs-vsctl get interface ${tap} external_ids:iface-id`)).toBe(`"${interfaceID}"`)
  await agent.kill9()
  await agent.start()
  await agent.up()
  await agent.reaches('made-up')
  expect(await tapOf('vm4')).toBe(tap)
  expect((await agent.status('made-up')).effective!.virtualPort!.interfaceID).toBe(interfaceID)
})

it('a tap that somebody took out of its bridge is put back', async () => {
  const tap = await tapOf('vm1')
  await host.run(`ip link set ${tap} nomaster`)
  await expect.poll(() => master(tap).catch(() => 'none')).toBe('br0')
  await agent.reaches('lan')
})

it('taps are put back when their bridge is made anew', async () => {
  const taps = [await tapOf('vm1'), await tapOf('vm2')]
  await host.run('ip link delete br0')
  await agent.reaches('lan', 'False NotVerified')
  await addBridge(host, 'br0')
  for (const tap of taps) await expect.poll(() => master(tap).catch(() => 'none')).toBe('br0')
  await agent.reaches('lan')
  await agent.reaches('own')
})

it('a replug is not stopped by the tap of the interface itself', async () => {
  const own = { source: { bridge: { name: 'br0' } }, targetDevice: 'vm2lan' }
  await agent.apply(guestInterface('own', 'vm2', { ...own, model: 'e1000e', updatePolicy: 'Replug' }))
  // As far as it goes with a guest that has halted.
  await agent.reaches('own', 'False GuestNotReleasing')
  await agent.apply(guestInterface('own', 'vm2', own))
  await agent.reaches('own')
  expect(await tapOf('vm2')).toBe('vm2lan')
})

it('a bridge of another kind is refused while the guest runs, and nothing is touched', async () => {
  const before = await host.virsh('dumpxml', 'vm1')
  await agent.apply(
    guestInterface('lan', 'vm1', {
      source: { bridge: { name: 'ovsbr0' } },
      virtualPort: { type: 'openvswitch', interfaceID: id },
      link: { state: 'down' },
    }),
  )
  // libvirt 10.8 and later can.
  if ((await libvirtVersion(host)) >= 10_008_000) return agent.reaches('lan')
  await agent.reaches('lan', 'False LiveChangeRefused')
  expect((await agent.condition('lan', 'Ready'))!.message).toContain('it can from 10.8 on')
  expect(await host.virsh('dumpxml', 'vm1')).toBe(before)
  expect(await master(await tapOf('vm1'))).toBe('br0')
})
