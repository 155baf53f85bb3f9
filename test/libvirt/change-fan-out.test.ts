/** An edited Network or PortGroup reaches every interface that uses it, with a result for each. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { PortGroupSpec } from '../../src/api/port-group.ts'
import { LabAgent } from '../lab/agent.ts'
import { defineGuest, startGuest } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'
import { guestInterface, inNetwork, network, portGroup } from '../lab/manifests.ts'
import { addBridge, addOpenVswitchBridge } from '../lab/pool.ts'
import { deviceOf, interfaces, snapshot } from '../lab/world.ts'

const running = ['vm1', 'vm2', 'vm3']
const guests = [...running, 'off']
let host: LabHost
let agent: LabAgent

const ovs = (bridge = 'ovs0') =>
  network('ovs', {
    forward: { mode: 'bridge' },
    bridge: { name: bridge },
    virtualPort: { type: 'openvswitch' },
  })
const linux = (bridge: string) => network('linux', { forward: { mode: 'bridge' }, bridge: { name: bridge } })
const sales = (spec: Omit<Partial<PortGroupSpec>, 'networkName'> = {}) => portGroup('sales', 'ovs', spec)
const index = (guest: string) => guests.indexOf(guest) + 1
const macOf = (guest: string, nic: number) => `52:54:00:00:0${nic}:0${index(guest)}`

beforeAll(async () => {
  host = await LabHost.start({ name: 'abc', openVswitch: true })
  await addOpenVswitchBridge(host, 'ovs0')
  await addOpenVswitchBridge(host, 'ovs1')
  for (const bridge of ['br0', 'br1']) await addBridge(host, bridge)
  for (const name of running) await startGuest(host, { name })
  await defineGuest(host, { name: 'off' })
  agent = new LabAgent(host)
  await agent.apply(ovs(), linux('br0'), sales())
  for (const guest of guests) {
    await agent.apply(
      guestInterface(`${guest}-a`, guest, { mac: macOf(guest, 1), ...inNetwork('ovs', 'sales') }),
      guestInterface(`${guest}-b`, guest, { mac: macOf(guest, 2), ...inNetwork('linux') }),
    )
  }
  await agent.start()
})
afterAll(() => host?.stop())

/** An edit of a network changes no interface's generation: what it came to is seen on the host only. */
beforeEach(async () => {
  await agent.apply(ovs(), linux('br0'), sales())
  await expect.poll(() => Promise.all(guests.map(isAsPlugged))).toEqual(guests.map(() => true))
})

async function isAsPlugged(guest: string): Promise<boolean> {
  const both = [await saved(guest, 1), await saved(guest, 2)].join()
  if (!both.includes("<source bridge='br0'/>") || !both.includes("<source bridge='ovs0'/>")) return false
  if (both.includes('<vlan>')) return false
  const ready = [await agent.ready(`${guest}-a`), await agent.ready(`${guest}-b`)]
  if (ready.some((each) => each !== 'True InSync')) return false
  return guest === 'off' || ((await tag(guest)) === '[]' && (await master(guest)) === 'br0')
}

const tag = async (guest: string) =>
  host.run(`ovs-vsctl get port ${await deviceOf(host, guest, macOf(guest, 1))} tag`)
const saved = async (guest: string, nic: number) =>
  (await interfaces(host, guest, 'saved')).find((xml) => xml.includes(macOf(guest, nic)))
const master = async (guest: string) =>
  host.run(`basename "$(readlink /sys/class/net/${await deviceOf(host, guest, macOf(guest, 2))}/master)"`)

it('a port group', async () => {
  await agent.apply(sales({ vlan: { tags: [{ id: 17 }] } }))
  for (const guest of running) await expect.poll(() => tag(guest)).toBe('17')
  for (const guest of guests) {
    await expect.poll(() => saved(guest, 1)).toContain("<tag id='17'/>")
    await agent.reaches(`${guest}-a`)
    expect((await agent.status(`${guest}-a`)).effective).toMatchObject({ vlan: { tags: [{ id: 17 }] } })
  }
})

it('a network: to another bridge, those that use it and no others', async () => {
  const before = await Promise.all(guests.map((guest) => saved(guest, 1)))
  await agent.apply(linux('br1'))
  for (const guest of running) await expect.poll(() => master(guest)).toBe('br1')
  for (const guest of guests) {
    await expect.poll(() => saved(guest, 2)).toContain("<source bridge='br1'/>")
    await expect.poll(() => agent.status(`${guest}-b`)).toMatchObject({ port: { bridge: 'br1' } })
    await agent.reaches(`${guest}-b`)
  }
  expect(await Promise.all(guests.map((guest) => saved(guest, 1)))).toEqual(before)
})

it('an edit that no running guest can take is refused for each, and touches nobody who runs', async () => {
  const before = await snapshot(host, ...running)
  await agent.apply(network('linux', { forward: { mode: 'passthrough', interfaces: [{ dev: 'br0' }] } }))
  for (const guest of running) {
    await agent.reaches(`${guest}-b`, 'False LiveChangeRefused')
    const { plan, port } = await agent.status(`${guest}-b`)
    expect(plan).toMatchObject({ verdict: 'Refused', steps: [] })
    expect(plan!.differences.map(({ field }) => field)).toEqual(['source'])
    expect(port).toMatchObject({ kind: 'bridge', bridge: 'br0' })
  }
  expect(await snapshot(host, ...running)).toEqual(before)
})

it('an edit that resolves to nothing possible is refused for each, and touches nobody at all', async () => {
  const before = await snapshot(host, ...guests)
  await agent.apply(sales({ portIsolation: true, virtualPort: { type: '802.1Qbh', profileID: 'a' } }))
  for (const guest of guests) await agent.reaches(`${guest}-a`, 'False VirtualPortConflict')
  await agent.apply(sales({ portIsolation: true }))
  for (const guest of guests) await agent.reaches(`${guest}-a`, 'False SettingNotSupported')
  expect(await snapshot(host, ...guests)).toEqual(before)
})
