/** The definitions in crds/ as a real API server takes them, and what kubectl makes of the resources. */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { crdDocuments } from '../../src/api/crd.ts'
import { kinds } from '../../src/api/kinds.ts'
import { readManifests } from '../../src/api/read-manifest.ts'
import { Cluster } from '../cluster/cluster.ts'
import { guestGrant, guestInterface, network } from '../unit/api/resources.ts'
import { applyCrds, repository } from './installation.ts'

interface Stored {
  metadata: { name: string; namespace?: string; managedFields?: { manager: string }[] }
  spec: Record<string, unknown>
  status?: Record<string, unknown>
}

let cluster: Cluster

beforeAll(async () => {
  cluster = await Cluster.start()
  await applyCrds(cluster)
  await applyExamples()
})

afterAll(() => cluster?.stop())

const examples = readdirSync(path.join(repository, 'examples')).map((name) => `examples/${name}`)

async function applyExamples(): Promise<void> {
  for (const directory of examples) {
    await cluster.kubectl('apply', '--server-side', '-f', path.join(repository, directory))
  }
}

async function get(...args: string[]): Promise<Stored> {
  return JSON.parse(await cluster.kubectl('get', ...args, '-o', 'json')) as Stored
}

/** The table that `kubectl get` prints: its lines, without ages, cells that are empty as `-`. */
async function table(...args: string[]): Promise<string[]> {
  const [header = '', ...rows] = (await cluster.kubectl('get', ...args)).split('\n')
  const columns = [...header.matchAll(/\S+ */g)].slice(0, -1)
  return [header, ...rows].map((line) =>
    columns.map(({ 0: { length }, index }) => line.slice(index, index + length).trim() || '-').join(' '),
  )
}

/** Writes status by server-side apply, as this field manager. */
async function applyStatus(manager: string, object: object, status: object): Promise<void> {
  // kubectl itself would miss the spec, which the API server has.
  const by = ['--server-side', '--subresource=status', '--validate=false', `--field-manager=${manager}`]
  const { spec: _, ...named } = object as { spec?: unknown }
  await cluster.admin.kubectlWith([{ ...named, status }], 'apply', ...by, '-f-')
}

async function apply(manager: string, ...objects: object[]): Promise<string> {
  return cluster.admin.kubectlWith(objects, 'apply', '--server-side', `--field-manager=${manager}`, '-f-')
}

const ready = (reason: string, status = 'True') => ({
  type: 'Ready',
  status,
  reason,
  message: 'for people',
  lastTransitionTime: '2026-01-01T00:00:00Z',
})

test('kubectl apply -k crds: every definition is served, and the API server has nothing against any', async () => {
  const { items } = JSON.parse(await cluster.kubectl('get', 'crds', '-o', 'json')) as {
    items: { metadata: { name: string }; status: { conditions: { type: string; status: string }[] } }[]
  }
  const expected = Object.values(crdDocuments()).map(({ metadata }) => metadata.name)
  expect(items.map(({ metadata }) => metadata.name)).toEqual(expected.sort())
  for (const { status } of items) {
    const conditions = status.conditions.filter((each) => each.status === 'True').map(({ type }) => type)
    expect(conditions.sort()).toEqual(['Established', 'NamesAccepted'])
  }
})

test('applied once more, the definitions are unchanged: the API server stores them as they are written', async () => {
  const said = (await cluster.kubectl('apply', '-k', path.join(repository, 'crds'))).split('\n')
  expect(said).toHaveLength(Object.keys(crdDocuments()).length)
  for (const line of said) expect(line).toMatch(/ unchanged$/)
})

test.each(examples)('%s is stored as our own reader reads it', async (directory) => {
  const files = readdirSync(path.join(repository, directory)).map((name) => ({
    file: name,
    text: readFileSync(path.join(repository, directory, name), 'utf8'),
  }))
  for (const { object } of readManifests(files).objects) {
    const { namespace, name } = object.metadata
    const stored = await get(kinds[object.kind].plural, name, ...(namespace ? ['-n', namespace] : []))
    expect(stored.spec).toEqual(object.spec)
    // A grant has no status: nobody carries it out.
    expect(stored.status).toEqual(object.kind === 'GuestGrant' ? undefined : { observedGeneration: -1 })
  }
})

const host = { apiVersion: 'patchbay.dev/v1alpha1', kind: 'Host', metadata: { name: 'abc' } }
const example = (name: string) => ({ ...guestInterface(), metadata: { name, namespace: 'default' } })
const port = { kind: 'bridge', name: 'ovsbr0', hostName: 'abc', bridge: 'ovsbr0' }

test('kubectl get answers the first question, by short names', async () => {
  const mac = '52:54:00:00:00:01'
  const plan = { verdict: 'None', steps: [], differences: [] }
  const conditions = [ready('InSync')]
  const net = { ...network(), metadata: { name: 'test-a-abc' } }
  const hosts = { selected: 1, inSync: 1, restartRequired: 0, failing: 0 }
  await apply('test', host, guestGrant())
  await applyStatus('test', example('vm1-data'), { hostName: 'abc', mac, port, plan, conditions })
  await applyStatus('test', net, { hosts, conditions })
  await applyStatus('test', host, { libvirtVersion: '9.0.0', qemuVersion: '7.2.0', conditions })

  expect(await table('gi')).toEqual([
    'NAME GUEST HOST NETWORK PORT LINK READY REASON',
    'vm1-data vm1 abc testA ovsbr0 up True InSync',
    'vm1-exclusive vm1 - exclusive - up - -',
    'vm1-office vm1 - office - - - -',
    'vm1-shared vm1 - shared - up - -',
  ])
  expect((await table('gi', '-o', 'wide')).slice(0, 2)).toEqual([
    'NAME GUEST HOST NETWORK PORT LINK READY REASON MAC PLAN',
    `vm1-data vm1 abc testA ovsbr0 up True InSync ${mac} None`,
  ])
  expect(await table('pbnet')).toEqual([
    'NAME NETWORK MODE BRIDGE HOSTS IN-SYNC READY REASON',
    'exclusive exclusive passthrough - - - - -',
    'office office nat office0 - - - -',
    'shared shared bridge - - - - -',
    'test-a-abc testA bridge ovsbr0 1 1 True InSync',
    'test-a-def testA vepa - - - - -',
  ])
  expect((await table('pbpg')).slice(0, 2)).toEqual([
    'NAME NETWORK GROUP DEFAULT READY REASON',
    'test-a-abc-engineering testA engineering - - -',
  ])
  expect(await table('pbhost')).toEqual(['NAME LIBVIRT QEMU READY REASON', 'abc 9.0.0 7.2.0 True InSync'])
  expect(await table('pbgrant')).toEqual(['NAME NAMESPACE', 'grant blue', 'worked-example default'])

  const all = (await cluster.kubectl('get', 'patchbay', '-o', 'name')).split('\n')
  const singulars = Object.values(kinds).map(({ singular }) => `${singular}.patchbay.dev`)
  expect([...new Set(all.map((name) => name.split('/')[0]))].sort()).toEqual(singulars.sort())
})

test('the API server selects by host, guest and network', async () => {
  await applyStatus('test', example('vm1-shared'), { hostName: 'def' })
  const selected = async (selector: string) =>
    (await cluster.kubectl('get', 'gi', '-A', '--field-selector', selector, '-o', 'name')).split('\n')
  const named = (...names: string[]) => names.map((name) => `guestinterface.patchbay.dev/${name}`)
  expect(await selected('status.hostName=def')).toEqual(named('vm1-shared'))
  expect(await selected('spec.guest.name=vm1')).toHaveLength(4)
  expect(await selected('spec.guest.name=vm2')).toEqual([''])
  expect(await selected('spec.source.network.name=office')).toEqual(named('vm1-office'))
})

test('an object that nobody has looked at yet is not Ready for kubectl wait, and is once its status says so', async () => {
  const wait = ['wait', 'pbnet/waiting', '--for=condition=Ready', '--timeout=1s']
  const waiting = { ...network(), metadata: { name: 'waiting' } }
  await apply('test', waiting)
  expect(await cluster.admin.refusal(cluster.kubectl(...wait))).toContain('timed out')
  await applyStatus('test', waiting, { observedGeneration: 1, conditions: [ready('InSync')] })
  expect(await cluster.kubectl(...wait)).toContain('condition met')
})

test('two field managers keep hosts of one network, and neither takes what the other has', async () => {
  const hosts = (...entries: [ip: string, name: string][]) => ({
    ...network({
      ips: [{ address: '10.0.0.1', dhcp: { hosts: entries.map(([ip, name]) => ({ ip, name })) } }],
    }),
    metadata: { name: 'merged' },
  })
  const names = async () => {
    const { spec } = await get('pbnet', 'merged')
    const [ip] = spec.ips as { dhcp: { hosts: { name: string }[] } }[]
    return ip!.dhcp.hosts.map(({ name }) => name).sort()
  }
  await apply('one', hosts(['10.0.0.2', 'a'], ['10.0.0.3', 'b']))
  await apply('two', hosts(['10.0.0.4', 'c']))
  expect(await names()).toEqual(['a', 'b', 'c'])
  await apply('one', hosts(['10.0.0.3', 'b']))
  expect(await names()).toEqual(['b', 'c'])
  const conflict = await cluster.admin.refusal(apply('two', hosts(['10.0.0.3', 'other'])))
  expect(conflict).toContain(
    'conflict with "one": .spec.ips[address="10.0.0.1"].dhcp.hosts[ip="10.0.0.3"].name',
  )
  expect(await names()).toEqual(['b', 'c'])
})

test('agent and controller write one status, each its own fields, and a port is replaced as a whole', async () => {
  const object = example('vm1-exclusive')
  const condition = (type: string) => ({ ...ready('InSync'), type })
  await applyStatus('controller', object, { hostName: 'abc', conditions: [condition('Bound')] })
  await applyStatus('agent', object, { port, observedGeneration: 1, conditions: [condition('Ready')] })
  const direct = { kind: 'direct', name: 'eth0 (vepa)', hostName: 'abc', dev: 'eth0', mode: 'vepa' }
  await applyStatus('agent', object, {
    port: direct,
    observedGeneration: 1,
    conditions: [condition('Synced')],
  })
  const { spec, status } = await get('gi', 'vm1-exclusive')
  expect(status).toEqual({
    hostName: 'abc',
    observedGeneration: 1,
    port: direct,
    conditions: [condition('Bound'), condition('Synced')],
  })
  expect(spec).toMatchObject({ source: { network: { name: 'exclusive' } } })

  // What is applied beside the subresource writes no status, and the other way round.
  await apply('user', { ...object, spec: { ...spec, mtu: 1400 }, status: { hostName: 'other' } })
  expect((await get('gi', 'vm1-exclusive')).status).toEqual(status)
})

test('lists are as long as their limits, and rules over them stay within what the API server spends on rules', async () => {
  const addresses = (count: number, hostsEach: number) => ({
    ...network({
      ips: Array.from({ length: count }, (_, n) => ({
        address: `10.${n}.0.1`,
        prefix: 16,
        ...(hostsEach > 0 && { dhcp: { hosts: Array.from({ length: hostsEach }, (_, i) => leased(n, i)) } }),
      })),
    }),
    metadata: { name: 'large' },
  })
  const leased = (n: number, i: number) => ({ ip: `10.${n}.${(i >> 8) + 1}.${i & 255}`, name: `h${i}` })
  const create = (object: object) => cluster.admin.kubectlWith([object], 'create', '--dry-run=server', '-f-')
  expect(await create(addresses(1, 4096))).toContain('created')
  expect(await create(addresses(16, 256))).toContain('created')
  expect(await cluster.admin.refusal(create(addresses(1, 4097)))).toContain(
    'spec.ips[0].dhcp.hosts: Too many',
  )
  expect(await cluster.admin.refusal(create(addresses(17, 0)))).toContain('spec.ips: Too many')
})

test('conditions that were recorded field by field are each one field after an upgrade, and none is lost', async () => {
  const { spec } = Object.values(crdDocuments()).find((each) => each.spec.names.kind === 'GuestInterface')!
  const group = 'upgrade.test'
  const now = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `guestinterfaces.${group}` },
    spec: { ...spec, group },
  }
  const before = structuredClone(now)
  const { properties } = before.spec.versions[0]!.schema.openAPIV3Schema.properties!.status!
  delete (properties!.conditions!.items as Record<string, unknown>)['x-kubernetes-map-type']
  expect(before).not.toEqual(now)
  await cluster.admin.kubectlWith([before], 'create', '-f-')
  await cluster.kubectl('wait', '--for=condition=Established', '--timeout=30s', 'crd', now.metadata.name)
  const object = { ...guestInterface(), apiVersion: `${group}/v1alpha1` }
  await apply('user', object)
  const said = (type: string, message = 'said') => ({ ...ready('InSync'), type, message })
  /** Which conditions this manager has, and which fields of them. */
  const owned = async (manager: string) => {
    const shown = await get(`guestinterfaces.${group}`, 'vm1-data', '--show-managed-fields')
    const entries = shown.metadata.managedFields as { manager: string; fieldsV1: { 'f:status'?: object } }[]
    const status = entries.find((entry) => entry.manager === manager)!.fieldsV1['f:status'] as {
      'f:conditions': object
    }
    return Object.entries(status['f:conditions']).map(([name, fields]) => [
      name,
      Object.keys(fields).length > 0,
    ])
  }
  await applyStatus('controller', object, { conditions: [said('Bound')] })
  await applyStatus('agent', object, { conditions: [said('Synced'), said('Ready')] })
  const [ofBound, ofReady, ofSynced] = ['Bound', 'Ready', 'Synced'].map((type) => `k:{"type":"${type}"}`)
  expect(await owned('agent')).toEqual([
    [ofReady, true],
    [ofSynced, true],
  ])

  await cluster.admin.kubectlWith([now], 'apply', '--server-side', '--force-conflicts', '-f-')
  let writes = 0
  await expect
    .poll(async () => {
      await applyStatus('agent', object, { conditions: [said('Ready', String(++writes))] })
      return owned('agent')
    })
    .toEqual([[ofReady, false]])
  expect(await owned('controller')).toEqual([[ofBound, false]])
  const { status } = await get(`guestinterfaces.${group}`, 'vm1-data')
  expect(status!.conditions).toEqual([said('Bound'), said('Ready', String(writes))])
})
