/** kube-apiserver refuses what our own validation refuses, by the same field and for the same reason. */
import { ApiException, CustomObjectsApi } from '@kubernetes/client-node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { kinds } from '../../src/api/kinds.ts'
import type { Problem } from '../../src/api/problem.ts'
import type { Kind } from '../../src/api/resource.ts'
import { validate } from '../../src/api/validate.ts'
import { Cluster } from '../cluster/cluster.ts'
import { guestInterface, network, portGroup } from '../unit/api/resources.ts'
import { changeRows, ruleRows, type Spec } from '../unit/api/rule-rows.ts'
import { applyCrds } from './installation.ts'

interface Manifest {
  kind: Kind
  metadata: { name: string }
  spec: Spec
}

let cluster: Cluster
let api: CustomObjectsApi

beforeAll(async () => {
  cluster = await Cluster.start()
  await applyCrds(cluster)
  api = cluster.admin.config.makeApiClient(CustomObjectsApi)
})

afterAll(() => cluster?.stop())

/** What the API server has against an object: fields and reasons; nothing where it takes it. Nothing is stored. */
async function refusals(body: Manifest): Promise<{ field: string; message: string }[]> {
  const { plural, namespaced } = kinds[body.kind]
  const place = {
    group: 'patchbay.dev',
    version: 'v1alpha1',
    plural,
    body,
    dryRun: 'All',
    fieldValidation: 'Strict',
  }
  return causes(
    namespaced
      ? api.createNamespacedCustomObject({ ...place, namespace: 'default' })
      : api.createClusterCustomObject(place),
  )
}

async function causes(request: Promise<unknown>): Promise<{ field: string; message: string }[]> {
  try {
    await request
    return []
  } catch (error) {
    if (!(error instanceof ApiException)) throw error
    const status = (typeof error.body === 'string' ? JSON.parse(error.body) : error.body) as {
      message: string
      details?: { causes?: { field: string; message: string }[] }
    }
    // <nil>: rules that were not asked since something has the wrong shape.
    const found = status.details?.causes?.filter(({ field }) => field !== '<nil>')
    return found ?? [{ field: '', message: status.message }]
  }
}

/** Of our own problems those that stand in the definitions: the rest is arithmetic of addresses, which CEL cannot do. */
function inDefinition(object: Manifest): Problem[] {
  const check = kinds[object.kind].check as ((spec: Spec) => Problem[]) | undefined
  const ours = new Set((check?.(object.spec) ?? []).map(({ field, reason }) => `${field}: ${reason}`))
  return validate(object).problems.filter(({ field, reason }) => !ours.has(`${field}: ${reason}`))
}

/** Of an entry that is there twice, kube-apiserver names the entry and we name its key. */
function fieldThere({ field, reason }: Problem): string {
  return reason.startsWith('is there already') ? field.replace(/\]\.\w+$/, ']') : field
}

test.each(ruleRows.map((row) => [`${row[3][0]}: not ${JSON.stringify(row[2])}`, ...row] as const))(
  '%s',
  async (_, make, good, bad) => {
    expect(await refusals(make(good) as Manifest)).toEqual([])
    const object = make(bad) as Manifest
    const expected = inDefinition(object)
    const found = await refusals(object)
    expect(found.map(({ field }) => field).sort()).toEqual(expected.map(fieldThere).sort())
    for (const { reason, kind } of expected) {
      // Shapes have words of their own there.
      if (kind === 'schema' || reason.startsWith('is there already')) continue
      expect(found.map(({ message }) => message)).toContainEqual(expect.stringContaining(reason))
    }
  },
)

/** Values that are wrong by themselves. */
const shapes: [object: object, field: string][] = [
  [network({ mtu: 67 }), 'spec.mtu'],
  [network({ mtu: 'x' }), 'spec.mtu'],
  [network({ mac: '01:54:00:00:00:01' }), 'spec.mac'],
  [network({ ips: [{ address: '10.0.0' }] }), 'spec.ips[0].address'],
  [network({ forward: { mode: 'hostdev', addresses: ['03:10.1'] } }), 'spec.forward.addresses[0]'],
  [network({ forward: {} }), 'spec.forward.mode'],
  [network({ allowedNamespaces: ['A_b'] }), 'spec.allowedNamespaces[0]'],
  [network({ dnsmasqOptions: ['a\tb'] }), 'spec.dnsmasqOptions[0]'],
  [network({ onRestartRequired: 'Maybe' }), 'spec.onRestartRequired'],
  [portGroup({ networkName: 'a/b' }), 'spec.networkName'],
  [portGroup({ vlan: { tags: [{ id: 4096 }] } }), 'spec.vlan.tags[0].id'],
  [portGroup({ vlan: { tags: [] } }), 'spec.vlan.tags'],
  [portGroup({ virtualPort: { typeID: 16777216 } }), 'spec.virtualPort.typeID'],
  [portGroup({ virtualPort: { profileID: '<' } }), 'spec.virtualPort.profileID'],
  [portGroup({ bandwidth: { outbound: { average: 0 } } }), 'spec.bandwidth.outbound.average'],
  [portGroup({ bandwidth: { outbound: { average: 1.5 } } }), 'spec.bandwidth.outbound.average'],
  [guestInterface({ link: { state: 'on' } }), 'spec.link.state'],
  [guestInterface({ virtualPort: { interfaceID: '09b11c53' } }), 'spec.virtualPort.interfaceID'],
  [guestInterface({ targetDevice: 'a-name-of-16-chr' }), 'spec.targetDevice'],
  [guestInterface({ filter: { name: 'a', parameters: { IP: 'a b' } } }), 'spec.filter.parameters.IP'],
  [guestInterface({ source: { vhostuser: { path: 'x', mode: 'client' } } }), 'spec.source.vhostuser.path'],
  [guestInterface({ guest: undefined }), 'spec.guest'],
]

test.each(
  shapes.map(([object, field]) => [field, JSON.stringify((object as Manifest).spec), object] as const),
)('%s: not as in %s', async (field, _, object) => {
  const ours = validate(object).problems.map((each) => each.field)
  const theirs = (await refusals(object as Manifest)).map((each) => each.field)
  expect(new Set(ours)).toEqual(new Set([field]))
  expect(new Set(theirs)).toEqual(new Set([field]))
})

/** Patterns cannot say these, so a store that reads from an API server must ask our own validation once more. */
test.each<[field: string, object: object]>([
  ['spec.ips[0].address', network({ ips: [{ address: '10.0.0.256' }] })],
  ['spec.ips[0].netmask', network({ ips: [{ address: '10.0.0.1', netmask: '255.255.255.256' }] })],
  ['spec.virtualPort.profileID', portGroup({ virtualPort: { profileID: 'ä'.repeat(20) } })],
  ['spec.hostSelector.matchLabels["a b"]', portGroup({ hostSelector: { matchLabels: { 'a b': 'c' } } })],
  ['spec.filter.parameters', guestInterface({ filter: { name: 'a', parameters: { 'a b': 'c' } } })],
])('%s is let through there and refused by us', async (field, object) => {
  expect(validate(object).problems.map((each) => each.field)).toEqual([field])
  expect(await refusals(object as Manifest)).toEqual([])
})

test('a field that is none is refused by name where the client asks for that, as kubectl does', async () => {
  const object = network({ bridge: { nme: 'br0' } }) as Manifest
  expect(validate(object).problems.map(({ field }) => field)).toEqual(['spec.bridge.nme'])
  expect(await refusals(object)).toEqual([
    { field: '', message: expect.stringContaining('unknown field "spec.bridge.nme"') },
  ])
})

test.each(changeRows.map(([before, after, blamed], n) => [`change-${n}`, before, after, blamed] as const))(
  '%s: from %j to %j changes nothing that is immutable, or is refused',
  async (name, before, after, blamed) => {
    const place = {
      group: 'patchbay.dev',
      version: 'v1alpha1',
      namespace: 'default',
      plural: 'guestinterfaces',
      name,
    }
    const stored = (await api.createNamespacedCustomObject({
      ...place,
      body: guestInterface(before, { name }),
    })) as { metadata: { resourceVersion: string } }
    const { resourceVersion } = stored.metadata
    const body = guestInterface(after, { name, resourceVersion })
    const found = await causes(api.replaceNamespacedCustomObject({ ...place, body }))
    expect(found.map(({ field }) => field)).toEqual(blamed.map(({ field }) => field))
  },
)
