/** Slots of a running guest: that a NIC has the same one after its next start; and that it waits for that start where none is free. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { LabAgent } from '../lab/agent.ts'
import { startGuest, takeSlot } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'
import { guestInterface, inNetwork, pool } from '../lab/manifests.ts'
import { addVethPool } from '../lab/pool.ts'
import { interfaces } from '../lab/world.ts'

const userNic = { source: { user: {} }, model: 'virtio' }
let host: LabHost
let agent: LabAgent

beforeAll(async () => {
  host = await LabHost.start({ name: 'abc' })
  agent = new LabAgent(host)
  await agent.apply(pool('pt', 'passthrough', await addVethPool(host, 3)))
  await agent.start()
})
afterAll(() => host?.stop())

it.each([
  { name: 'no free port', guest: 'full', sparePorts: 0, model: 'virtio', why: /no free PCIe port/ },
  {
    name: 'a model of conventional PCI',
    guest: 'e1000',
    sparePorts: 4,
    model: 'e1000',
    why: /Model e1000 .*set model: virtio/,
  },
  {
    name: 'no model, so that libvirt takes one of conventional PCI',
    guest: 'bare',
    sparePorts: 4,
    model: undefined,
    why: /No model is given/,
  },
])('$name', async ({ guest, sparePorts, model, why }) => {
  await startGuest(host, { name: guest, sparePorts })
  // One port is left for each guest: the lab gives one more than it is asked for.
  const filler = guestInterface(`${guest}-filler`, guest, { source: { user: {} }, model: 'virtio' })
  await agent.apply(filler)
  await agent.reaches(`${guest}-filler`)

  await agent.apply(guestInterface(guest, guest, { ...inNetwork('pt'), model }))
  await agent.reaches(guest, 'False NoFreeSlot')
  expect((await agent.condition(guest, 'Ready'))?.message).toMatch(why)
  expect((await agent.condition(guest, 'RestartRequired'))?.status).toBe('True')
  expect(await interfaces(host, guest, 'live')).toHaveLength(1)
  expect(await interfaces(host, guest, 'saved')).toHaveLength(2)

  await host.virsh('destroy', guest)
  await host.virsh('start', guest)
  await agent.reaches(guest)
  expect(await interfaces(host, guest, 'live')).toHaveLength(2)
})

const inBoth = ['Attach live, Attach saved']
const oneByOne = ['Attach live', 'Attach saved']

it.each([
  { name: 'as much is saved as is plugged in', guest: 'same', beside: undefined, steps: inBoth },
  {
    name: 'the running guest alone has another device',
    guest: 'hot',
    beside: 'live' as const,
    steps: oneByOne,
  },
])('a NIC is saved in the slot that it is plugged into: $name', async ({ guest, beside, steps }) => {
  await startGuest(host, { name: guest, sparePorts: 4 })
  if (beside) await takeSlot(host, guest, beside)
  const nics = [1, 2, 3].map((n) => guestInterface(`${guest}${n}`, guest, userNic))
  await Promise.all(nics.map((nic) => agent.apply(nic)))
  for (const { metadata } of nics) {
    await agent.reaches(metadata.name)
    expect(stepsOf(metadata.name)).toEqual(steps)
  }
  const live = slots(await interfaces(host, guest, 'live'))
  expect(Object.keys(live)).toHaveLength(3)
  expect(slots(await interfaces(host, guest, 'saved'))).toEqual(live)
})

it('a NIC whose slot another device has saved is saved in another', async () => {
  await startGuest(host, { name: 'cold', sparePorts: 4 })
  await takeSlot(host, 'cold', 'config')
  await agent.apply(guestInterface('cold', 'cold', userNic))
  await agent.reaches('cold')
  expect(stepsOf('cold')).toEqual(oneByOne)
  const [live] = Object.values(slots(await interfaces(host, 'cold', 'live')))
  const [saved] = Object.values(slots(await interfaces(host, 'cold', 'saved')))
  expect(saved).not.toBe(live)
})

function stepsOf(name: string): string[] {
  const lines = agent.log.map((line) => JSON.parse(line) as { key?: string; msg: string; step: string })
  return lines
    .filter(({ key, msg }) => key?.endsWith(`/${name}`) && msg === 'step begins')
    .map(({ step }) => step)
}

/** By MAC address. */
function slots(nics: string[]): Record<string, string> {
  return Object.fromEntries(
    nics.map((xml) => [/<mac address='(.*?)'/.exec(xml)![1]!, /<address type='pci' .*\/>/.exec(xml)![0]]),
  )
}
