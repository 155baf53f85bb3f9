/** Guests come and go, start and stop, by whoever keeps them; their interfaces follow. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { LabAgent } from '../lab/agent.ts'
import { defineGuest, guestXML, startGuest } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'
import { guestInterface, inNetwork, type Manifest, pool } from '../lab/manifests.ts'
import { addBridge, addVethPool } from '../lab/pool.ts'
import { interfaces, linkNames, macvtaps } from '../lab/world.ts'

let host: LabHost
let agent: LabAgent
let links: string[]

const of = (guest: string, spec = {}): Manifest =>
  guestInterface(guest, guest, { ...inNetwork('pt'), ...spec })

beforeAll(async () => {
  host = await LabHost.start({ name: 'abc' })
  const devices = await addVethPool(host, 4)
  links = await linkNames(host)
  agent = new LabAgent(host)
  await agent.apply(pool('pt', 'passthrough', devices))
  await agent.start()
})
afterAll(() => host?.stop())

async function forgotten(name: string): Promise<void> {
  await expect.poll(() => agent.stored('GuestInterface', name)).toBeUndefined()
}

it('a guest that is defined later, started, stopped, undefined and defined anew', async () => {
  await agent.apply(of('late'))
  await agent.reaches('late', 'False GuestNotFound')
  expect((await agent.status('late')).port).toBeUndefined()

  await defineGuest(host, { name: 'late' })
  await agent.reaches('late')
  const { port, mac } = await agent.status('late')
  const saved = await interfaces(host, 'late', 'saved')
  expect(saved).toHaveLength(1)
  expect(saved[0]).toContain(`<mac address='${mac}'/>`)
  expect(saved[0]).toContain(`<source dev='${port!.dev}' mode='passthrough'/>`)
  expect(await macvtaps(host)).toEqual([])
  expect((await agent.status('late')).guestState).toBe('Off')

  await host.virsh('start', 'late')
  await expect.poll(async () => (await agent.status('late')).guestState).toBe('Running')
  await agent.reaches('late')
  expect(await interfaces(host, 'late', 'live')).toHaveLength(1)
  expect(await macvtaps(host)).toMatchObject([{ lower: port!.dev, mode: 'passthrough' }])

  await host.virsh('destroy', 'late')
  await expect.poll(async () => (await agent.status('late')).guestState).toBe('Off')
  await agent.reaches('late')
  await host.virsh('undefine', 'late')
  await agent.reaches('late', 'False GuestNotFound')
  expect((await agent.status('late')).port).toEqual(port)

  // Another guest of that name: another MAC address is made up, the port is the interface's own.
  await defineGuest(host, { name: 'late' })
  await agent.reaches('late')
  expect((await agent.status('late')).port).toEqual(port)
  expect((await agent.status('late')).mac).not.toBe(mac)
  await agent.remove(of('late'))
  await forgotten('late')
  expect(await interfaces(host, 'late', 'saved')).toEqual([])
})

it('a change while the guest is off, whatever it is', async () => {
  await defineGuest(host, { name: 'off' })
  await agent.apply(of('off'))
  await agent.reaches('off')
  await agent.apply(of('off', { model: 'e1000e', link: { state: 'down' } }))
  await agent.reaches('off')
  const [saved, ...more] = await interfaces(host, 'off', 'saved')
  expect(more).toEqual([])
  expect(saved).toContain("<model type='e1000e'/>")
  expect(saved).toContain("<link state='down'/>")
  await host.virsh('start', 'off')
  await expect.poll(async () => (await agent.status('off')).guestState).toBe('Running')
  await agent.reaches('off')
  expect((await interfaces(host, 'off', 'live'))[0]).toContain("<model type='e1000e'/>")
  await host.virsh('destroy', 'off')
  await agent.remove(of('off'))
  await forgotten('off')
})

it('NextBoot changes the saved definition, and the guest takes it over when it starts again', async () => {
  await startGuest(host, { name: 'boot' })
  await agent.apply(of('boot', { updatePolicy: 'NextBoot', model: 'virtio' }))
  // Not there yet: nothing is plugged into a running guest.
  await agent.reaches('boot')
  expect(await agent.condition('boot', 'RestartRequired')).toMatchObject({ status: 'True' })
  expect(await interfaces(host, 'boot', 'live')).toEqual([])
  await host.virsh('destroy', 'boot')
  await host.virsh('start', 'boot')
  await expect.poll(() => agent.condition('boot', 'RestartRequired')).toMatchObject({ status: 'False' })
  expect(await interfaces(host, 'boot', 'live')).toHaveLength(1)

  await agent.apply(of('boot', { updatePolicy: 'NextBoot', model: 'e1000e' }))
  await agent.reaches('boot')
  expect(await agent.condition('boot', 'RestartRequired')).toMatchObject({ status: 'True' })
  expect((await interfaces(host, 'boot', 'live'))[0]).toContain("<model type='virtio'/>")
  expect((await interfaces(host, 'boot', 'saved'))[0]).toContain("<model type='e1000e'/>")
  await host.virsh('destroy', 'boot')
  await host.virsh('start', 'boot')
  await expect.poll(() => agent.condition('boot', 'RestartRequired')).toMatchObject({ status: 'False' })
  expect((await interfaces(host, 'boot', 'live'))[0]).toContain("<model type='e1000e'/>")
  await host.virsh('destroy', 'boot')
  await agent.remove(of('boot', { updatePolicy: 'NextBoot', model: 'e1000e' }))
  await forgotten('boot')
})

it('NextBoot to another kind of port leaves the running guest on the one that it has', async () => {
  await addBridge(host, 'br0')
  await startGuest(host, { name: 'kind' })
  await agent.apply(of('kind'))
  await agent.reaches('kind')
  const before = await interfaces(host, 'kind', 'live')
  const moved = { updatePolicy: 'NextBoot', source: { bridge: { name: 'br0' } } }
  await agent.apply(of('kind', moved))
  await agent.reaches('kind')
  expect(await agent.condition('kind', 'RestartRequired')).toMatchObject({ status: 'True' })
  expect(await interfaces(host, 'kind', 'live')).toEqual(before)
  expect((await interfaces(host, 'kind', 'saved'))[0]).toContain("<source bridge='br0'/>")
  await host.virsh('destroy', 'kind')
  await agent.remove(of('kind', moved))
  await forgotten('kind')
  await host.run('ip link delete br0')
})

it('a transient guest has it while it runs', async () => {
  await agent.apply(of('brief'))
  await agent.reaches('brief', 'False GuestNotFound')
  await host.virsh('create', await host.file(guestXML({ name: 'brief' })))
  await agent.reaches('brief')
  expect(await interfaces(host, 'brief', 'live')).toHaveLength(1)
  await host.virsh('destroy', 'brief')
  await agent.reaches('brief', 'False GuestNotFound')
  await agent.remove(of('brief'))
  await forgotten('brief')
  expect(await linkNames(host)).toEqual(links)
})

it('a guest that is destroyed while it is plugged in, again and again', async () => {
  await startGuest(host, { name: 'fragile' })
  for (const ms of [0, 10, 20, 30, 45, 70, 400]) {
    await agent.apply(of('fragile'))
    await delay(ms)
    await host.virsh('destroy', 'fragile')
    await host.virsh('start', 'fragile')
    await agent.reaches('fragile')
    await expect.poll(async () => (await interfaces(host, 'fragile', 'live')).length).toBe(1)
    expect(await interfaces(host, 'fragile', 'saved')).toHaveLength(1)
    expect(await macvtaps(host)).toHaveLength(1)
    await host.virsh('destroy', 'fragile')
    await agent.remove(of('fragile'))
    await forgotten('fragile')
    expect(await linkNames(host)).toEqual(links)
    await host.virsh('start', 'fragile')
  }
  await host.virsh('destroy', 'fragile')
})

it('Retain leaves the NIC where it is, and nobody else gets its device', async () => {
  await startGuest(host, { name: 'kept' })
  const manifest = of('kept', { deletionPolicy: 'Retain' })
  await agent.apply(manifest)
  await agent.reaches('kept')
  const { dev } = (await agent.status('kept')).port!
  const before = await interfaces(host, 'kept', 'live')
  await agent.remove(manifest)
  await forgotten('kept')
  expect(await interfaces(host, 'kept', 'live')).toEqual(before)
  expect(await interfaces(host, 'kept', 'saved')).toHaveLength(1)
  for (const name of ['after0', 'after1', 'after2', 'after3']) {
    await defineGuest(host, { name })
    await agent.apply(of(name))
  }
  await expect
    .poll(async () => (await Promise.all([0, 1, 2, 3].map((i) => agent.ready(`after${i}`)))).sort())
    .toEqual(['False PoolExhausted', 'True InSync', 'True InSync', 'True InSync'])
  for (const i of [0, 1, 2, 3]) expect((await agent.status(`after${i}`)).port?.dev).not.toBe(dev)

  // Asked for again, it is the same interface at the same port.
  await agent.apply(manifest)
  await agent.reaches('kept')
  expect((await agent.status('kept')).port?.dev).toBe(dev)
  expect(await interfaces(host, 'kept', 'live')).toEqual(before)
})

it('a change that somebody else made and no event told is found and put right', async () => {
  const [live] = await interfaces(host, 'kept', 'live')
  const [, device] = /<target dev='(macvtap\d+)'\/>/.exec(live!)!
  const [saved] = await interfaces(host, 'kept', 'saved')
  await host.virsh('detach-device', 'kept', await host.file(saved!), '--config')
  await host.virsh('domif-setlink', 'kept', device!, 'down')
  // By the resync, every 30 s.
  await expect
    .poll(() => host.virsh('domif-getlink', 'kept', device!), { timeout: 45_000 })
    .toBe(`${device} up`)
  await expect.poll(() => interfaces(host, 'kept', 'saved')).toEqual([saved])
})
