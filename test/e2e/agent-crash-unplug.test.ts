/** kill -9 of the agent at every step boundary of what needs a guest that lets go of a NIC: removal and replug. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { LabAgent } from '../lab/agent.ts'
import { BootedGuest } from '../lab/booted-guest.ts'
import { dieAtEveryBoundary } from '../lab/boundaries.ts'
import { LabHost } from '../lab/host.ts'
import { guestInterface, inNetwork, pool } from '../lab/manifests.ts'
import { addVethPool } from '../lab/pool.ts'
import { interfaces, linkNames, macvtaps } from '../lab/world.ts'

const mac = '52:54:00:00:00:01'
const data = (model: string) =>
  guestInterface('vm1-data', 'vm1', { mac, model, updatePolicy: 'Replug', ...inNetwork('pt') })

let host: LabHost
let agent: LabAgent
let guest: BootedGuest
let links: string[]

beforeAll(async () => {
  host = await LabHost.start({ name: 'abc' })
  await addVethPool(host, 2)
  links = await linkNames(host)
  agent = new LabAgent(host)
  await agent.apply(pool('pt', 'passthrough', ['pool0', 'pool1']))
  guest = await BootedGuest.start(host, { name: 'vm1' })
})
afterAll(() => host?.stop())

async function plugged(model: string): Promise<void> {
  await agent.apply(data(model))
  await agent.start()
  await agent.reaches('vm1-data')
  await agent.stop()
}

it('removal goes on after a crash at any boundary, and the device is free only then', async () => {
  const isDone = async () => (await agent.storedNames('GuestInterface')).length === 0
  const tried = await dieAtEveryBoundary(agent, {
    async prepare() {
      await plugged('virtio')
      await guest.sees(mac, { carrier: true })
      await agent.remove(data('virtio'))
    },
    async converges() {
      await expect.poll(isDone, { timeout: 5000 }).toBe(true)
      expect(await interfaces(host, 'vm1', 'live')).toEqual([])
      expect(await interfaces(host, 'vm1', 'saved')).toEqual([])
      expect(await linkNames(host)).toEqual(links)
      await guest.sees(mac, undefined)
    },
    isDone,
  })
  expect(tried).toBe(5)
})

it('a replug goes on after a crash at any boundary, at the same port', async () => {
  let model = 'virtio'
  await plugged(model)
  const tried = await dieAtEveryBoundary(agent, {
    async prepare() {
      model = model === 'virtio' ? 'e1000e' : 'virtio'
      await agent.apply(data(model))
    },
    async converges() {
      await agent.reaches('vm1-data', 'True InSync', 5000)
      for (const definition of ['live', 'saved'] as const) {
        const found = await interfaces(host, 'vm1', definition)
        expect(found).toHaveLength(1)
        expect(found[0]).toContain(`<model type='${model}'/>`)
        expect(found[0]).toContain("<source dev='pool0' mode='passthrough'/>")
      }
      const taps = await macvtaps(host)
      expect(taps).toMatchObject([{ lower: 'pool0', mode: 'passthrough' }])
      expect(await linkNames(host)).toEqual([...links, taps[0]!.name].sort())
      expect(await agent.storedNames('GuestInterface')).toEqual(['vm1-data'])
    },
    isDone: async () => (await agent.ready('vm1-data')).startsWith('True'),
  })
  expect(tried).toBe(6)
})
