/** `patchbay plan` on a real host: what it foresees is what the agent then does, and it touches nothing itself. */
import { existsSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { GuestInterfaceSpec } from '../../src/api/guest-interface.ts'
import type { PlanAnswer } from '../../src/cli/plan-answer.ts'
import { LabAgent } from '../lab/agent.ts'
import { defineGuest, startGuest } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'
import { guestInterface, inNetwork, type Manifest, pool } from '../lab/manifests.ts'
import { addBridge, addVethPool } from '../lab/pool.ts'
import { interfaces, linkNames, snapshot } from '../lab/world.ts'

let host: LabHost
let agent: LabAgent

const fast = pool('fast', 'passthrough', ['pool0', 'pool1'])
const nic = (spec: Partial<GuestInterfaceSpec> = {}) =>
  guestInterface('nic', 'vm1', { ...inNetwork('fast'), ...spec })
const on = (name: string, guest: string) => guestInterface(name, guest, inNetwork('fast'))

beforeAll(async () => {
  host = await LabHost.start({ name: 'abc' })
  await addVethPool(host, 2)
  await addBridge(host, 'br0')
  await startGuest(host, { name: 'vm1' })
  await startGuest(host, { name: 'vm2', sparePorts: 1 })
  await defineGuest(host, { name: 'off' })
  agent = new LabAgent(host)
})
afterAll(() => host?.stop())

async function run(manifests: Manifest[], ...args: string[]) {
  const input = manifests.map((manifest) => JSON.stringify(manifest)).join('\n---\n')
  const command = ['src/cli/main.ts', 'plan', '-f', '-', '--host-name', 'abc', ...args]
  const { exitCode, stdout, stderr } = await host.exec(process.execPath, command, { input, reject: false })
  return { code: exitCode, out: String(stdout), error: String(stderr) }
}

async function plan(...manifests: Manifest[]): Promise<{ code?: number; items: PlanAnswer['items'] }> {
  const before = await world()
  const { code, out, error } = await run(manifests)
  expect(error).toBe('')
  expect(await world()).toEqual(before)
  const { apiVersion, kind, items, ...more } = JSON.parse(out)
  expect({ apiVersion, kind, more }).toEqual({
    apiVersion: 'cli.patchbay.dev/v1alpha1',
    kind: 'Plan',
    more: {},
  })
  return { code, items }
}

/** All that no plan may touch. */
async function world() {
  return {
    guests: await snapshot(host, 'vm1', 'vm2', 'off'),
    links: await linkNames(host),
    state: existsSync(`${host.root}/var/lib/patchbay`),
  }
}

const fastItem = { kind: 'Network', name: 'fast', verdict: 'None', steps: [], differences: [] }
const item = (name: string) => ({ kind: 'GuestInterface', namespace: 'default', name })

it('a NIC that is not there yet is attached, live and saved; then nothing is left', async () => {
  expect(await plan(fast, nic())).toEqual({
    code: 2,
    items: [
      fastItem,
      { ...item('nic'), verdict: 'Attach', steps: ['Attach live', 'Attach saved'], differences: [] },
    ],
  })
  expect(await interfaces(host, 'vm1', 'live')).toEqual([])
  await agent.apply(fast, nic())
  expect(await agent.once()).toBe(0)
  expect(await plan(fast, nic())).toEqual({
    code: 0,
    items: [fastItem, { ...item('nic'), verdict: 'None', steps: [], differences: [] }],
  })
})

it('a link is changed in place', async () => {
  const down = nic({ link: { state: 'down' } })
  const { code, items } = await plan(fast, down)
  expect(code).toBe(2)
  expect(items[1]).toMatchObject({
    verdict: 'InPlace',
    steps: ['Update live: link.state', 'Update saved: link.state'],
    differences: [{ field: 'link.state', observed: 'up', effective: 'down', verdict: 'InPlace' }],
  })
  await agent.apply(down)
  expect(await agent.once()).toBe(0)
  expect((await plan(fast, down)).code).toBe(0)
  await agent.apply(nic())
  expect(await agent.once()).toBe(0)
})

it('another model is refused for a running guest, which outranks what would change, and says what to do', async () => {
  const { code, items } = await plan(
    fast,
    nic({ model: 'e1000e', link: { state: 'down' } }),
    on('two', 'off'),
  )
  expect(code).toBe(3)
  expect(items[1]).toMatchObject({ verdict: 'Refused', steps: [] })
  expect(items[1]!.differences.map(({ field, verdict }) => [field, verdict])).toEqual([
    ['link.state', 'InPlace'],
    ['model', 'Refused'],
  ])
  expect(items[1]!.differences[1]).toMatchObject({
    observed: 'virtio',
    effective: 'e1000e',
    reason: expect.stringContaining('set updatePolicy: NextBoot'),
  })
  expect(items[2]).toMatchObject({ verdict: 'Attach', steps: ['Attach saved'] })

  const replugged = await plan(fast, nic({ model: 'e1000e', updatePolicy: 'Replug' }))
  expect(replugged).toMatchObject({ code: 2, items: [{}, { verdict: 'Replug' }] })
})

it('devices are shared out among those that are planned together', async () => {
  const { code, items } = await plan(fast, on('two', 'off'), on('three', 'vm2'), nic())
  expect(code).toBe(3)
  expect(items.slice(1).map(({ name, verdict }) => [name, verdict])).toEqual([
    ['two', 'Attach'],
    ['three', 'Refused'],
    ['nic', 'None'],
  ])
  expect(items[2]!.differences).toMatchObject([
    {
      field: 'source',
      observed: '',
      effective: '',
      verdict: 'Refused',
      reason: expect.stringContaining('pool1: held by default/two'),
    },
  ])
})

it('what is refused takes no device from those behind it', async () => {
  const elsewhere = guestInterface('nic', 'vm1', {
    ...inNetwork('other'),
    model: 'e1000e',
  })
  const other = pool('other', 'passthrough', ['pool1'])
  const { items } = await plan(fast, other, elsewhere, on('two', 'off'))
  expect(items.slice(2).map(({ name, verdict }) => [name, verdict])).toEqual([
    ['nic', 'Refused'],
    ['two', 'Attach'],
  ])
})

it.each<[string, Manifest, object]>([
  ['a guest that is not here', on('x', 'nobody'), { field: 'guest', reason: /No guest nobody on this host/ }],
  [
    'a network that is not there',
    guestInterface('x', 'vm1', inNetwork('nowhere')),
    { field: 'source.network.name', reason: /nowhere/ },
  ],
  [
    'a pool without a device',
    guestInterface('x', 'vm1', inNetwork('empty')),
    { field: 'network.forward', reason: /no device/ },
  ],
  [
    'a bridge that is not there',
    guestInterface('x', 'vm1', { source: { bridge: { name: 'br9' } } }),
    { field: 'source', reason: /the host has no link br9/ },
  ],
])(
  'refused by its field: %s',
  async (_, manifest, { field, reason }: { field?: string; reason?: RegExp }) => {
    const { code, items } = await plan(manifest, pool('empty', 'passthrough', []))
    expect(code).toBe(3)
    expect(items[0]).toMatchObject({ verdict: 'Refused', steps: [] })
    expect(items[0]!.differences).toEqual([
      { field, observed: '', effective: '', verdict: 'Refused', reason: expect.stringMatching(reason!) },
    ])
  },
)

it('a guest without a free slot gets the NIC at its next start', async () => {
  const { code, items } = await plan(
    fast,
    guestInterface('x', 'vm2', { ...inNetwork('fast'), model: 'e1000' }),
  )
  expect(code).toBe(2)
  expect(items[1]).toMatchObject({
    verdict: 'NextBoot',
    steps: ['Attach saved'],
    differences: [
      { verdict: 'NextBoot', reason: expect.stringContaining('needs a slot of conventional PCI') },
    ],
  })
})

it('one that is pinned to another host is let go here', async () => {
  expect(await plan(fast, nic({ hostName: 'def' }))).toMatchObject({
    code: 2,
    items: [{}, { verdict: 'Detach', steps: ['Detach saved', 'Detach live'] }],
  })
  expect(await plan({ ...on('x', 'vm1'), spec: { ...on('x', 'vm1').spec, hostName: 'def' } })).toMatchObject({
    code: 0,
    items: [{ verdict: 'None' }],
  })
})

it('two Networks of one name are refused', async () => {
  const twice = pool('again', 'bridge', ['pool0'])
  twice.spec.networkName = 'fast'
  const { code, items } = await plan(fast, twice)
  expect(code).toBe(3)
  expect(items).toMatchObject([
    { verdict: 'Refused', differences: [{ field: 'networkName' }] },
    { verdict: 'Refused', differences: [{ field: 'networkName' }] },
  ])
})

it('as a table for people, and as YAML for whoever likes it', async () => {
  const manifests = [fast, nic({ model: 'e1000e' }), on('two', 'off')]
  const { code, out } = await run(manifests, '-o', 'table')
  expect(code).toBe(3)
  expect(out.trimEnd().split('\n')).toEqual([
    'KIND             NAME          VERDICT   STEPS          COST TO THE GUEST',
    'Network          fast          None      -              -',
    'GuestInterface   default/nic   Refused   -              nothing is touched',
    'GuestInterface   default/two   Attach    Attach saved   nothing now; changed at its next start',
    '',
    'NAME          FIELD   NOW      THEN     HOW',
    'default/nic   model   virtio   e1000e   Refused',
    '',
    expect.stringMatching(/^ {2}default\/nic: Refused: model: .*set updatePolicy: NextBoot/),
  ])
  expect(parse((await run(manifests, '-o', 'yaml')).out)).toEqual(JSON.parse((await run(manifests)).out))
})

it('beside an agent that runs, which goes on', async () => {
  await agent.start()
  await agent.up()
  expect((await plan(fast, nic())).code).toBe(0)
  expect(agent.alive).toBe(true)
  expect(await agent.stop()).toBe(0)
})

it('without libvirt it says so in one sentence, exit 1', async () => {
  await host.libvirtd.stop()
  const { code, out, error } = await run([fast, nic()])
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(error.split('\n')).toHaveLength(1)
  expect(error).toContain('cannot connect to libvirt at /run/libvirt/libvirt-sock')
  await host.libvirtd.start()
})
