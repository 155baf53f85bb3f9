/** Guests that carry an alias of ours and are none of ours: copies, as virt-clone makes them, and guests that were renamed. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { LabAgent } from '../lab/agent.ts'
import { defineGuest, startGuest } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'
import { guestInterface, inNetwork, type Manifest, pool } from '../lab/manifests.ts'
import { addBridge, addVethPool } from '../lab/pool.ts'
import { interfaces } from '../lab/world.ts'

let host: LabHost
let agent: LabAgent

const of = (guest: string): Manifest => guestInterface(guest, guest, inNetwork('pt'))

beforeAll(async () => {
  host = await LabHost.start({ name: 'abc' })
  agent = new LabAgent(host)
  await agent.apply(pool('pt', 'passthrough', await addVethPool(host, 3)))
  await agent.start()
})
afterAll(() => host?.stop())

async function forgotten(name: string): Promise<void> {
  await expect.poll(() => agent.stored('GuestInterface', name)).toBeUndefined()
}

async function copy(guest: string, name: string): Promise<void> {
  const xml = await host.virsh('dumpxml', '--inactive', guest)
  const copied = xml.replace(`<name>${guest}</name>`, `<name>${name}</name>`).replace(/<uuid>.*<\/uuid>/, '')
  await host.virsh('define', await host.file(copied))
}

it('a copy keeps no interface from going, and its device from all others', async () => {
  await defineGuest(host, { name: 'vm1' })
  await agent.apply(of('vm1'))
  await agent.reaches('vm1')
  await copy('vm1', 'copy')
  const theirs = await interfaces(host, 'copy', 'saved')
  expect(theirs[0]).toContain("<source dev='pool0' mode='passthrough'/>")

  await agent.remove(of('vm1'))
  await forgotten('vm1')
  expect(await interfaces(host, 'vm1', 'saved')).toEqual([])
  // Nothing is recorded now, and the copy's alias names the interface that comes.
  await agent.apply(of('vm1'))
  await agent.reaches('vm1')
  expect((await agent.status('vm1')).port?.dev).toBe('pool1')
  expect(await interfaces(host, 'copy', 'saved')).toEqual(theirs)
})

it('status is lost while a copy is there', async () => {
  await host.virsh('start', 'vm1')
  await expect.poll(async () => (await agent.status('vm1')).guestState).toBe('Running')
  await agent.stop()
  await host.run('rm -rf /run/agent/state')
  await agent.start()
  await agent.reaches('vm1')
  expect((await agent.status('vm1')).port?.dev).toBe('pool1')
  await host.virsh('undefine', 'copy')
})

it('an interface is taken out of a guest that was renamed', async () => {
  await defineGuest(host, { name: 'before' })
  await agent.apply(of('before'))
  await agent.reaches('before')
  await host.virsh('domrename', 'before', 'after')
  await agent.reaches('before', 'False GuestNotFound')
  await agent.remove(of('before'))
  await forgotten('before')
  expect(await interfaces(host, 'after', 'saved')).toEqual([])
})

it('two interfaces of a guest with one MAC address, each known by its alias', async () => {
  await addBridge(host, 'br0')
  await startGuest(host, { name: 'twins' })
  const twin = (name: string) =>
    guestInterface(name, 'twins', { source: { bridge: { name: 'br0' } }, mac: '52:54:00:00:00:01' })
  for (const name of ['one', 'two']) {
    await agent.apply(twin(name))
    await agent.reaches(name)
  }
  expect(await interfaces(host, 'twins', 'live')).toHaveLength(2)
  await host.virsh('destroy', 'twins')
  await agent.remove(twin('one'))
  await forgotten('one')
  const [left, ...more] = await interfaces(host, 'twins', 'saved')
  expect(more).toEqual([])
  expect(left).toContain('ua-patchbay-default_two')
})
