/** kill -9 of the agent at every step boundary. Those of removal and replug need a guest that lets go: test/e2e. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { LabAgent } from '../lab/agent.ts'
import { type Change, dieAtEveryBoundary } from '../lab/boundaries.ts'
import { defineGuest, startGuest, takeSlot } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'
import { guestInterface, inNetwork, type Manifest, pool } from '../lab/manifests.ts'
import { addVethPool } from '../lab/pool.ts'
import { interfaces, linkNames, type Macvtap, macvtaps } from '../lab/world.ts'

let host: LabHost
let agent: LabAgent
let links: string[]
let guests = 0
let guest: string
let manifest: Manifest

beforeAll(async () => {
  host = await LabHost.start({ name: 'abc' })
  await addVethPool(host, 3)
  links = await linkNames(host)
  agent = new LabAgent(host)
  await agent.apply(pool('pt', 'passthrough', ['pool0', 'pool1', 'pool2']))
})
afterAll(() => host?.stop())

/** A guest that was never there, with its manifest written. */
async function newGuest(running: boolean): Promise<void> {
  guest = `vm${++guests}`
  if (running) await startGuest(host, { name: guest })
  else await defineGuest(host, { name: guest })
  manifest = guestInterface(guest, guest, inNetwork('pt'))
  await agent.apply(manifest)
}

/** By the running agent: guest and interface go, and nothing stays of them. */
async function clear(): Promise<void> {
  await host.run(`virsh -q destroy ${guest} || true; virsh -q undefine ${guest}`)
  await agent.remove(manifest)
  await expect.poll(() => agent.storedNames('GuestInterface'), { timeout: 5000 }).toEqual([])
  expect(await linkNames(host)).toEqual(links)
}

/** One interface in each definition, one macvtap while the guest runs, no file but what should be there. */
async function nothingLeftOver(running: boolean): Promise<Macvtap[]> {
  expect(await interfaces(host, guest, 'saved')).toHaveLength(1)
  if (running) expect(await interfaces(host, guest, 'live')).toHaveLength(1)
  const plugged = await macvtaps(host)
  expect(plugged).toHaveLength(running ? 1 : 0)
  expect(await linkNames(host)).toEqual([...links, ...plugged.map(({ name }) => name)].sort())
  expect(await agent.storedNames('GuestInterface')).toEqual([guest])
  return plugged
}

const isReady = async () => (await agent.ready(guest)).startsWith('True')

describe.each([
  { what: 'a running guest', running: true, boundaries: 3 },
  // libvirt would find other slots in both, so that they are plugged into one after the other.
  { what: 'a running guest with a device saved beside', running: true, beside: true, boundaries: 5 },
  { what: 'a guest that is off', running: false, boundaries: 3 },
])('plugging into $what', ({ running, beside, boundaries }) => {
  let recorded: unknown

  const plugging: Change = {
    async prepare() {
      await newGuest(running)
      if (beside) await takeSlot(host, guest, 'config')
      // The first device is free only after the port is recorded: whoever chose anew would take it.
      await host.run('ip address add 10.9.9.1/24 dev pool0')
    },
    async meanwhile() {
      recorded = (await agent.status(guest)).port
      expect(recorded).toMatchObject({ dev: 'pool1', mode: 'passthrough' })
      await host.run('ip address delete 10.9.9.1/24 dev pool0')
    },
    async converges() {
      await agent.reaches(guest, 'True InSync', 5000)
      const plugged = await nothingLeftOver(running)
      if (running) expect(plugged[0]).toMatchObject({ lower: 'pool1', mode: 'passthrough' })
      expect((await interfaces(host, guest, 'saved'))[0]).toContain(
        "<source dev='pool1' mode='passthrough'/>",
      )
      expect((await agent.status(guest)).port).toEqual(recorded)
      await clear()
    },
    isDone: isReady,
  }

  afterEach(async () => {
    await host.run('ip address flush dev pool0')
    await agent.start()
    await clear()
    await agent.stop()
  })

  it('goes on at the same port after a crash at any boundary', async () => {
    expect(await dieAtEveryBoundary(agent, plugging)).toBe(boundaries)
  })

  // libvirt takes some 30 ms for plugging into a running guest, and goes on without the agent.
  it('and after one in the midst of a step', async () => {
    expect(await dieAtEveryBoundary(agent, plugging, 10)).toBeGreaterThan(0)
  })
})

describe('changing the link of a running guest', () => {
  let before: Macvtap[] | undefined
  let link: 'up' | 'down' = 'up'

  const flipping: Change = {
    async prepare() {
      if (!before) {
        await newGuest(true)
        await agent.start()
        await agent.reaches(guest)
        await agent.stop()
        before = await macvtaps(host)
      }
      link = link === 'up' ? 'down' : 'up'
      manifest = guestInterface(guest, guest, { ...inNetwork('pt'), link: { state: link } })
      await agent.apply(manifest)
    },
    async converges() {
      await agent.reaches(guest, 'True InSync', 5000)
      expect(await nothingLeftOver(true)).toEqual(before)
      expect(await host.virsh('domif-getlink', guest, before![0]!.name)).toBe(`${before![0]!.name} ${link}`)
      for (const definition of ['live', 'saved'] as const) {
        const [xml] = await interfaces(host, guest, definition)
        expect(xml!.includes("<link state='down'/>")).toBe(link === 'down')
      }
    },
    isDone: isReady,
  }

  afterEach(async () => {
    await agent.start()
    await clear()
    await agent.stop()
  })

  it('goes on after a crash at any boundary, at the same macvtap', async () => {
    expect(await dieAtEveryBoundary(agent, flipping)).toBe(4)
  })
})

it('removes an interface whose guest went away while the agent was dead', async () => {
  await newGuest(true)
  await agent.startCrashing(3)
  await agent.ended()
  await host.run(`virsh -q destroy ${guest}; virsh -q undefine ${guest}`)
  await agent.remove(manifest)
  await agent.start()
  await expect.poll(() => agent.storedNames('GuestInterface'), { timeout: 5000 }).toEqual([])
  expect(await linkNames(host)).toEqual(links)
})
