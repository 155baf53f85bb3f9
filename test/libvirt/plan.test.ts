/** `patchbay plan` on a real host: what it foresees is what the agent then does, and it touches nothing itself. */
import { existsSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { GuestInterfaceSpec } from '../../src/api/guest-interface.ts'
import type { NetworkSpec } from '../../src/api/network.ts'
import type { PlanAnswer } from '../../src/cli/plan-answer.ts'
import { LabAgent } from '../lab/agent.ts'
import { defineGuest, startGuest } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'
import { guestInterface, inNetwork, type Manifest, network, pool } from '../lab/manifests.ts'
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

it('a network that libvirt makes, and an interface on it before it is there', async () => {
  const lan = (spec: Partial<NetworkSpec> = {}) =>
    network('lan', { bridge: { name: 'lab0' }, ips: [{ address: '10.1.0.1', prefix: 24 }], ...spec })
  const on = guestInterface('on-lan', 'off', inNetwork('lan'))
  const of = async (...manifests: Manifest[]) => {
    const { code, items } = await plan(...manifests)
    return { code, items: items.map(({ verdict, steps }) => [verdict, ...steps]) }
  }
  expect(await of(on, lan())).toEqual({
    code: 2,
    items: [
      ['Attach', 'Attach saved'],
      ['Attach', 'Define', 'Set autostart', 'Start'],
    ],
  })
  await agent.apply(lan())
  expect(await agent.once()).toBe(0)
  expect(await of(lan())).toEqual({ code: 0, items: [['None']] })
  const txts = [{ name: 'a', value: 'x' }]
  const edited = await plan(lan({ dns: { txts } }))
  expect(edited).toMatchObject({
    code: 2,
    items: [
      {
        verdict: 'InPlace',
        steps: ['Update live: add-last dns.txts[a]', 'Define'],
        differences: [
          { field: 'dns.txts[a]', observed: '', effective: 'name=a value=x', verdict: 'InPlace' },
        ],
      },
    ],
  })
  const changed = { mtu: 1400, dns: { txts } }
  const refused = await plan(lan(changed))
  expect(refused).toMatchObject({ code: 3, items: [{ verdict: 'Refused', steps: [] }] })
  expect(refused.items[0]!.differences[0]).toMatchObject({
    field: 'mtu',
    effective: '1400',
    reason: expect.stringContaining('set onRestartRequired: Restart'),
  })
  expect(await of(lan({ ...changed, onRestartRequired: 'Restart' }))).toEqual({
    code: 2,
    items: [['RestartRequired', 'Define', 'Stop', 'Start']],
  })
  const elsewhere = { matchLabels: { 'kubernetes.io/hostname': 'def' } }
  expect(await of(lan({ hostSelector: elsewhere }))).toEqual({
    code: 2,
    items: [['Detach', 'Stop', 'Undefine']],
  })
  await agent.remove(lan())
  expect(await agent.once()).toBe(0)
  expect(await host.virsh('net-list', '--all', '--name')).toBe('')

  await host.virsh('net-define', await host.file("<network><name>lan</name><bridge name='lab0'/></network>"))
  expect(await plan(lan())).toMatchObject({
    code: 3,
    items: [
      {
        verdict: 'Refused',
        differences: [{ field: 'networkName', reason: expect.stringContaining('adopt: true') }],
      },
    ],
  })
  await host.virsh('net-undefine', 'lan')
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
