import { describe, expect, it } from 'vitest'
import type { HostStatus } from '../../../src/api/host.ts'
import type { AnyResource } from '../../../src/api/kinds.ts'
import { apiVersion } from '../../../src/api/resource.ts'
import { Wakes } from '../../../src/controller/wakes.ts'
import type {
  ClusterKind,
  ClusterObject,
  ClusterResources,
} from '../../../src/store/kubernetes/cluster-kinds.ts'
import { ClusterObjects, clusterKeyOf } from '../../../src/store/kubernetes/cluster-objects.ts'
import type { ClusterStore } from '../../../src/store/kubernetes/cluster-store.ts'
import { indexes } from '../../../src/store/kubernetes/look-ups.ts'
import { guestInterface, network, portGroup } from '../core/manifests.ts'

const uuid = (n: number) => `00000000-0000-4000-8000-00000000000${n}`

function host(name: string, status: HostStatus = {}, labels: Record<string, string> = {}): ClusterObject {
  return { apiVersion, kind: 'Host', metadata: { name, labels }, spec: {}, status }
}

const guest = (n: number, running = true) => ({ name: `vm${n}`, uuid: uuid(n), running })
const told = (objectName: string, inSync = true) => ({
  name: objectName,
  objectName,
  observedGeneration: 1,
  inSync,
  restartRequired: false,
})

function grant(guests: Extract<AnyResource, { kind: 'GuestGrant' }>['spec']['guests']): ClusterObject {
  return { apiVersion, kind: 'GuestGrant', metadata: { name: 'g' }, spec: { namespace: 'default', guests } }
}

const abc = host('abc', { guests: [guest(1), guest(2)], networks: [told('lan'), told('wan')] })
const one = {
  ...guestInterface({ guest: { name: 'vm1' }, source: { network: { name: 'lan' } } }, 'one'),
  status: { hostName: 'abc', guestUUID: uuid(1), mac: '52:54:00:00:00:01' },
}
const two = guestInterface({ guest: { uuid: uuid(2) }, source: { network: { name: 'wan' } } }, 'two')
const three = guestInterface({ guest: { name: 'vm3' }, hostName: 'abc', source: { user: {} } }, 'three')
const four = guestInterface({ guest: { name: 'vm4' }, mac: '52:54:00:00:00:01' }, 'four')
const everything: ClusterObject[] = [
  abc,
  host('def'),
  one,
  two,
  three,
  four,
  network('lan'),
  network('wan'),
  portGroup('sales', { networkName: 'lan' }),
  portGroup('shop', { networkName: 'wan' }),
]

function wakes(): Wakes {
  const known = new Map<ClusterKind, ClusterObjects<ClusterObject>>()
  const of = (kind: ClusterKind) => {
    const there = known.get(kind) ?? new ClusterObjects<ClusterObject>(indexes[kind] as never, () => {})
    known.set(kind, there)
    return there
  }
  everything.forEach((object, n) => {
    const metadata = { ...object.metadata, resourceVersion: String(n + 1) }
    of(object.kind).put({ object: { ...object, metadata } as ClusterObject, owned: [] })
  })
  return new Wakes({
    get: (kind, name) => of(kind).get({ kind, name })?.object as never,
    list: <K extends ClusterKind>(kind: K) => of(kind).all() as ClusterResources[K][],
    having: ((kind: ClusterKind, index: string, value: string) =>
      of(kind).having(index, value)) as ClusterStore['having'],
  })
}

/** In the order of their names; each once, as the queue takes them. */
function woken(before: ClusterObject | undefined, after: ClusterObject | undefined): string[] {
  const change = { key: clusterKeyOf((after ?? before)!), ...(before && { before }), ...(after && { after }) }
  const keys = wakes()
    .ofChange(change)
    .map(({ kind, name }) => `${kind} ${name}`)
  return [...new Set(keys)].sort()
}

const all = (...names: string[]) => names.map((name) => `GuestInterface ${name}`)

describe('a Host’s change wakes', () => {
  it.each<[string, HostStatus, string[]]>([
    ['itself alone where nothing of others is another', { ...status(), libvirtVersion: '9.0.0' }, []],
    ['those of a guest that is off now', { ...status(), guests: [guest(1, false), guest(2)] }, all('one')],
    ['those of a guest that is gone', { ...status(), guests: [guest(1)] }, all('two')],
    ['those of a guest that is new', { ...status(), guests: [guest(1), guest(2), guest(4)] }, all('four')],
    [
      'those of both names of a guest that was renamed',
      { ...status(), guests: [{ ...guest(1), name: 'vm4' }, guest(2)] },
      all('four', 'one'),
    ],
    [
      'a Network that stands otherwise there',
      { ...status(), networks: [told('lan', false), told('wan')] },
      ['Network lan'],
    ],
    ['a Network that it has no more', { ...status(), networks: [told('lan')] }, ['Network wan']],
  ])('%s', (_, after, expected) => {
    expect(woken(abc, { ...abc, status: after } as ClusterObject)).toEqual([...expected, 'Host abc'].sort())
  })

  it('all that its labels concern', () => {
    const concerned = [
      'Host abc',
      ...all('one', 'three', 'two'),
      'Network lan',
      'Network wan',
      'PortGroup sales',
      'PortGroup shop',
    ]
    expect(woken(abc, host('abc', status(), { rack: 'r1' }))).toEqual(concerned.sort())
    expect(woken(abc, undefined)).toEqual(concerned)
  })

  it('those that an agent’s silence concerns', () => {
    const keys = wakes()
      .ofSilence('abc')
      .map(({ kind, name }) => `${kind} ${name}`)
    expect([...new Set(keys)].sort()).toEqual([...all('one', 'three', 'two'), 'Network lan', 'Network wan'])
  })
})

function status(): HostStatus {
  return (abc as { status: HostStatus }).status
}

it.each<[string, ClusterObject | undefined, ClusterObject | undefined, string[]]>([
  [
    'a status that changes no address',
    one,
    { ...one, status: { ...one.status, guestState: 'Off' } },
    all('one'),
  ],
  ['an address that is another’s', { ...one, status: { hostName: 'abc' } }, one, all('four', 'one')],
  ['an interface that is new', undefined, one, all('four', 'one')],
  ['an interface that is gone', one, undefined, all('four', 'one')],
  ['a grant by name', undefined, grant([{ name: 'vm1' }]), all('one')],
  ['a grant by name, of one that is named by its UUID', undefined, grant([{ name: 'vm2' }]), all('two')],
  ['a grant by UUID, of one that is named by its name', undefined, grant([{ uuid: uuid(1) }]), all('one')],
  [
    'a grant by the beginning of names: also what is named by UUID',
    undefined,
    grant([{ namePrefix: 'vm3' }]),
    all('one', 'three', 'two'),
  ],
  ['a grant that changes', grant([{ name: 'vm3' }]), grant([{ name: 'vm1' }]), all('one', 'three')],
  [
    'a Network’s spec',
    network('lan'),
    network('lan', { allowedNamespaces: [] }),
    [...all('one'), 'Network lan', 'PortGroup sales'],
  ],
  ['a Network’s status', network('lan'), { ...network('lan'), status: {} }, ['Network lan']],
  [
    'a PortGroup’s spec',
    portGroup('sales', { networkName: 'lan' }),
    portGroup('sales', { networkName: 'wan' }),
    ['PortGroup sales', 'PortGroup shop'],
  ],
  [
    'labels of a namespace',
    undefined,
    { kind: 'Namespace', metadata: { name: 'default' } },
    all('four', 'one', 'three', 'two'),
  ],
  [
    'a Node that is gone',
    { kind: 'Node', metadata: { name: 'abc' } },
    undefined,
    [...all('one', 'three'), 'Host abc'].sort(),
  ],
  [
    'a Node that changes',
    { kind: 'Node', metadata: { name: 'abc' } },
    { kind: 'Node', metadata: { name: 'abc' } },
    ['Host abc'],
  ],
])('wakes those concerned: %s', (_, before, after, expected) => {
  expect(woken(before, after)).toEqual(expected)
})
