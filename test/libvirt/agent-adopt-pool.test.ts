/**
 * NICs whose device libvirt itself took from the pool of one of its networks, beside ours out of the same pool: taken over so that
 * libvirt's hold on the device stands, none of them handed out by us again, and told when libvirt does.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { LabAgent } from '../lab/agent.ts'
import { defineGuest, startGuest } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'
import { guestInterface, inNetwork, network, pool, portGroup } from '../lab/manifests.ts'
import { addOpenVswitchBridge, addVethPool } from '../lab/pool.ts'
import { deviceOf, interfaces, macvtaps, snapshot } from '../lab/world.ts'

let host: LabHost
let agent: LabAgent

const mac = (n: number) => `52:54:00:0a:00:0${n}`
const nic = (n: number, source: string) =>
  `<interface type='network'><mac address='${mac(n)}'/><source ${source}/><model type='virtio'/></interface>`
const inPool = (n: number) => nic(n, "network='fast'")
const adopting = (n: number) => ({ mac: mac(n), adopt: true })
const devices = ['pool0', 'pool1', 'pool2', 'pool3', 'pool4']

beforeAll(async () => {
  host = await LabHost.start({ name: 'abc', openVswitch: true })
  await addVethPool(host, 7)
  await addOpenVswitchBridge(host, 'ovs0')
  const passthrough = (name: string, devs: string[]) =>
    `<network><name>${name}</name><forward mode='passthrough'>${devs.map((dev) => `<interface dev='${dev}'/>`).join('')}</forward></network>`
  const openVswitch = `<network><name>switch</name><forward mode='bridge'/><bridge name='ovs0'/><virtualport type='openvswitch'/>
    <portgroup name='sales'><vlan><tag id='10'/></vlan><virtualport type='openvswitch'><parameters profileid='sales'/></virtualport></portgroup></network>`
  for (const xml of [passthrough('fast', devices), passthrough('small', ['pool5', 'pool6']), openVswitch]) {
    await host.virsh('net-define', await host.file(xml))
  }
  for (const name of ['fast', 'small', 'switch']) await host.virsh('net-start', name)
  await startGuest(host, { name: 'theirs', interfaces: [inPool(1)] })
  await startGuest(host, { name: 'legacy', interfaces: [inPool(2)] })
  await startGuest(host, { name: 'leaver', interfaces: [nic(3, "network='small'")] })
  await startGuest(host, { name: 'seller', interfaces: [nic(4, "network='switch' portgroup='sales'")] })
  for (const name of ['own', 'more']) await startGuest(host, { name })
  for (const n of [5, 6]) await defineGuest(host, { name: `late${n}`, interfaces: [inPool(n)] })
  agent = new LabAgent(host)
  await agent.apply(
    pool('fast', 'passthrough', devices),
    pool('small', 'passthrough', ['pool5', 'pool6']),
    network('switch', {
      forward: { mode: 'bridge' },
      bridge: { name: 'ovs0' },
      virtualPort: { type: 'openvswitch' },
    }),
    portGroup('sales', 'switch', { virtualPort: { profileID: 'sales' }, vlan: { tags: [{ id: 10 }] } }),
  )
  await agent.start()
  await agent.up()
}, 60_000)
afterAll(() => host?.stop())

const port = async (name: string) => (await agent.status(name)).port?.name
const ready = async (name: string) => (await agent.condition(name, 'Ready'))?.message ?? ''
const allocated = async (name: string) => (await agent.condition(name, 'PortAllocated'))?.message ?? ''
const poolRow = async (device: string) =>
  (await agent.stored('Host', 'abc'))?.status?.pools
    ?.flatMap((each) => each.devices)
    .find(({ name }) => name === device)

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await delay(20)
}

/** What libvirt thinks is taken. */
async function libvirtsPorts(name: string): Promise<string> {
  return (await host.virsh('net-dumpxml', name)) + (await host.virsh('net-port-list', name))
}

it('a NIC whose device libvirt took from its pool is taken over as it is, and nobody gets its device', async () => {
  const withoutMark = (world: unknown) => JSON.stringify(world).replace(/ *<metadata>.*?<\/metadata>\\n/g, '')
  const before = withoutMark(await snapshot(host, 'legacy'))
  const ports = await libvirtsPorts('fast')
  await agent.apply(guestInterface('legacy', 'legacy', { ...adopting(2), ...inNetwork('fast') }))
  await agent.reaches('legacy')
  expect((await agent.status('legacy')).plan?.verdict).toBe('None')
  expect(await port('legacy')).toBe('pool1 (passthrough)')
  expect(withoutMark(await snapshot(host, 'legacy'))).toEqual(before)
  expect(await libvirtsPorts('fast')).toEqual(ports)

  await agent.apply(guestInterface('own', 'own', inNetwork('fast')))
  await agent.reaches('own')
  expect(await port('own')).toBe('pool2 (passthrough)')
})

it('its link is changed while libvirt keeps its hold on the device', async () => {
  const ports = await libvirtsPorts('fast')
  const down = { ...adopting(2), ...inNetwork('fast'), link: { state: 'down' as const } }
  await agent.apply(guestInterface('legacy', 'legacy', down))
  await agent.reaches('legacy')
  const [live] = await interfaces(host, 'legacy', 'live')
  expect(live).toMatch("<link state='down'/>")
  expect(live).toMatch('portid=')
  const [saved] = await interfaces(host, 'legacy', 'saved')
  expect(saved).toMatch("<interface type='network'>")
  expect(saved).toMatch("<source network='fast'/>")
  expect(saved).toMatch("<link state='down'/>")
  expect(await libvirtsPorts('fast')).toEqual(ports)
})

it('on a bridge of Open vSwitch the saved definition keeps network and port group, and the id that libvirt made up stays', async () => {
  const before = await snapshot(host, 'seller')
  const id = /interfaceid='([^']+)'/.exec((await interfaces(host, 'seller', 'live')).join())![1]
  await agent.apply(guestInterface('seller', 'seller', { ...adopting(4), ...inNetwork('switch', 'sales') }))
  await agent.reaches('seller')
  const { plan, effective } = await agent.status('seller')
  expect(plan?.verdict).toBe('None')
  expect(effective?.virtualPort).toEqual({ type: 'openvswitch', interfaceID: id, profileID: 'sales' })
  expect(
    JSON.stringify(await snapshot(host, 'seller')).replace(/ *<metadata>.*?<\/metadata>\\n/g, ''),
  ).toEqual(JSON.stringify(before))
  await agent.apply(
    portGroup('sales', 'switch', { virtualPort: { profileID: 'sales' }, vlan: { tags: [{ id: 20 }] } }),
  )
  await until(async () => (await interfaces(host, 'seller', 'live')).join().includes("<tag id='20'/>"))
  await agent.reaches('seller')
  expect(await host.run(`ovs-vsctl get port ${await deviceOf(host, 'seller', mac(4))} tag`)).toBe('20')
  expect((await interfaces(host, 'seller', 'saved')).join()).toMatch(
    "<source network='switch' portgroup='sales'/>",
  )
})

it('after a live update of the network no device is handed out twice by us, and libvirt having lost count is told', async () => {
  await host.virsh('net-update', 'fast', 'add-last', 'portgroup', "<portgroup name='x'/>", '--live')
  expect(await host.virsh('net-dumpxml', 'fast')).not.toMatch('connections')
  await agent.apply(guestInterface('more', 'more', inNetwork('fast')))
  await agent.reaches('more')
  expect(await port('more')).toBe('pool3 (passthrough)')
  await agent.apply(guestInterface('legacy', 'legacy', { ...adopting(2), ...inNetwork('fast') }))
  await agent.reaches('legacy')
  expect(await port('legacy')).toBe('pool1 (passthrough)')
  expect(await allocated('legacy')).toMatch('libvirt has lost count of pool1')
  const lower = (await macvtaps(host)).map((each) => each.lower)
  expect(new Set(lower).size).toBe(lower.length)
})

it('a device that libvirt has handed out twice is told, naming both guests, in the pool and by our interface on it', async () => {
  // The kernel has one macvtap on such a device: the second guest starts only once somebody has removed the first one's.
  const remove = async (guest: string, n: number) =>
    host.run(`ip link del ${await deviceOf(host, guest, mac(n))}`)
  await expect(host.virsh('start', 'late5')).rejects.toThrow()
  await remove('theirs', 1)
  await remove('legacy', 2)
  await host.virsh('net-update', 'fast', 'add-last', 'portgroup', "<portgroup name='y'/>", '--live')
  for (const guest of ['late5', 'late6']) await host.virsh('start', guest)
  expect((await interfaces(host, 'late5', 'live')).join()).toMatch("dev='pool0'")
  expect((await interfaces(host, 'late6', 'live')).join()).toMatch("dev='pool1'")

  await agent.reaches('legacy', 'False DeviceInUse')
  expect(await ready('legacy')).toMatch(/pool1.*handed out twice: the running guests late6 and legacy/)
  await until(async () => (await poolRow('pool0'))?.unavailable?.includes('late5 and theirs') ?? false)
  expect((await poolRow('pool1'))?.unavailable).toMatch('late6 and legacy')

  await host.virsh('destroy', 'late6')
  await agent.reaches('legacy', 'False NotVerified')
  await until(async () => !(await poolRow('pool1'))?.unavailable)
})

it('while the guest is off no device is held for it, and it gets the one that libvirt chooses at its start', async () => {
  for (const guest of ['late5', 'theirs', 'legacy']) await host.virsh('destroy', guest)
  // What libvirt gives back after it has lost count it counts as less than nothing, and never gives away again.
  await host.libvirtd.stop()
  await host.libvirtd.start()
  await until(async () => (await port('legacy')) === 'fast')
  await agent.reaches('legacy')
  await host.virsh('start', 'legacy')
  await until(async () => (await port('legacy')) === 'pool0 (passthrough)')
  await agent.reaches('legacy')
  expect((await interfaces(host, 'legacy', 'saved')).join()).toMatch("<source network='fast'/>")
})

it('the saved definition names the device only once it has left the pool of the network', async () => {
  const leaver = (spec: object) =>
    guestInterface('leaver', 'leaver', { ...adopting(3), ...inNetwork('small'), ...spec })
  const direct = { source: { direct: { dev: 'pool5', mode: 'passthrough' as const } } }
  await agent.apply(leaver(direct))
  await agent.reaches('leaver', 'False DeviceInUse')
  expect(await ready('leaver')).toMatch("pool5 is in the pool of libvirt's network small")
  await agent.apply(leaver({}))
  await agent.reaches('leaver')
  expect((await interfaces(host, 'leaver', 'saved')).join()).toMatch("<source network='small'/>")

  const drop = ['delete', 'forward-interface', "<interface dev='pool5'/>"]
  await host.virsh('net-update', 'small', 'add-last', 'portgroup', "<portgroup name='x'/>", '--live')
  await host.virsh('net-update', 'small', ...drop, '--live')
  await agent.apply(leaver({ link: { state: 'down' as const } }))
  await agent.reaches('leaver')
  expect((await interfaces(host, 'leaver', 'saved')).join()).toMatch("<source network='small'/>")
  await host.virsh('net-update', 'small', ...drop, '--config')
  await agent.apply(leaver({ link: { state: 'up' as const } }))
  await agent.reaches('leaver')
  expect((await interfaces(host, 'leaver', 'saved')).join()).toMatch(
    "<source dev='pool5' mode='passthrough'/>",
  )
  await host.virsh('destroy', 'leaver')
  await host.virsh('start', 'leaver')
  await agent.reaches('leaver')
  expect(await port('leaver')).toBe('pool5 (passthrough)')
})
