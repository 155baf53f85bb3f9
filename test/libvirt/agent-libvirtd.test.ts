/** libvirtd dies in the midst of updates, or is away for a while; the agent is never started again. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { LabAgent } from '../lab/agent.ts'
import { startGuest } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'
import { guestInterface, inNetwork, type Manifest, pool } from '../lab/manifests.ts'
import { addVethPool } from '../lab/pool.ts'
import { interfaces, linkNames, type Macvtap, macvtaps } from '../lab/world.ts'

const guests = ['vm1', 'vm2', 'vm3', 'vm4']
let host: LabHost
let agent: LabAgent
let before: Macvtap[]
let links: string[]

const of = (guest: string, state: 'up' | 'down' = 'up'): Manifest =>
  guestInterface(guest, guest, { ...inNetwork('pt'), link: { state } })

beforeAll(async () => {
  host = await LabHost.start({ name: 'abc' })
  const devices = await addVethPool(host, 6)
  for (const name of guests) await startGuest(host, { name })
  agent = new LabAgent(host)
  await agent.apply(pool('pt', 'passthrough', devices), ...guests.map((guest) => of(guest)))
  await agent.start()
  for (const guest of guests) await agent.reaches(guest)
  before = await macvtaps(host)
  links = await linkNames(host)
})
afterAll(() => host?.stop())

/** Live and saved definition, kernel and status show the state; ports are as they were in the beginning. */
async function allAre(state: 'up' | 'down'): Promise<void> {
  for (const guest of guests) {
    await agent.reaches(guest)
    for (const definition of ['live', 'saved'] as const) {
      const found = await interfaces(host, guest, definition)
      expect(found).toHaveLength(1)
      expect(found[0]!.includes("<link state='down'/>")).toBe(state === 'down')
    }
  }
  expect(await macvtaps(host)).toEqual(before)
  expect(await linkNames(host)).toEqual(links)
}

it('kill -9 of libvirtd during updates: all converge once it is back', async () => {
  let state: 'up' | 'down' = 'up'
  for (const ms of [0, 3, 8, 20, 60]) {
    for (let i = 0; i < 5; i++) {
      state = state === 'up' ? 'down' : 'up'
      await agent.apply(...guests.map((guest) => of(guest, state)))
      await delay(15)
    }
    await delay(ms)
    await host.libvirtd.kill9()
    await host.libvirtd.start()
    await allAre(state)
  }
  expect(agent.alive).toBe(true)
})

/**
 * A libvirtd that is killed between QEMU's word and its own writing leaves QEMU with a NIC that libvirt knows nothing of, and
 * which keeps its name: status says so, and a restart of the guest ends it.
 */
async function pluggedInTheEnd(guest: string): Promise<void> {
  const stuck = /QEMU still has a NIC .* restart the guest/
  await expect
    .poll(async () => {
      const ready = await agent.condition(guest, 'Ready')
      return ready?.status === 'True' || stuck.test(ready?.message ?? '')
    })
    .toBe(true)
  if ((await agent.ready(guest)) !== 'True InSync') {
    await host.virsh('destroy', guest)
    await host.virsh('start', guest)
  }
  await agent.reaches(guest)
}

it('kill -9 of libvirtd during plugging and unplugging: no second macvtap, no port lost', async () => {
  const mortal = ['plug1', 'plug2']
  for (const name of mortal) await startGuest(host, { name })
  for (const ms of [5, 20, 50, 90]) {
    await agent.apply(...mortal.map((guest) => of(guest)))
    await delay(ms)
    await host.libvirtd.kill9()
    await host.libvirtd.start()
    for (const guest of mortal) {
      await pluggedInTheEnd(guest)
      expect(await interfaces(host, guest, 'live')).toHaveLength(1)
      expect(await interfaces(host, guest, 'saved')).toHaveLength(1)
    }
    expect(await macvtaps(host)).toHaveLength(guests.length + mortal.length)

    for (const guest of mortal) await host.virsh('destroy', guest)
    await agent.remove(...mortal.map((guest) => of(guest)))
    await delay(ms)
    await host.libvirtd.kill9()
    await host.libvirtd.start()
    await expect.poll(() => agent.storedNames('GuestInterface')).toEqual(guests)
    for (const guest of mortal) {
      expect(await interfaces(host, guest, 'saved')).toEqual([])
      await host.virsh('start', guest)
    }
    expect(await linkNames(host)).toEqual(links)
  }
})

it('a stop of libvirtd for 30 s: status says so, and what changed meanwhile is done after', async () => {
  await host.libvirtd.stop()
  const stopped = Date.now()
  await agent.apply(...guests.map((guest) => of(guest, 'down')), of('vm5'))
  for (const guest of [...guests, 'vm5']) await agent.reaches(guest, 'Unknown LibvirtUnavailable')
  await expect
    .poll(async () => (await agent.stored('Host', 'abc'))?.status?.conditions)
    .toContainEqual(
      expect.objectContaining({ type: 'Ready', status: 'Unknown', reason: 'LibvirtUnavailable' }),
    )
  for (const guest of guests) {
    expect((await agent.status(guest)).port).toMatchObject({ kind: 'direct', mode: 'passthrough' })
  }
  await delay(30_000 - (Date.now() - stopped))
  for (const guest of guests) expect(await agent.ready(guest)).toBe('Unknown LibvirtUnavailable')

  await host.libvirtd.start()
  await allAre('down')
  await agent.reaches('vm5', 'False GuestNotFound')
  expect(agent.alive).toBe(true)
})
