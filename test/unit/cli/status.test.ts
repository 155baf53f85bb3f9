import { spawn } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { Condition } from '../../../src/api/conditions.ts'
import type { GuestInterfaceStatus } from '../../../src/api/guest-interface.ts'
import { age } from '../../../src/cli/status-answer.ts'
import { DirectoryStore } from '../../../src/store/directory/store.ts'
import { main, patchbay } from './patchbay.ts'

const silent = { warn: () => {}, error: () => {} }
const end = new AbortController()
let root: string
let state: string
let store: DirectoryStore

const nic = (name: string) => ({ kind: 'GuestInterface', namespace: 'default', name }) as const
const condition = (type: string, status: Condition['status'], reason: string, message = ''): Condition => ({
  type,
  status,
  reason,
  message,
  lastTransitionTime: '2026-01-01T00:00:00Z',
})
const ready: GuestInterfaceStatus = {
  guestState: 'Running',
  mac: '52:54:00:00:00:01',
  effective: { link: { state: 'up' } },
  port: { kind: 'direct', name: 'eth1 (passthrough)', hostName: 'h1', dev: 'eth1', mode: 'passthrough' },
  observedGeneration: 1,
  conditions: [condition('Ready', 'True', 'InSync')],
}

beforeAll(async () => {
  root = fs.mkdtempSync(join(tmpdir(), 'patchbay-status-'))
  state = join(root, 'state')
  const manifests = join(root, 'manifests')
  fs.mkdirSync(manifests)
  const manifest = (kind: string, name: string, spec: object) =>
    fs.writeFileSync(
      join(manifests, `${name}.json`),
      JSON.stringify({ apiVersion: 'patchbay.dev/v1alpha1', kind, metadata: { name }, spec }),
    )
  manifest('GuestInterface', 'good', { guest: { name: 'vm1' }, source: { network: { name: 'fast' } } })
  manifest('GuestInterface', 'refused', { guest: { name: 'vm2' }, source: { network: { name: 'fast' } } })
  manifest('GuestInterface', 'unseen', { guest: { name: 'vm3' }, source: { bridge: { name: 'br0' } } })
  manifest('Network', 'fast-h1', {
    networkName: 'fast',
    forward: { mode: 'passthrough', interfaces: [{ dev: 'eth1' }, { dev: 'eth2' }] },
  })
  store = new DirectoryStore({ manifests, state, log: silent })
  await store.start(() => {}, end.signal)
  await store.writeStatus(nic('good'), ready)
  await store.writeStatus(nic('refused'), {
    observedGeneration: 1,
    conditions: [
      condition('Ready', 'False', 'LiveChangeRefused', 'model: virtio to e1000e: set updatePolicy: Replug'),
    ],
  })
  await store.writeStatus(nic('unseen'), {})
  await store.writeStatus(
    { kind: 'Network', name: 'fast-h1' },
    { observedGeneration: 1, conditions: [condition('Ready', 'True', 'Accepted')] },
  )
  await store.writeStatus(
    { kind: 'Host', name: 'h1' },
    {
      pools: [
        {
          network: 'fast',
          mode: 'passthrough',
          capacity: 2,
          inUse: 1,
          devices: [
            { name: 'eth1', users: 1 },
            { name: 'eth2', users: 0, unavailable: 'it carries the address 192.0.2.1/24' },
          ],
        },
      ],
    },
  )
})
afterAll(() => {
  end.abort()
  fs.rmSync(root, { recursive: true })
})

describe('what is answered', () => {
  test('as JSON when it is piped: the contract, with the names of the resources', () => {
    const { code, out, error } = patchbay('status', '--state', state)
    expect({ code, error }).toEqual({ code: 0, error: '' })
    const answer = JSON.parse(out)
    expect(Object.keys(answer)).toEqual(['apiVersion', 'kind', 'interfaces', 'pools', 'networks'])
    expect(answer).toMatchObject({ apiVersion: 'cli.patchbay.dev/v1alpha1', kind: 'Status' })
    expect(answer.interfaces[0]).toMatchObject({
      namespace: 'default',
      name: 'good',
      guest: 'vm1',
      network: 'fast',
      hostName: 'h1',
      ...ready,
    })
    expect(answer.pools).toEqual([{ hostName: 'h1', ...store.get('Host', 'h1')?.status?.pools?.[0] }])
    expect(answer.networks).toMatchObject([
      {
        name: 'fast',
        objectName: 'fast-h1',
        hostName: 'h1',
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    ])
  })

  test('the same as YAML', () => {
    const json = JSON.parse(patchbay('status', '--state', state, '-o', 'json').out)
    expect(parse(patchbay('status', '--state', state, '-o', 'yaml').out)).toEqual(json)
  })

  test('as tables, with what a person can do below them', () => {
    const { code, out } = patchbay('status', '--state', state, '-o', 'table')
    expect(code).toBe(0)
    const lines = out.replaceAll(/\d+[smhd]$/gm, 'AGE').split('\n')
    expect(lines).toEqual([
      'INTERFACE         GUEST   HOST   NETWORK   PORT                 LINK   READY     REASON              AGE',
      'default/good      vm1     h1     fast      eth1 (passthrough)   up     True      InSync              AGE',
      'default/refused   vm2     h1     fast      -                    -      False     LiveChangeRefused   AGE',
      'default/unseen    vm3     h1     -         -                    -      Unknown   NotSeenYet          AGE',
      '',
      '  default/refused: LiveChangeRefused: model: virtio to e1000e: set updatePolicy: Replug',
      '',
      'POOL   HOST   MODE          IN USE   DEVICES',
      'fast   h1     passthrough   1/2      eth1 (1), eth2 (unavailable)',
      '',
      '  fast: eth2 is not handed out: it carries the address 192.0.2.1/24',
      '',
      'NETWORK   OBJECT    HOST   MODE          READY   REASON     AGE',
      'fast      fast-h1   h1     passthrough   True    Accepted   AGE',
      '',
    ])
  })

  test('a state directory with nothing in it yet', () => {
    const empty = fs.mkdtempSync(join(root, 'empty-'))
    expect(patchbay('status', '--state', empty, '-o', 'table').out).toMatch(/^Nothing here yet/)
    expect(JSON.parse(patchbay('status', '--state', empty).out)).toMatchObject({
      interfaces: [],
      pools: [],
      networks: [],
    })
  })

  test('a torn file is a warning, and stays where it is', () => {
    const other = fs.mkdtempSync(join(root, 'torn-'))
    fs.cpSync(state, other, { recursive: true })
    const torn = join(other, 'guestinterface/default/refused.json')
    fs.writeFileSync(torn, '{')
    const { code, out, error } = patchbay('status', '--state', other)
    expect(code).toBe(0)
    expect(error).toContain(torn)
    expect(JSON.parse(out).interfaces.map(({ name }: { name: string }) => name)).toEqual(['good', 'unseen'])
    expect(fs.readFileSync(torn, 'utf8')).toBe('{')
  })
})

test('--watch shows each change, a line each in JSON, until it is told to stop', async () => {
  const child = spawn(process.execPath, [main, 'status', '--state', state, '--watch', '-o', 'json'])
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const link = async () => JSON.parse((await lines.next()).value ?? '').interfaces[0].effective.link.state
  try {
    expect(await link()).toBe('up')
    await store.writeStatus(nic('good'), { ...ready, effective: { link: { state: 'down' } } })
    expect(await link()).toBe('down')
    await store.writeStatus(nic('good'), ready)
    expect(await link()).toBe('up')
  } finally {
    child.kill('SIGINT')
  }
  await new Promise((resolve) => child.once('exit', resolve))
})

test.each([
  [0, '0s'],
  [119, '119s'],
  [120, '2m'],
  [7199, '119m'],
  [7200, '2h'],
  [172799, '47h'],
  [172800, '2d'],
  [-5, '0s'],
])('%d seconds are %s', (seconds, text) => {
  const since = new Date(Date.UTC(2026, 0, 1))
  expect(age(since.toISOString(), new Date(since.getTime() + seconds * 1000))).toBe(text)
})
