/**
 * The deployment on a real API server, and what the tokens of agent, controller and users can do with it and cannot: RBAC and
 * admission policies as they ship. Every denial is asserted with its reason, and beside it what goes through.
 */
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { parseAllDocuments } from 'yaml'
import type { GuestInterface } from '../../src/api/guest-interface.ts'
import type { ApiClient } from '../../src/store/kubernetes/api-client.ts'
import type { Call } from '../../src/store/kubernetes/call.ts'
import { openClient } from '../../src/store/kubernetes/open.ts'
import { Cluster, type ClusterHostOptions } from '../cluster/cluster.ts'
import { guestInterface, inNetwork, network } from '../lab/manifests.ts'
import { applyCrds, repository } from './installation.ts'

const deployment = path.join(repository, 'deploy')
const uuid = '09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f'
const port = 'patchbay.dev/port'
const controllerName = 'system:serviceaccount:patchbay-system:patchbay-controller'

let cluster: Cluster
let admin: ApiClient
/** By the tokens of pods: agents of two Nodes, the controller, and users with the cluster's own roles in a namespace. */
let abc: ApiClient
let def: ApiClient
let controller: ApiClient
let editor: ApiClient
let viewer: ApiClient

beforeAll(async () => {
  cluster = await Cluster.start()
  await applyCrds(cluster)
  // Whatever the API server warns of is an error here.
  await cluster.kubectl('apply', '-k', deployment, '--warnings-as-errors')
  admin = (await openClient(cluster.admin.kubeconfig))()
  abc = await podOn('abc')
  def = await podOn('def')
  controller = await podOn('ghi', { serviceAccount: 'patchbay-controller' })
  editor = await podOn('editors', { namespace: 'shop', serviceAccount: 'editor' })
  viewer = await podOn('viewers', { namespace: 'shop', serviceAccount: 'viewer' })
  await cluster.kubectl('create', 'rolebinding', 'editor', '-nshop', '--clusterrole=admin', user('editor'))
  await cluster.kubectl('create', 'rolebinding', 'viewer', '-nshop', '--clusterrole=view', user('viewer'))
  await cluster.admin.kubectlWith(
    [host('abc'), host('def'), lan, lease('abc'), lease('def')],
    'create',
    '-f-',
  )
  // Roles are aggregated and policies come into force a moment later; the binding of this policy is the last one made.
  const inForce = async () =>
    (await said(create(editor, inShop('try'), dryRun))) === '' &&
    (await said(viewer.json({ method: 'GET', path: pathOf(inShop('')) }))) === '' &&
    (await said(patch(admin, `${pathOf(host('abc'))}/status`, {}, dryRun))).includes('patchbay-status')
  await vi.waitUntil(inForce, { timeout: 60_000, interval: 50 })
})

afterAll(async () => {
  for (const client of [admin, abc, def, controller, editor, viewer]) client?.close()
  await cluster?.stop()
})

async function podOn(name: string, options?: ClusterHostOptions): Promise<ApiClient> {
  const access = await cluster.createHost(name, options)
  return (await openClient(access.kubeconfig))()
}

const user = (name: string) => `--serviceaccount=shop:${name}`

interface Named {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string }
}

const lan = network('lan', { forward: { mode: 'bridge' }, bridge: { name: 'br0' } })

function host(name: string): Named {
  return { apiVersion: 'patchbay.dev/v1alpha1', kind: 'Host', metadata: { name } }
}

function lease(name: string): Named {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name, namespace: 'patchbay-agents' },
  }
}

/** An interface of namespace shop. */
function inShop(name: string, source: object = inNetwork('lan').source, spec: object = {}) {
  const manifest = guestInterface(name, 'vm1', { source })
  return { ...manifest, metadata: { name, namespace: 'shop' }, spec: { ...manifest.spec, ...spec } }
}

/** As the agent of a host tells it of interface mine. */
function event(node: string) {
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name: 'told', namespace: 'shop' },
    regarding: {
      apiVersion: 'patchbay.dev/v1alpha1',
      kind: 'GuestInterface',
      name: 'mine',
      namespace: 'shop',
    },
    reportingController: 'patchbay.dev/agent',
    reportingInstance: node,
    type: 'Normal',
    reason: 'InSync',
    action: 'Reconcile',
    eventTime: '2026-11-21T12:00:00.000000Z',
  }
}

/** Of an object, or of all of its kind where it has no name. */
function pathOf({ apiVersion, kind, metadata: { name, namespace } }: Named): string {
  const where = namespace ? `/namespaces/${namespace}` : ''
  return `/apis/${apiVersion}${where}/${kind.toLowerCase()}s${name && `/${name}`}`
}

const dryRun = { dryRun: 'All' }

async function create(as: ApiClient, manifest: Named, query = {}): Promise<unknown> {
  const path = pathOf({ ...manifest, metadata: { ...manifest.metadata, name: '' } })
  return as.json({ method: 'POST', path, query, body: manifest })
}

async function patch(as: ApiClient, path: string, body: object, query = {}): Promise<unknown> {
  return as.json({ method: 'PATCH', path, query, contentType: 'application/merge-patch+json', body })
}

async function remove(as: ApiClient, manifest: Named, query = {}): Promise<unknown> {
  return as.json({ method: 'DELETE', path: pathOf(manifest), query })
}

const patchStatus = (as: ApiClient, manifest: Named, status: object, query = {}) =>
  patch(as, `${pathOf(manifest)}/status`, { status }, query)
const setFinalizers = (as: ApiClient, manifest: Named, ...finalizers: string[]) =>
  patch(as, pathOf(manifest), { metadata: { finalizers } })

/** What the API server has against it; '' where it has nothing. */
async function said(request: Promise<unknown>): Promise<string> {
  return request.then(
    () => '',
    (error) => String(error.message),
  )
}

/** An interface of namespace shop, bound as the controller does it. */
async function bind(name: string, hostName: string): Promise<void> {
  await create(editor, inShop(name))
  await setFinalizers(controller, inShop(name), port)
  await patchStatus(controller, inShop(name), { hostName, guestUUID: uuid })
}

async function get(manifest: Named): Promise<GuestInterface> {
  return admin.json({ method: 'GET', path: pathOf(manifest) })
}

const gone = async (manifest: Named) => (await said(get(manifest))).includes('not found')

describe('the deployment', () => {
  it('is taken again as it is, by client-side and by server-side apply', async () => {
    const kinds = 'validatingadmissionpolicies,daemonsets,deployments,clusterroles'
    const one = '{.metadata.name} {.spec} {.rules}{"\\n"}'
    const all = () => cluster.kubectl('get', kinds, '-A', '-o', `jsonpath={range .items[*]}${one}{end}`)
    const before = await all()
    await cluster.kubectl('apply', '-k', deployment)
    const onServer = ['apply', '--server-side', '--force-conflicts', '--warnings-as-errors', '-k', deployment]
    expect(await cluster.kubectl(...onServer)).toContain('daemonset.apps/patchbay-agent serverside-applied')
    expect(await all()).toBe(before)
  })

  it('brings an agent to every Node that runs Linux, also where nothing else may run, and two controllers', async () => {
    await cluster.kubectl('label', 'node', 'abc', 'def', 'kubernetes.io/os=linux')
    await cluster.kubectl('taint', 'node', 'abc', 'maintenance=:NoExecute')
    const count = (object: string, field: string) =>
      cluster.kubectl('get', object, '-npatchbay-system', '-o', `jsonpath={.status.${field}}`)
    await expect.poll(() => count('daemonset/patchbay-agent', 'desiredNumberScheduled')).toBe('2')
    await expect.poll(() => count('deployment/patchbay-controller', 'replicas')).toBe('2')
  })

  it('has policies whose expressions fit the schemas', async () => {
    let policies: Policy[] = []
    const unchecked = async () => {
      policies = JSON.parse(await cluster.kubectl('get', 'validatingadmissionpolicies', '-o', 'json')).items
      return policies.filter(({ status }) => status?.observedGeneration === undefined)
    }
    await expect.poll(unchecked).toEqual([])
    expect(policies.length).toBeGreaterThan(7)
    expect(policies.flatMap(({ status }) => status?.typeChecking?.expressionWarnings ?? [])).toEqual([])
  })
})

interface Policy {
  status?: { observedGeneration?: number; typeChecking?: { expressionWarnings?: object[] } }
}

it('has monitoring beside it that can be built', async () => {
  const built = await cluster.kubectl('kustomize', path.join(deployment, 'monitoring'))
  const objects = parseAllDocuments(built).map((document) => document.toJSON() as Named)
  expect(
    objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`).sort(),
  ).toEqual([
    'ConfigMap patchbay-system/patchbay-dashboard',
    'PrometheusRule patchbay-system/patchbay',
    'ServiceMonitor patchbay-system/patchbay-agent',
    'ServiceMonitor patchbay-system/patchbay-controller',
  ])
})

describe("an agent's token", () => {
  const mine = inShop('mine')
  const theirs = inShop('theirs')
  const nobodys = inShop('nobodys')

  beforeAll(async () => {
    await bind('mine', 'abc')
    await bind('theirs', 'def')
    await create(editor, nobodys)
  })

  it('writes the status of its own interface and Host, renews its Lease and tells Events', async () => {
    await patchStatus(abc, mine, { guestState: 'Running' })
    const { apiVersion, kind, metadata } = mine
    await abc.json({
      method: 'PATCH',
      path: `${pathOf(mine)}/status`,
      query: { fieldManager: 'patchbay-agent', force: 'true' },
      contentType: 'application/apply-patch+yaml',
      body: { apiVersion, kind, metadata, status: { mac: '52:54:00:00:00:01' } },
    })
    expect((await get(mine)).status).toMatchObject({
      guestState: 'Running',
      mac: '52:54:00:00:00:01',
      hostName: 'abc',
      guestUUID: uuid,
    })
    await patchStatus(abc, host('abc'), { libvirtVersion: '9.0.0' })
    await patch(abc, pathOf(lease('abc')), { spec: { holderIdentity: 'me' } })
    await create(abc, event('abc'))
  })

  it('reads what its host is to be like', async () => {
    for (const manifest of [inShop(''), lan, host('')]) {
      await abc.json({ method: 'GET', path: pathOf({ ...manifest, metadata: { name: '' } }) })
    }
    await abc.json({ method: 'GET', path: pathOf(mine) })
  })

  it('changes nothing but status through status', async () => {
    const metadata = { finalizers: null, labels: { taken: 'over' }, annotations: { taken: 'over' } }
    const spec = { link: { state: 'down' } }
    await patch(abc, `${pathOf(mine)}/status`, { metadata, spec, status: { guestState: 'Off' } })
    const now = await get(mine)
    expect(now.status?.guestState).toBe('Off')
    expect(now.spec.link).toBeUndefined()
    expect(now.metadata).toMatchObject({ finalizers: [port] })
    expect(now.metadata).not.toHaveProperty('labels')
    expect(now.metadata).not.toHaveProperty('annotations')
  })

  it.each([
    ["another host's", theirs, 'interfaces bound to abc; this one is bound to def'],
    ['an unbound', nobodys, 'interfaces bound to abc; this one is not bound'],
  ])('writes no status of %s interface', async (_, manifest, reason) => {
    expect(await said(patchStatus(abc, manifest, { guestState: 'Off' }))).toContain(reason)
    expect(await said(patchStatus(abc, manifest, { hostName: 'abc' }))).toContain(reason)
  })

  it.each([
    [{ hostName: 'def' }, 'status.hostName: the controller alone'],
    [{ hostName: null }, 'status.hostName: the controller alone'],
    [{ nextHostName: 'def' }, 'status.nextHostName: the controller alone'],
    [{ guestUUID: '09b11c53-8b5c-4eeb-8f00-d84eaa0aaa40' }, 'status.guestUUID: the controller alone'],
    [{ guestUUID: null }, 'status.guestUUID: the controller alone'],
  ])('does not bind its own interface anew by %j', async (status, reason) => {
    expect(await said(patchStatus(abc, mine, status))).toContain(reason)
  })

  it('writes no other Host and no other Lease', async () => {
    const other = await said(patchStatus(abc, host('def'), { libvirtVersion: '9.0.0' }))
    expect(other).toContain('may write the Host abc, not def')
    const renewing = patch(abc, pathOf(lease('def')), { spec: { holderIdentity: 'me' } })
    expect(await said(renewing)).toContain('may renew the Lease abc, not def')
  })

  it.each([
    { spec: { leaseDurationSeconds: 1_000_000 } },
    { metadata: { finalizers: ['example.org/stay'] } },
    { metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'abc', uid: 'another' }] } },
  ])('makes of its Lease no other by %j', async (change) => {
    const changing = patch(abc, pathOf(lease('abc')), change)
    expect(await said(changing)).toContain('the controller says how long a Lease lasts')
  })

  it.each([
    [
      'about others',
      { regarding: { apiVersion: 'v1', kind: 'Pod', name: 'x', namespace: 'shop' } },
      'regarding:',
    ],
    ['as somebody else', { reportingController: 'kubelet' }, 'reportingController and reportingInstance:'],
    ['for another host', { reportingInstance: 'def' }, 'reportingController and reportingInstance:'],
  ])('tells no Event %s', async (_, change, reason) => {
    expect(await said(create(abc, { ...event('abc'), ...change }, dryRun))).toContain(reason)
  })

  it('is good for nothing without a Node in it', async () => {
    const token = await cluster.kubectl('create', 'token', 'patchbay-agent', '-npatchbay-system')
    const nodeless = async (manifest: Named, body: object, ...args: string[]) => {
      const objects = [{ ...manifest, ...body }]
      const apply = ['apply', '--server-side', '--validate=false', ...args, '-f-', `--token=${token}`]
      return cluster.admin.refusal(cluster.admin.kubectlWith(objects, ...apply))
    }
    const bare = { ...mine, spec: undefined }
    for (const refused of [
      await nodeless(bare, { status: { guestState: 'Off' } }, '--subresource=status'),
      await nodeless(host('abc'), { status: { libvirtVersion: '9.0.0' } }, '--subresource=status'),
      await nodeless(lease('abc'), { spec: { holderIdentity: 'me' } }),
    ]) {
      expect(refused).toContain('this token names no Node')
    }
  })

  const merge = { method: 'PATCH', contentType: 'application/merge-patch+json', body: {} } as const
  const core = '/api/v1'
  it.each<[verb: string, resource: string, Call]>([
    ['create', 'guestinterfaces', { method: 'POST', path: pathOf(inShop('')), body: inShop('new') }],
    ['patch', 'guestinterfaces', { ...merge, path: pathOf(mine) }],
    ['delete', 'guestinterfaces', { method: 'DELETE', path: pathOf(mine) }],
    ['create', 'hosts', { method: 'POST', path: pathOf(host('')), body: host('new') }],
    ['patch', 'hosts', { ...merge, path: pathOf(host('abc')) }],
    ['delete', 'hosts', { method: 'DELETE', path: pathOf(host('abc')) }],
    ['patch', 'networks', { ...merge, path: pathOf(lan) }],
    ['patch', 'networks/status', { ...merge, path: `${pathOf(lan)}/status` }],
    ['delete', 'networks', { method: 'DELETE', path: pathOf(lan) }],
    ['patch', 'portgroups/status', { ...merge, path: '/apis/patchbay.dev/v1alpha1/portgroups/x/status' }],
    ['list', 'guestgrants', { method: 'GET', path: '/apis/patchbay.dev/v1alpha1/guestgrants' }],
    ['create', 'leases', { method: 'POST', path: pathOf(lease('')), body: lease('new') }],
    ['list', 'leases', { method: 'GET', path: pathOf(lease('')) }],
    ['delete', 'leases', { method: 'DELETE', path: pathOf(lease('abc')) }],
    ['patch', 'leases', { ...merge, path: pathOf(lease('abc')).replace('-agents', '-system') }],
    ['list', 'events', { method: 'GET', path: pathOf(event('')).replace('/told', '') }],
    ['delete', 'events', { method: 'DELETE', path: pathOf(event('')) }],
    ['create', 'events', { method: 'POST', path: `${core}/namespaces/shop/events`, body: {} }],
    ['list', 'secrets', { method: 'GET', path: `${core}/secrets` }],
    ['list', 'pods', { method: 'GET', path: `${core}/pods` }],
    ['get', 'nodes', { method: 'GET', path: `${core}/nodes/abc` }],
    ['get', 'namespaces', { method: 'GET', path: `${core}/namespaces/shop` }],
    ['list', 'configmaps', { method: 'GET', path: `${core}/namespaces/patchbay-system/configmaps` }],
  ])('has no right to %s %s', async (verb, resource, call) => {
    expect(await said(abc.json(call))).toContain(`cannot ${verb} resource "${resource}"`)
  })

  it('is held by the policies alone where somebody has given it every right', async () => {
    const account = '--serviceaccount=patchbay-system:patchbay-agent'
    await cluster.kubectl('create', 'clusterrolebinding', 'too-much', '--clusterrole=cluster-admin', account)
    const mayDelete = () => said(abc.json({ method: 'DELETE', path: `${core}/nodes/abc`, query: dryRun }))
    await expect.poll(mayDelete).toBe('')
    for (const [manifest, reason] of [
      [mine, 'status of a GuestInterface and nothing else'],
      [host('abc'), 'status of its Host and nothing else'],
      [lan, 'writes nothing of them'],
      [lease('abc'), 'the controller makes it and takes it away'],
      [event('abc'), 'changes and deletes none'],
    ] as const) {
      expect(await said(remove(abc, manifest, dryRun))).toContain(reason)
      const labelled = patch(abc, pathOf(manifest), { metadata: { labels: { taken: 'over' } } }, dryRun)
      expect(await said(labelled)).toContain(manifest.kind === 'Lease' ? '' : reason)
      if (manifest.kind === 'Event') continue
      const another = { ...manifest, metadata: { ...manifest.metadata, name: 'another' } }
      expect(await said(create(abc, another, dryRun))).toContain(reason)
    }
    expect(await said(patchStatus(abc, lan, {}, dryRun))).toContain('writes nothing of them')
    await cluster.kubectl('delete', 'clusterrolebinding', 'too-much')
    await expect.poll(mayDelete).toContain('cannot delete resource')
  })

  it('of the other host reaches what this one does not', async () => {
    await patchStatus(def, theirs, { guestState: 'Running' })
  })
})

describe("a user's token", () => {
  const web = inShop('web')

  it('makes, changes and deletes interfaces of its namespace', async () => {
    await create(editor, web)
    await patch(editor, pathOf(web), { spec: { link: { state: 'down' } } })
    await viewer.json({ method: 'GET', path: pathOf(web) })
    await remove(editor, web)
  })

  const patchbay = '/apis/patchbay.dev/v1alpha1'
  it.each<[verb: string, resource: string, Call]>([
    ['patch', 'guestinterfaces/status', { method: 'PATCH', path: `${pathOf(web)}/status`, body: {} }],
    ['list', 'guestinterfaces', { method: 'GET', path: `${patchbay}/namespaces/default/guestinterfaces` }],
    ['list', 'networks', { method: 'GET', path: `${patchbay}/networks` }],
    ['list', 'portgroups', { method: 'GET', path: `${patchbay}/portgroups` }],
    ['list', 'hosts', { method: 'GET', path: `${patchbay}/hosts` }],
    ['list', 'guestgrants', { method: 'GET', path: `${patchbay}/guestgrants` }],
    ['patch', 'namespaces', { method: 'PATCH', path: '/api/v1/namespaces/shop', body: {} }],
  ])('has no right to %s %s', async (verb, resource, call) => {
    expect(await said(editor.json(call))).toContain(`cannot ${verb} resource "${resource}"`)
  })

  it('of a viewer only looks', async () => {
    await create(editor, inShop('seen'))
    expect(await said(remove(viewer, inShop('seen')))).toContain('cannot delete resource')
    expect(await said(patch(viewer, pathOf(inShop('seen')), {}))).toContain('cannot patch resource')
  })

  it('writes no status, whatever its role says; nor does an admin', async () => {
    await cluster.kubectl('create', 'role', 'all', '-nshop', '--verb=*', '--resource=*.patchbay.dev')
    await cluster.kubectl('create', 'rolebinding', 'all', '-nshop', '--role=all', user('viewer'))
    const reason = "status is written by Patchbay's agents and controller alone"
    await expect.poll(() => said(patchStatus(viewer, inShop('mine'), { hostName: 'def' }))).toContain(reason)
    expect(await said(patchStatus(admin, inShop('mine'), { hostName: 'def' }))).toContain(reason)
  })
})

const rawSources = {
  bridge: { bridge: { name: 'br0' } },
  direct: { direct: { dev: 'eth0', mode: 'bridge' } },
  hostdev: { hostdev: { address: '0000:03:10.1' } },
  vhostuser: { vhostuser: { path: '/run/vhost.sock', mode: 'client' } },
  vdpa: { vdpa: { dev: '/dev/vhost-vdpa-0' } },
  ethernet: { ethernet: {} },
}
const romFile = { rom: { file: '/usr/share/rom' } }

describe('what names things of the host itself', () => {
  const trying = (manifest: Named, as = editor) => said(create(as, manifest, dryRun))
  const reasonOf = (field: string) =>
    `${field}: is a thing of the host itself, and namespace shop has no label`

  it.each(Object.entries(rawSources))('is denied without the label: %s', async (name, source) => {
    const reason = reasonOf(`spec.source.${name}`)
    expect(await trying(inShop('raw', source))).toContain(reason)
    expect(await trying(inShop('raw', source), admin)).toContain(reason)
  })

  it('is denied without the label: rom.file', async () => {
    expect(await trying(inShop('raw', undefined, romFile))).toContain(reasonOf('spec.rom.file'))
    expect(await trying(inShop('raw', undefined, { rom: { bar: false } }))).toBe('')
  })

  it('goes through without the label where it names a Network, or nothing of the host', async () => {
    expect(await trying(inShop('raw'))).toBe('')
    expect(await trying(inShop('raw', { user: {} }))).toBe('')
  })

  it('goes through with the label, and stays editable when the label has gone', async () => {
    await cluster.kubectl('label', 'namespace/shop', 'patchbay.dev/host-sources=allowed')
    await expect.poll(() => trying(inShop('raw', rawSources.bridge))).toBe('')
    for (const source of Object.values(rawSources)) expect(await trying(inShop('raw', source))).toBe('')
    const raw = inShop('raw', rawSources.bridge, romFile)
    await create(editor, raw)

    await cluster.kubectl('label', 'namespace/shop', 'patchbay.dev/host-sources-')
    await expect.poll(() => trying(inShop('other', rawSources.bridge))).not.toBe('')
    await setFinalizers(controller, raw, port)
    await patchStatus(controller, raw, { hostName: 'abc', guestUUID: uuid })
    await patchStatus(abc, raw, { guestState: 'Running' })
    await patch(editor, pathOf(raw), { metadata: { labels: { a: 'b' } } })
    await patch(editor, pathOf(raw), { spec: { link: { state: 'down' } } })
    const change = (spec: object) => said(patch(editor, pathOf(raw), { spec }))
    expect(await change({ source: { bridge: { name: 'br1' } } })).toContain(reasonOf('spec.source.bridge'))
    expect(await change({ source: { bridge: null, ethernet: {} } })).toContain(
      reasonOf('spec.source.ethernet'),
    )
    expect(await change({ rom: { file: '/etc/shadow' } })).toContain(reasonOf('spec.rom.file'))
    await remove(editor, raw)
    await setFinalizers(controller, raw)
    await expect.poll(() => gone(raw)).toBe(true)
  })
})

describe('the finalizer', () => {
  const reason = 'patchbay.dev/port is removed by the controller'

  it('is taken away by the controller, and by an admin who acts as it', async () => {
    const held = inShop('held')
    await bind('held', 'abc')
    expect(await said(setFinalizers(editor, held))).toContain(reason)
    expect(await said(setFinalizers(admin, held))).toContain(reason)
    const { resourceVersion } = (await get(held)).metadata
    const replacement = { ...held, metadata: { ...held.metadata, resourceVersion } }
    const replaced = editor.json({ method: 'PUT', path: pathOf(held), body: replacement })
    expect(await said(replaced)).toContain(reason)
    // Those of others are none of our business.
    await setFinalizers(editor, held, port, 'example.com/other')
    await setFinalizers(editor, held, port)

    await remove(editor, held)
    expect(await said(setFinalizers(editor, held))).toContain(reason)
    // Its agent still says what it waits for.
    await patchStatus(abc, held, { guestState: 'Running' })
    const rescue = ['patch', 'gi/held', '-nshop', '--type=merge', '-p', '{"metadata":{"finalizers":null}}']
    await cluster.kubectl(...rescue, `--as=${controllerName}`)
    await expect.poll(() => gone(held)).toBe(true)
  })

  it('stands on Networks too', async () => {
    await setFinalizers(controller, lan, port)
    expect(await said(setFinalizers(admin, lan))).toContain(reason)
    await setFinalizers(controller, lan)
  })

  it('is all that keeps a namespace that is deleted: no policy does', async () => {
    await cluster.kubectl('create', 'namespace', 'gone')
    await cluster.kubectl('label', 'namespace/gone', 'patchbay.dev/host-sources=allowed')
    const last = { ...inShop('last', rawSources.bridge), metadata: { name: 'last', namespace: 'gone' } }
    await expect.poll(() => said(create(admin, last, dryRun))).toBe('')
    await create(admin, last)
    await cluster.kubectl('label', 'namespace/gone', 'patchbay.dev/host-sources-')
    await setFinalizers(controller, last, port)
    await cluster.kubectl('delete', 'namespace/gone', '--wait=false')
    await expect.poll(async () => (await get(last)).metadata).toHaveProperty('deletionTimestamp')
    await setFinalizers(controller, last)
    await cluster.kubectl('wait', '--for=delete', 'namespace/gone', '--timeout=60s')
  })
})

describe("the controller's token", () => {
  it('looks after Hosts, Leases and status', async () => {
    const grants = '/apis/patchbay.dev/v1alpha1/guestgrants'
    for (const path of [grants, '/api/v1/nodes', '/api/v1/namespaces', pathOf(lease(''))]) {
      await controller.json({ method: 'GET', path })
    }
    for (const manifest of [host('new'), lease('new')]) {
      await create(controller, manifest)
      await remove(controller, manifest)
    }
    await patch(controller, pathOf(host('abc')), { metadata: { labels: { rack: '1' } } })
    await patchStatus(controller, lan, { conditions: [] })
    const { metadata, ...leader } = lease('patchbay-controller')
    const lead = { ...leader, metadata: { ...metadata, namespace: 'patchbay-system' } }
    const made = (await create(controller, lead)) as Named
    await controller.json({
      method: 'PUT',
      path: pathOf(lead),
      body: { ...made, spec: { holderIdentity: 'me' } },
    })
  })

  it.each<[verb: string, resource: string, Call]>([
    ['list', 'secrets', { method: 'GET', path: '/api/v1/secrets' }],
    ['list', 'pods', { method: 'GET', path: '/api/v1/pods' }],
    ['create', 'guestinterfaces', { method: 'POST', path: pathOf(inShop('')), body: inShop('new') }],
    ['delete', 'guestinterfaces', { method: 'DELETE', path: pathOf(inShop('mine')) }],
    ['delete', 'networks', { method: 'DELETE', path: pathOf(lan) }],
    ['delete', 'nodes', { method: 'DELETE', path: '/api/v1/nodes/abc' }],
    [
      'get',
      'leases',
      { method: 'GET', path: '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/any' },
    ],
  ])('has no right to %s %s', async (verb, resource, call) => {
    expect(await said(controller.json(call))).toContain(`cannot ${verb} resource "${resource}"`)
  })
})

describe('deleting the deployment', () => {
  it('leaves interfaces with their finalizers and status, and Hosts', async () => {
    const before = await get(inShop('mine'))
    expect(before).toMatchObject({ metadata: { finalizers: [port] }, status: { hostName: 'abc' } })
    await cluster.kubectl('delete', '-k', deployment, '--wait=false')
    expect(await get(inShop('mine'))).toEqual(before)
    await get(host('abc'))
    // Without policies nothing keeps an admin from giving an interface up.
    await expect.poll(() => said(setFinalizers(admin, inShop('mine')))).toBe('')
  })
})
