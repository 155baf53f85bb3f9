import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LabAgent } from '../lab/agent.ts'
import { defineGuest, startGuest } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'
import { guestInterface, inNetwork, type Manifest, pool } from '../lab/manifests.ts'
import { addBridge, addVethPool } from '../lab/pool.ts'
import { interfaces, macvtaps, snapshot } from '../lab/world.ts'

let host: LabHost
let agent: LabAgent

beforeAll(async () => {
  host = await LabHost.start({ name: 'abc' })
  agent = new LabAgent(host)
  await agent.start()
})
afterAll(() => host?.stop())

/** The device that a saved definition and status agree upon; undefined when neither names one. */
async function deviceOf(name: string, guest: string): Promise<string | undefined> {
  const [saved] = await interfaces(host, guest, 'saved')
  const device = /<source dev='([^']+)'/.exec(saved ?? '')?.[1]
  expect((await agent.status(name)).port?.dev).toBe(device)
  return device
}

describe('two passthrough devices', () => {
  const guests = ['ex1', 'ex2', 'ex3', 'ex4', 'ex5']
  const of = (guest: string): Manifest => guestInterface(guest, guest, inNetwork('exclusive'))

  beforeAll(async () => {
    await addVethPool(host, 2, 'ex')
    // Three run, two are off: a device is held all the same.
    for (const name of guests.slice(0, 3)) await startGuest(host, { name })
    for (const name of guests.slice(3)) await defineGuest(host, { name })
  })

  it('go to two interfaces, the third and fourth wait', async () => {
    await agent.apply(pool('exclusive', 'passthrough', ['ex0', 'ex1']))
    for (const guest of ['ex1', 'ex2']) {
      await agent.apply(of(guest))
      await agent.reaches(guest)
    }
    expect(await deviceOf('ex1', 'ex1')).toBe('ex0')
    expect(await deviceOf('ex2', 'ex2')).toBe('ex1')
    const before = await snapshot(host, ...guests)
    for (const guest of ['ex4', 'ex3']) {
      await agent.apply(of(guest))
      await agent.reaches(guest, 'False PoolExhausted')
    }
    const { message } = (await agent.condition('ex3', 'Ready'))!
    expect(message).toContain('ex0: held by default/ex1')
    expect(message).toContain('ex1: held by default/ex2')
    expect((await agent.status('ex3')).port).toBeUndefined()
    expect(await snapshot(host, ...guests)).toEqual(before)
  })

  it('go to the longest waiting when they are freed, and nobody ever shares one', async () => {
    // A guest that has halted does not let go of a NIC: its device stays held until it is off.
    await agent.remove(of('ex1'))
    await expect
      .poll(() => agent.condition('ex1', 'Ready'))
      .toMatchObject({ reason: 'GuestNotReleasing', message: expect.stringContaining('ex1') })
    await agent.reaches('ex4', 'False PoolExhausted')
    await agent.apply(of('ex5'))
    await agent.reaches('ex5', 'False PoolExhausted')

    await host.virsh('destroy', 'ex1')
    await agent.reaches('ex4')
    expect(await deviceOf('ex4', 'ex4')).toBe('ex0')
    expect(await interfaces(host, 'ex1', 'saved')).toEqual([])
    await agent.reaches('ex3', 'False PoolExhausted')
    await agent.reaches('ex5', 'False PoolExhausted')

    await agent.remove(of('ex4'))
    await agent.reaches('ex3')
    expect(await deviceOf('ex3', 'ex3')).toBe('ex0')
    await agent.reaches('ex5', 'False PoolExhausted')
    expect((await macvtaps(host)).map(({ lower }) => lower).sort()).toEqual(['ex0', 'ex1'])
  })

  it('are held by guests that are off, through a restart of the agent', async () => {
    await host.virsh('destroy', 'ex2')
    await agent.kill9()
    await agent.start()
    await agent.up()
    await expect.poll(async () => (await agent.status('ex2')).guestState).toBe('Off')
    await agent.reaches('ex5', 'False PoolExhausted')
    expect(await deviceOf('ex2', 'ex2')).toBe('ex1')
    await host.virsh('start', 'ex2')
    await agent.reaches('ex2')
    expect((await macvtaps(host)).map(({ lower }) => lower).sort()).toEqual(['ex0', 'ex1'])
  })

  it('go to one each when many ask at once', async () => {
    const names = Array.from({ length: 6 }, (_, i) => `race${i}`)
    await addVethPool(host, 3, 'race')
    await Promise.all(names.map((name) => defineGuest(host, { name })))
    await agent.apply(...names.map((name) => guestInterface(name, name, inNetwork('race'))))
    await agent.apply(pool('race', 'passthrough', ['race0', 'race1', 'race2']))
    await expect
      .poll(async () => (await Promise.all(names.map((name) => agent.ready(name)))).sort())
      .toEqual([...Array(3).fill('False PoolExhausted'), ...Array(3).fill('True InSync')])
    const devices = await Promise.all(names.map((name) => deviceOf(name, name)))
    expect(devices.filter((device) => device !== undefined).sort()).toEqual(['race0', 'race1', 'race2'])
  })
})

describe.each(['bridge', 'vepa', 'private'] as const)('devices shared in mode %s', (mode) => {
  const guest = (i: number) => `${mode}${i}`
  const of = (i: number): Manifest => guestInterface(guest(i), guest(i), inNetwork(mode))

  it('go to the least used, then in the order of the list', async () => {
    const [first, second, third] = await addVethPool(host, 3, mode)
    for (let i = 0; i < 5; i++) {
      if (i === 0) await startGuest(host, { name: guest(i) })
      else await defineGuest(host, { name: guest(i) })
    }
    // The order of the list, which is not that of their names.
    await agent.apply(pool(mode, mode, [second!, third!, first!]))
    const devices: (string | undefined)[] = []
    for (let i = 0; i < 4; i++) {
      await agent.apply(of(i))
      await agent.reaches(guest(i))
      devices.push(await deviceOf(guest(i), guest(i)))
    }
    expect(devices).toEqual([second, third, first, second])
    expect(await macvtaps(host)).toContainEqual(expect.objectContaining({ lower: second, mode }))

    await agent.remove(of(1))
    await expect.poll(() => agent.stored('GuestInterface', guest(1))).toBeUndefined()
    await agent.apply(of(4))
    await agent.reaches(guest(4))
    expect(await deviceOf(guest(4), guest(4))).toBe(third)
  })
})

describe('a device that somebody else has is not handed out, and status says why', () => {
  let taken = 0
  const direct = (dev: string) =>
    `<interface type='direct'><source dev='${dev}' mode='passthrough'/><model type='virtio'/></interface>`

  it.each<[what: string, take: (dev: string) => Promise<unknown>, reason: string]>([
    [
      'an address',
      (dev) => host.run(`ip address add 10.77.0.1/24 dev ${dev}`),
      'carries the address 10.77.0.1/24',
    ],
    [
      'an IPv6 address',
      (dev) => host.run(`ip address add fd77::1/64 dev ${dev}`),
      'carries the address fd77::1/64',
    ],
    [
      'the default route',
      (dev) => host.run(`ip route add default dev ${dev} table 77`),
      'carries the default route',
    ],
    [
      'a bridge',
      async (dev) => {
        await addBridge(host, 'elsewhere')
        await host.run(`ip link set ${dev} master elsewhere`)
      },
      'enslaved to elsewhere',
    ],
    [
      'a macvlan of somebody',
      (dev) => host.run(`ip link add theirs link ${dev} type macvlan mode bridge`),
      'used by link theirs',
    ],
    [
      'a running guest of somebody else',
      (dev) => startGuest(host, { name: 'foreign', interfaces: [direct(dev)] }),
      'used by guest foreign',
    ],
    [
      'a guest of somebody else that is off',
      (dev) => defineGuest(host, { name: 'foreign-off', interfaces: [direct(dev)] }),
      'used by guest foreign-off',
    ],
    ['nobody: it is not there', (dev) => host.run(`ip link delete ${dev}`), 'no such link on this host'],
  ])('%s', async (what, take, reason) => {
    const id = `taken-${++taken}`
    const [dev] = await addVethPool(host, 1, `${id}-`)
    await take(dev!)
    await defineGuest(host, { name: id })
    const manifest = guestInterface(id, id, inNetwork(id))
    await agent.apply(pool(id, 'passthrough', [dev!]), manifest)
    await agent.reaches(id, what.startsWith('nobody') ? 'False DeviceNotFound' : 'False DeviceInUse')
    expect((await agent.condition(id, 'Ready'))!.message).toContain(`${dev}: ${reason}`)
    expect(await interfaces(host, id, 'saved')).toEqual([])

    await expect
      .poll(async () => (await agent.stored('Host', 'abc'))?.status?.pools)
      .toContainEqual(
        expect.objectContaining({
          network: id,
          devices: [expect.objectContaining({ name: dev, unavailable: expect.stringContaining(reason) })],
        }),
      )
    await agent.remove(manifest)
    await expect.poll(() => agent.stored('GuestInterface', id)).toBeUndefined()
  })

  it('a free one of the pool is taken instead', async () => {
    await addVethPool(host, 2, 'mixed')
    await host.run('ip address add 10.78.0.1/24 dev mixed0')
    await defineGuest(host, { name: 'mixed' })
    await agent.apply(
      pool('mixed', 'passthrough', ['mixed0', 'mixed1']),
      guestInterface('mixed', 'mixed', inNetwork('mixed')),
    )
    await agent.reaches('mixed')
    expect(await deviceOf('mixed', 'mixed')).toBe('mixed1')
  })

  it('one that is let go is handed out to who waits for it', async () => {
    await addVethPool(host, 1, 'let')
    await addBridge(host, 'let-go')
    await host.run('ip link set let0 master let-go')
    await startGuest(host, { name: 'let' })
    await agent.apply(pool('let', 'passthrough', ['let0']), guestInterface('let', 'let', inNetwork('let')))
    await agent.reaches('let', 'False DeviceInUse')
    await host.run('ip link set let0 nomaster')
    await agent.reaches('let')
    expect(await deviceOf('let', 'let')).toBe('let0')
  })

  it('a device of a pool that is in use and taken out of the pool stays with its user', async () => {
    await addVethPool(host, 2, 'out')
    await startGuest(host, { name: 'out' })
    await agent.apply(pool('out', 'passthrough', ['out0']), guestInterface('out', 'out', inNetwork('out')))
    await agent.reaches('out')
    const before = await snapshot(host, 'out')
    await agent.apply(pool('out', 'passthrough', ['out1']))
    await expect
      .poll(async () =>
        (await agent.stored('Host', 'abc'))?.status?.pools?.find(({ network }) => network === 'out'),
      )
      .toMatchObject({ devices: expect.arrayContaining([expect.objectContaining({ name: 'out1' })]) })
    await agent.reaches('out')
    expect(await snapshot(host, 'out')).toEqual(before)
    expect(await deviceOf('out', 'out')).toBe('out0')
  })
})
