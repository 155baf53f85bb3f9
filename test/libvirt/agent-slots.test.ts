/** A running guest that has no room for another NIC: it gets it at its next start, and status says why. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { LabAgent } from '../lab/agent.ts'
import { startGuest } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'
import { guestInterface, inNetwork, pool } from '../lab/manifests.ts'
import { addVethPool } from '../lab/pool.ts'
import { interfaces } from '../lab/world.ts'

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
