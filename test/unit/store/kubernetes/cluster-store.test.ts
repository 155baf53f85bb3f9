import { afterEach, describe, expect, it } from 'vitest'
import type { Host } from '../../../../src/api/host.ts'
import { ApiClient } from '../../../../src/store/kubernetes/api-client.ts'
import type { Change } from '../../../../src/store/kubernetes/cluster-objects.ts'
import { ClusterStore } from '../../../../src/store/kubernetes/cluster-store.ts'
import { NotLeading } from '../../../../src/store/kubernetes/leadership.ts'
import { StaleObject } from '../../../../src/store/store.ts'
import {
  type Answer,
  bookmark,
  FakeApiServer,
  isWatch,
  page,
  refuse,
  sendJson,
  tell,
} from './fake-api-server.ts'
import { bound, key, port, ready } from './open-store.ts'

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()))
})

/** Of the controller's own fields, as the server records them. */
const owning = (fields: object) => ({
  managedFields: [
    {
      manager: 'patchbay-controller',
      operation: 'Apply',
      subresource: 'status',
      fieldsV1: { 'f:status': fields },
    },
  ],
})

const host = (version: number, guests: string[], labels?: Record<string, string>): Host => ({
  apiVersion: 'patchbay.dev/v1alpha1',
  kind: 'Host',
  metadata: { name: 'abc', uid: 'h1', resourceVersion: String(version), ...(labels && { labels }) },
  spec: {},
  status: { guests: guests.map((name) => ({ name, uuid: `uuid-${name}`, running: true })) },
})

/** By the last part of the path at which they are listed. */
type Objects = Record<string, object[]>

async function open(objects: Objects, answer: Answer = (_, response) => sendJson(response, {})) {
  const watches: Record<string, Parameters<Answer>[1]> = {}
  const server = await FakeApiServer.start((asked, response) => {
    const plural = asked.url.pathname.split('/').at(-1)!
    if (isWatch(asked)) {
      tell(response, 'BOOKMARK', bookmark(100))
      watches[plural] = response
    } else if (asked.url.searchParams.has('limit')) sendJson(response, page(100, objects[plural] ?? []))
    else answer(asked, response)
  })
  const client = new ApiClient(server.access(), { deadlineMs: 1_000 })
  const silent = () => {}
  const term = { leads: true, ended: new AbortController() }
  const store = new ClusterStore({
    client,
    log: { info: silent, warn: silent, error: silent },
    instance: 'test',
    term: () => {
      if (!term.leads) throw new NotLeading('not now')
      return term.ended.signal
    },
    agentLeaseSeconds: 40,
  })
  const ending = new AbortController()
  const changes: Change[] = []
  await store.start((change) => changes.push(change), ending.signal)
  await expect.poll(() => Object.keys(watches).length, { timeout: 10_000 }).toBe(8)
  ends.push(async () => {
    ending.abort()
    client.close()
    await server.stop()
  })
  const writes = () =>
    server.asked.filter(({ method, url }) => method !== 'GET' && !url.pathname.endsWith('/events'))
  return { server, store, term, changes, writes, watches }
}

const nic = (store: ClusterStore) => store.get('GuestInterface', 'nic', 'default')

/** Answers a write with the object at the next version. */
const takes =
  (after: (body: { metadata: object; status?: object }) => object): Answer =>
  (asked, response) =>
    sendJson(response, after(JSON.parse(asked.body)))

describe('of an object is kept', () => {
  it('what somebody decides from, and nothing large', async () => {
    const { store } = await open({
      guestinterfaces: [
        bound(5, { port, effective: { model: 'virtio' }, sources: { model: 'interface' } }, owning({})),
      ],
    })
    expect(nic(store)?.metadata).toEqual({
      name: 'nic',
      namespace: 'default',
      uid: 'u1',
      resourceVersion: '5',
      generation: 1,
    })
    expect(nic(store)?.status).toEqual({
      hostName: 'abc',
      guestUUID: 'c7a5fdbd-edaf-9455-926a-d65c16db1809',
      port,
    })
  })

  it('of Nodes and Namespaces the metadata, which alone is asked for', async () => {
    const node = { metadata: { name: 'abc', uid: 'n1', resourceVersion: '3', labels: { rack: 'r1' } } }
    const { server, store } = await open({ nodes: [node] })
    expect(store.get('Node', 'abc')).toEqual({ kind: 'Node', metadata: node.metadata })
    const [asked] = server.asked.filter(({ url }) => url.pathname === '/api/v1/nodes')
    expect(asked!.headers.accept).toContain('as=PartialObjectMetadataList')
  })

  it('of Hosts, which are large, few in a page', async () => {
    const { server } = await open({})
    const pages = server.asked.filter(({ url }) => url.searchParams.has('limit'))
    const sizes = pages.map(({ url }) => [url.pathname.split('/').at(-1), url.searchParams.get('limit')])
    expect(Object.fromEntries(sizes)).toMatchObject({ guestinterfaces: '500', hosts: '50' })
  })
})

it('finds what it is asked for by an index, as it changes', async () => {
  const { store, watches, changes } = await open({ guestinterfaces: [bound(5)], hosts: [host(6, ['vm1'])] })
  const found = (...args: Parameters<typeof store.having<'GuestInterface'>>) =>
    store.having(...args).map(({ metadata }) => metadata.name)
  expect(found('GuestInterface', 'guestName', 'vm1')).toEqual(['nic'])
  expect(found('GuestInterface', 'hostName', 'abc')).toEqual(['nic'])
  expect(store.having('Host', 'guestUUID', 'uuid-vm1')).toHaveLength(1)
  tell(watches.guestinterfaces!, 'MODIFIED', bound(101, { hostName: 'def', mac: '52:54:00:AA:00:01' }))
  tell(watches.hosts!, 'MODIFIED', host(102, ['vm2']))
  await expect.poll(() => changes.length, { timeout: 10_000 }).toBe(2)
  expect(found('GuestInterface', 'hostName', 'abc')).toEqual([])
  expect(found('GuestInterface', 'hostName', 'def')).toEqual(['nic'])
  expect(found('GuestInterface', 'mac', '52:54:00:aa:00:01')).toEqual(['nic'])
  expect(store.having('Host', 'guestUUID', 'uuid-vm1')).toEqual([])
  tell(watches.guestinterfaces!, 'DELETED', bound(103, { hostName: 'def' }))
  await expect.poll(() => changes.length, { timeout: 10_000 }).toBe(3)
  expect(found('GuestInterface', 'hostName', 'def')).toEqual([])
  expect(nic(store)).toBeUndefined()
})

it('tells of no change in what it does not keep, nor of a renewed Lease', async () => {
  const lease = (version: number, renewTime: string) => ({
    metadata: { name: 'abc', uid: 'l1', resourceVersion: String(version) },
    spec: { renewTime },
  })
  const { store, watches, changes } = await open({ guestinterfaces: [bound(5)], leases: [lease(1, 'a')] })
  tell(watches.leases!, 'MODIFIED', lease(101, 'b'))
  // The first renewal that is seen concerns the host's key; the next ones nobody.
  await expect.poll(() => changes.splice(0).length, { timeout: 10_000 }).toBe(1)
  tell(watches.leases!, 'MODIFIED', lease(103, 'c'))
  await expect.poll(() => store.get('Lease', 'abc')?.spec.renewTime, { timeout: 10_000 }).toBe('c')
  tell(watches.guestinterfaces!, 'MODIFIED', bound(102, { effective: { model: 'virtio' } }))
  await expect.poll(() => nic(store)?.metadata.resourceVersion, { timeout: 10_000 }).toBe('102')
  expect(changes).toEqual([])
})

describe('status', () => {
  it('is applied as the controller, and read as it was written', async () => {
    const { store, writes, changes } = await open(
      { guestinterfaces: [bound(5, { hostName: undefined })] },
      takes(({ status }) => bound(101, status, owning({ 'f:hostName': {} }))),
    )
    await store.applyStatus(key, { hostName: 'def' }, '5')
    const [write] = writes()
    expect(Object.fromEntries(write!.url.searchParams)).toEqual({
      fieldManager: 'patchbay-controller',
      fieldValidation: 'Ignore',
      force: 'true',
    })
    expect(JSON.parse(write!.body)).toMatchObject({
      metadata: { uid: 'u1', resourceVersion: '5' },
      status: { hostName: 'def' },
    })
    expect(nic(store)?.status?.hostName).toBe('def')
    expect(changes).toHaveLength(1)
    await store.applyStatus(key, { hostName: 'def' })
    expect(writes()).toHaveLength(1)
    // It had it alone, and wants it no more.
    await store.applyStatus(key, {})
    expect(writes()).toHaveLength(2)
  })

  it('that was decided upon an object which has changed is to be decided again', async () => {
    const { store } = await open({ guestinterfaces: [bound(5)] }, (_, response) =>
      refuse(response, 409, 'Conflict'),
    )
    await expect(store.applyStatus(key, { hostName: 'def' }, '4')).rejects.toBeInstanceOf(StaleObject)
    expect(nic(store)?.status?.hostName).toBe('abc')
  })

  it('of Ready tells an Event when it changes', async () => {
    const { server, store } = await open({ guestinterfaces: [bound(5)] }, (asked, response) =>
      sendJson(response, asked.method === 'POST' ? {} : bound(101, JSON.parse(asked.body).status)),
    )
    await store.applyStatus(key, { conditions: [ready('False', 'NotOwned')] })
    const events = () => server.asked.filter(({ method }) => method === 'POST')
    await expect.poll(() => events().length, { timeout: 10_000 }).toBe(1)
    expect(JSON.parse(events()[0]!.body)).toMatchObject({
      reportingController: 'patchbay.dev/controller',
      type: 'Warning',
      reason: 'NotOwned',
    })
  })
})

it('adds its finalizer to those of others, takes its own away alone, and says on which version', async () => {
  const before = bound(5, {}, { finalizers: ['them/theirs'] })
  let version = 101
  let after = before
  const { store, watches, writes } = await open(
    { guestinterfaces: [before] },
    takes(({ metadata }) => {
      const { finalizers } = metadata as { finalizers: string[] }
      after = bound(version++, {}, { finalizers })
      return after
    }),
  )
  await store.removeFinalizer(key)
  expect(writes()).toEqual([])
  await store.addFinalizer(key)
  await store.addFinalizer(key)
  tell(watches.guestinterfaces!, 'MODIFIED', after)
  await expect.poll(() => nic(store)?.metadata.finalizers).toContain('patchbay.dev/port')
  await store.addFinalizer(key)
  await store.removeFinalizer(key)
  expect(nic(store)?.metadata.finalizers).toEqual(['them/theirs'])
  expect(writes().map(({ body }) => JSON.parse(body).metadata)).toEqual([
    { uid: 'u1', resourceVersion: '5', finalizers: ['them/theirs', 'patchbay.dev/port'] },
    { uid: 'u1', resourceVersion: '101', finalizers: ['them/theirs'] },
  ])
})

it('makes the labels of a Host exactly these', async () => {
  const { store, writes } = await open(
    { hosts: [host(5, [], { rack: 'r1', row: 'a' })] },
    takes(() => host(101, [], { rack: 'r2' })),
  )
  await store.setHostLabels('abc', { rack: 'r2' })
  await store.setHostLabels('abc', { rack: 'r2' })
  expect(writes().map(({ body }) => JSON.parse(body).metadata.labels)).toEqual([{ rack: 'r2', row: null }])
})

it('writes nothing when it does not lead', async () => {
  const { store, term, writes } = await open({ guestinterfaces: [bound(5)], hosts: [host(6, [])] })
  term.leads = false
  const attempts = [
    () => store.applyStatus(key, { hostName: 'def' }),
    () => store.addFinalizer(key),
    () => store.createHost('def', {}),
    () => store.createLease('def'),
    () => store.setHostLabels('abc', { rack: 'r1' }),
    () => store.delete('Host', 'abc'),
  ]
  for (const attempt of attempts) await expect(attempt()).rejects.toBeInstanceOf(NotLeading)
  expect(writes()).toEqual([])
})
