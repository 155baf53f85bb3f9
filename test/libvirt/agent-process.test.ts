/** How the agent begins and ends as a process. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { LabAgent } from '../lab/agent.ts'
import { startGuest } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'
import { guestInterface, inNetwork, type Manifest, pool } from '../lab/manifests.ts'
import { addVethPool } from '../lab/pool.ts'
import { interfaces, macvtaps } from '../lab/world.ts'

let host: LabHost
let agent: LabAgent

const of = (guest: string): Manifest => guestInterface(guest, guest, inNetwork('pt'))
const said = (words: string) => agent.log.some((line) => line.includes(words))

beforeAll(async () => {
  host = await LabHost.start({ name: 'abc' })
  await addVethPool(host, 3)
  for (const name of ['vm1', 'vm2', 'vm3']) await startGuest(host, { name })
  agent = new LabAgent(host)
  await agent.apply(pool('pt', 'passthrough', ['pool0', 'pool1', 'pool2']))
})
afterAll(() => host?.stop())

it('--once does what there is to do and exits 0, and 2 while something is not Ready', async () => {
  await agent.apply(of('vm1'))
  expect(await agent.once()).toBe(0)
  expect(await agent.ready('vm1')).toBe('True InSync')
  expect(await interfaces(host, 'vm1', 'live')).toHaveLength(1)
  const before = await macvtaps(host)

  await agent.apply(of('nobody'))
  expect(await agent.once()).toBe(2)
  expect(await agent.ready('nobody')).toBe('False GuestNotFound')
  await agent.remove(of('nobody'))
  expect(await agent.once()).toBe(0)
  expect(await agent.storedNames('GuestInterface')).toEqual(['vm1'])
  expect(await macvtaps(host)).toEqual(before)

  await host.libvirtd.stop()
  expect(await agent.once()).toBe(2)
  expect(await agent.ready('vm1')).toBe('Unknown LibvirtUnavailable')
  await host.libvirtd.start()
  expect(await agent.once()).toBe(0)
})

it('a second agent on the host exits 1 and says why; the first goes on', async () => {
  await agent.start()
  await agent.up()
  const other = new LabAgent(host, 'other')
  await other.start()
  expect(await other.ended()).toBe(1)
  expect(other.log.join('\n')).toMatch(/This host has an agent already: process \d+ .*Stop it first/)
  expect(agent.alive).toBe(true)
  await agent.reaches('vm1')
  expect(await agent.stop()).toBe(0)
})

it('SIGTERM in the midst of a step finishes it and leaves', async () => {
  await agent.apply(of('vm2'))
  await agent.start()
  await expect.poll(() => said('step begins'), { interval: 1 }).toBe(true)
  expect(await agent.stop()).toBe(0)
  const begun = agent.log.filter((line) => line.includes('step begins')).length
  expect(agent.log.filter((line) => line.includes('step done'))).toHaveLength(begun)
  expect(await interfaces(host, 'vm2', 'live')).toHaveLength(1)
  expect(await agent.ready('vm2')).toBe('True InSync')
})

it('SIGTERM while a guest does not let go leaves within what libvirt waits for it', async () => {
  await agent.remove(of('vm2'))
  await agent.start()
  await expect.poll(() => said('Detach live')).toBe(true)
  expect(await agent.stop()).toBe(0)
  // The device is the interface's own until the guest lets go.
  expect((await agent.status('vm2')).port).toMatchObject({ mode: 'passthrough' })
  await host.virsh('destroy', 'vm2')
  expect(await agent.once()).toBe(0)
  expect(await agent.storedNames('GuestInterface')).toEqual(['vm1'])
})

it('a libvirt that is not there yet is waited for', async () => {
  await host.libvirtd.stop()
  await agent.apply(of('vm3'))
  await agent.start()
  await agent.reaches('vm3', 'Unknown LibvirtUnavailable')
  await host.libvirtd.start()
  await agent.reaches('vm3')
  expect(await agent.stop()).toBe(0)
})

it('a directory of manifests that is not there is said in one sentence, exit 1', async () => {
  const result = await host.exec(
    process.execPath,
    ['src/cli/main.ts', 'agent', '--manifests', '/run/nowhere', '--state', '/run/state'],
    { reject: false },
  )
  expect(result.exitCode).toBe(1)
  expect(String(result.stderr).trim().split('\n')).toHaveLength(1)
  expect(String(result.stderr)).toContain('/run/nowhere')
})
