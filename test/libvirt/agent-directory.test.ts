/** What may happen to manifests while the agent runs: nothing is touched unless an object is really gone or changed. */
import { mkdir, readFile, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { LabAgent } from '../lab/agent.ts'
import { startGuest } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'
import { guestInterface, inNetwork, pool } from '../lab/manifests.ts'
import { addVethPool } from '../lab/pool.ts'
import { snapshot } from '../lab/world.ts'

const guests = ['vm1', 'vm2']
let host: LabHost
let agent: LabAgent
let before: unknown

const of = (guest: string) => guestInterface(guest, guest, inNetwork('pt'))
const manifest = (name: string) => path.join(agent.manifests, name)
const vm1 = () => manifest('GuestInterface-vm1.yaml')

/** The agent has seen what was done, and touched nothing: no step was begun, and the host is as it was. */
async function untouched(): Promise<void> {
  // Longer than a removal is waited for to be meant.
  await delay(700)
  expect(agent.log.filter((line) => line.includes('step begins'))).toEqual([])
  expect(await snapshot(host, ...guests)).toEqual(before)
}

async function synced(): Promise<unknown> {
  return Promise.all(guests.map((guest) => agent.condition(guest, 'Synced')))
}

const allInSync = guests.map(() => expect.objectContaining({ status: 'True', reason: 'InSync' }))

beforeAll(async () => {
  host = await LabHost.start({ name: 'abc' })
  await addVethPool(host, 2)
  for (const name of guests) await startGuest(host, { name })
  agent = new LabAgent(host)
  await agent.apply(pool('pt', 'passthrough', ['pool0', 'pool1']), ...guests.map(of))
  await agent.start()
  for (const guest of guests) await agent.reaches(guest)
  await agent.stop()
  before = await snapshot(host, ...guests)
})
afterAll(() => host?.stop())

describe('the agent touches nothing', () => {
  beforeEach(async () => {
    await agent.start()
    await agent.up()
    for (const guest of guests) await agent.reaches(guest)
  })
  afterEach(async () => {
    await expect.poll(synced).toEqual(allInSync)
    await untouched()
    expect(await agent.stop()).toBe(0)
  })

  it('when a file is half written, and says so', async () => {
    const text = await readFile(vm1(), 'utf8')
    for (const length of [text.length - 3, text.length / 2, 30, 1]) {
      await writeFile(vm1(), text.slice(0, length))
      await expect
        .poll(() => agent.condition('vm1', 'Ready'))
        .toMatchObject({
          status: 'False',
          reason: 'InvalidManifest',
          message: expect.stringContaining('GuestInterface-vm1.yaml'),
        })
      await untouched()
    }
    await writeFile(vm1(), text)
  })

  it('when a file is emptied and written again', async () => {
    const text = await readFile(vm1(), 'utf8')
    await writeFile(vm1(), '')
    await delay(100)
    await writeFile(vm1(), text)
  })

  it('when a manifest is not valid any more: the last accepted one stands', async () => {
    const text = await readFile(vm1(), 'utf8')
    await writeFile(vm1(), text.replace('"model"', '"modell"'))
    await expect
      .poll(() => agent.condition('vm1', 'Ready'))
      .toMatchObject({
        status: 'False',
        reason: 'InvalidManifest',
        message: expect.stringContaining('modell'),
      })
    await untouched()
    await writeFile(vm1(), text)
  })

  it('when the manifest of a Network is not valid any more, or there are two: its Network says so', async () => {
    const file = manifest('Network-pt.yaml')
    const text = await readFile(file, 'utf8')
    const says = async () =>
      (await agent.stored('Network', 'pt'))?.status?.conditions?.find(({ type }) => type === 'Ready')
    await writeFile(file, text.replace('passthrough', 'passthru'))
    await expect
      .poll(says)
      .toMatchObject({ status: 'False', reason: 'InvalidManifest', message: expect.stringContaining('mode') })
    await writeFile(file, text)
    await expect.poll(says).toMatchObject({ status: 'True', reason: 'Accepted' })
    await writeFile(manifest('again.yaml'), text)
    await expect
      .poll(says)
      .toMatchObject({ reason: 'InvalidManifest', message: expect.stringContaining('again.yaml') })
    await untouched()
    await rm(manifest('again.yaml'))
    await expect.poll(says).toMatchObject({ status: 'True' })
  })

  it('when files are renamed and moved', async () => {
    await rename(vm1(), manifest('other.json'))
    await untouched()
    await mkdir(manifest('deeper'), { recursive: true })
    await rename(manifest('other.json'), manifest('deeper/one.yml'))
    await untouched()
    await rename(manifest('deeper/one.yml'), vm1())
    await rm(manifest('deeper'), { recursive: true })
  })

  it('when a file is removed and comes back at once, as editors do it', async () => {
    const text = await readFile(vm1(), 'utf8')
    for (let i = 0; i < 5; i++) {
      await unlink(vm1())
      await delay(20 * i)
      await writeFile(vm1(), text)
    }
  })

  it('when the whole directory goes away, and comes back', async () => {
    await rename(agent.manifests, `${agent.manifests}-away`)
    await untouched()
    await rename(`${agent.manifests}-away`, agent.manifests)
  })

  it('when files are swapped by a symlink, as Kubernetes does with a ConfigMap', async () => {
    const names = ['GuestInterface-vm1.yaml', 'GuestInterface-vm2.yaml', 'Network-pt.yaml']
    const swap = async (version: string) => {
      await mkdir(manifest(version))
      for (const name of names) await writeFile(manifest(`${version}/${name}`), texts.get(name)!)
      await symlink(version, manifest('..data_tmp'))
      await rename(manifest('..data_tmp'), manifest('..data'))
    }
    const texts = new Map(
      await Promise.all(names.map(async (name) => [name, await readFile(manifest(name), 'utf8')] as const)),
    )
    await swap('..2026_1')
    for (const name of names) {
      await symlink(`..data/${name}`, manifest(`${name}.new`))
      await rename(manifest(`${name}.new`), manifest(name))
    }
    await untouched()
    for (const version of [2, 3, 4]) {
      await swap(`..2026_${version}`)
      await rm(manifest(`..2026_${version - 1}`), { recursive: true })
      await untouched()
    }
    for (const name of names) {
      await writeFile(manifest(`${name}.new`), texts.get(name)!)
      await rename(manifest(`${name}.new`), manifest(name))
    }
    await rm(manifest('..data'))
    await rm(manifest('..2026_4'), { recursive: true })
  })
})

it('the change that a swapped ConfigMap brings is made', async () => {
  await agent.start()
  await agent.up()
  const text = await readFile(vm1(), 'utf8')
  const changed = { ...of('vm1').spec, link: { state: 'down' } }
  for (const [version, content] of [
    ['..v1', text],
    ['..v2', JSON.stringify({ ...of('vm1'), spec: changed })],
  ] as const) {
    await mkdir(manifest(version))
    await writeFile(manifest(`${version}/vm1.yaml`), content)
    await symlink(version, manifest('..data_tmp'))
    await rename(manifest('..data_tmp'), manifest('..data'))
    if (version === '..v1') {
      await symlink('..data/vm1.yaml', manifest('vm1.yaml'))
      await unlink(vm1())
      await untouched()
    }
  }
  await expect.poll(async () => (await agent.status('vm1')).effective?.link).toEqual({ state: 'down' })
  await expect.poll(synced).toEqual(allInSync)
  expect(await host.virsh('dumpxml', 'vm1')).toContain("<link state='down'/>")
})

it('an object whose manifest is gone is removed', async () => {
  await host.virsh('destroy', 'vm2')
  await agent.remove(of('vm2'))
  await expect.poll(() => agent.storedNames('GuestInterface')).toEqual(['vm1'])
  expect(await host.virsh('dumpxml', 'vm2', '--inactive')).not.toContain('ua-patchbay-')
})
