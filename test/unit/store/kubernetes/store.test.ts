import { afterEach, describe, expect, it } from 'vitest'
import type { Condition } from '../../../../src/api/conditions.ts'
import type { GuestInterface, GuestInterfaceStatus } from '../../../../src/api/guest-interface.ts'
import { type AnyResource, kinds } from '../../../../src/api/kinds.ts'
import type { Network } from '../../../../src/api/network.ts'
import { ApiClient } from '../../../../src/store/kubernetes/api-client.ts'
import { KubernetesStore } from '../../../../src/store/kubernetes/store.ts'
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

const key = { kind: 'GuestInterface', namespace: 'default', name: 'nic' } as const
const port = { kind: 'bridge', name: 'br0', hostName: 'abc', bridge: 'br0' } as const

const ready = (status: Condition['status'], reason: string): Condition => ({
  type: 'Ready',
  status,
  reason,
  message: `it is ${reason}`,
  lastTransitionTime: '2026-01-01T00:00:00Z',
})

/** As the controller has bound it to this host. */
function bound(
  version: number,
  status: Partial<GuestInterfaceStatus> = {},
  more: object = {},
): GuestInterface {
  return {
    apiVersion: 'patchbay.dev/v1alpha1',
    kind: 'GuestInterface',
    metadata: {
      name: 'nic',
      namespace: 'default',
      uid: 'u1',
      generation: 1,
      resourceVersion: String(version),
      ...more,
    },
    spec: {
      guest: { name: 'vm1' },
      source: { bridge: { name: 'br0' } },
      updatePolicy: 'Live',
      deletionPolicy: 'Detach',
    },
    status: { hostName: 'abc', guestUUID: 'c7a5fdbd-edaf-9455-926a-d65c16db1809', ...status },
  }
}

/** With what the controller has summed up over all hosts. */
const network: Network = {
  apiVersion: 'patchbay.dev/v1alpha1',
  kind: 'Network',
  metadata: { name: 'lan', uid: 'n1', generation: 3, resourceVersion: '7' },
  spec: { bridge: { name: 'br0' } },
  status: { conditions: [ready('False', 'NetworkAmbiguous')] },
}

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()))
})

/**
 * A store over a server that has these objects and watches in silence; `answer` is asked for everything else. `watches`: what
 * is told on them, by the path's last part; `watch`: the one of interfaces.
 */
async function open(objects: readonly AnyResource[], answer: Answer, token?: () => string) {
  const watches: Record<string, Parameters<Answer>[1]> = {}
  const server = await FakeApiServer.start((asked, response) => {
    const parts = asked.url.pathname.split('/')
    const plural = parts.at(-1)!
    if (isWatch(asked)) {
      tell(response, 'BOOKMARK', bookmark(100))
      watches[plural] = response
    } else if (parts.length === 5) {
      sendJson(
        response,
        page(
          100,
          objects.filter(({ kind }) => kinds[kind].plural === plural),
        ),
      )
    } else answer(asked, response)
  })
  const client = new ApiClient(server.access(token), { deadlineMs: 200 })
  const silent = () => {}
  const store = new KubernetesStore({
    client,
    hostName: 'abc',
    log: { info: silent, warn: silent, error: silent },
  })
  const ending = new AbortController()
  const woken: string[] = []
  await store.start(({ name }) => woken.push(name), ending.signal)
  await expect.poll(() => Object.keys(watches)).toHaveLength(4)
  ends.push(async () => {
    ending.abort()
    await server.stop()
  })
  const writes = () => server.asked.filter(({ method }) => method === 'PATCH')
  const events = () =>
    server.asked.filter(({ method }) => method === 'POST').map(({ body }) => JSON.parse(body))
  return { server, store, woken, writes, events, watches, watch: watches.guestinterfaces! }
}

/** Takes a status as server-side apply does, at the next version. */
const applies =
  (version = 101, before: Partial<GuestInterfaceStatus> = {}): Answer =>
  (asked, response) => {
    if (asked.method === 'POST') return sendJson(response, {})
    return sendJson(response, bound(version++, { ...before, ...JSON.parse(asked.body).status }))
  }

const nic = (store: KubernetesStore) => store.get('GuestInterface', 'nic', 'default')

describe('status', () => {
  it('is applied without the fields of the controller, and what was written is what is known', async () => {
    const { store, writes } = await open([bound(5)], applies())
    const conditions = [ready('True', 'InSync')]
    await store.writeStatus(key, { hostName: 'abc', nextHostName: 'def', guestUUID: 'x', port, conditions })
    const [write] = writes()
    expect(write!.url.pathname).toBe(
      '/apis/patchbay.dev/v1alpha1/namespaces/default/guestinterfaces/nic/status',
    )
    expect(Object.fromEntries(write!.url.searchParams)).toEqual({
      fieldManager: 'patchbay-agent',
      force: 'true',
    })
    expect(write!.headers['content-type']).toBe('application/apply-patch+yaml')
    expect(JSON.parse(write!.body)).toEqual({
      apiVersion: 'patchbay.dev/v1alpha1',
      kind: 'GuestInterface',
      metadata: { name: 'nic', namespace: 'default', uid: 'u1', resourceVersion: '5' },
      status: { port, conditions },
    })
    expect(nic(store)?.status).toMatchObject({ hostName: 'abc', port, conditions })
  })

  it('is not written when it is there already, in whatever order the server keeps conditions', async () => {
    const conditions = [ready('True', 'InSync'), { ...ready('True', 'GuestFound'), type: 'Bound' }]
    const foreign = { ...ready('True', 'Fine'), type: 'SomebodyElses' }
    const { store, writes } = await open(
      [bound(5, { port, conditions: [...conditions, foreign] })],
      applies(),
    )
    await store.writeStatus(key, { hostName: 'abc', port, conditions: conditions.toReversed() })
    expect(writes()).toEqual([])
  })

  it('names a version only where it sets a port', async () => {
    const { store, writes } = await open([bound(5, { port })], applies(101, { port }))
    await store.writeStatus(key, { port, guestState: 'Off' })
    await store.writeStatus(key, { guestState: 'Off' })
    for (const { body } of writes()) expect(JSON.parse(body).metadata).not.toHaveProperty('resourceVersion')
    expect(writes()).toHaveLength(2)
  })

  it('of a port that was chosen for an object that has changed since is not written', async () => {
    const { store, woken, writes, watch } = await open([bound(5)], applies())
    tell(watch, 'MODIFIED', bound(6, { nextHostName: 'def' }))
    await expect.poll(() => woken).toEqual(['nic'])
    await expect(store.writeStatus(key, { port }, true, '5')).rejects.toBeInstanceOf(StaleObject)
    expect(writes()).toEqual([])
    // Read again, it is the newest.
    await store.writeStatus(key, { port }, true, nic(store)?.metadata.resourceVersion)
    expect(writes()).toHaveLength(1)
  })

  it('says that the object is to be read again when the server knows of a change that we do not', async () => {
    const { store } = await open([bound(5)], (_, response) => refuse(response, 409, 'Conflict'))
    await expect(store.writeStatus(key, { port }, true, '5')).rejects.toBeInstanceOf(StaleObject)
    expect(nic(store)?.status?.port).toBeUndefined()
  })

  it.each([
    ['refuses what is not valid', 422, 'Invalid', 'terminal'],
    ['has lost its etcd', 500, 'InternalError', 'retryable'],
    ['gives us no right', 403, 'Forbidden', 'retryable'],
  ])('rejects when the server %s', async (_, code, reason, sort) => {
    const { store } = await open([bound(5)], (_asked, response) => refuse(response, code, reason))
    await expect(store.writeStatus(key, { port })).rejects.toMatchObject({ status: code, reason, sort })
  })

  it('rejects when no answer comes', async () => {
    const { store } = await open([bound(5)], () => {})
    await expect(store.writeStatus(key, { port })).rejects.toThrow(/no answer within 200 ms/)
  })

  it('of a Network stays in memory: every host has one of its own', async () => {
    const { store, writes } = await open([network], applies())
    expect(store.get('Network', 'lan')?.status).toBeUndefined()
    const status = { observedGeneration: 3, conditions: [ready('True', 'Accepted')] }
    await store.writeStatus({ kind: 'Network', name: 'lan' }, status)
    expect(store.list('Network').map((each) => each.status)).toEqual([status])
    expect(writes()).toEqual([])
  })

  it('of a Host that the controller has not made yet is nothing to fail about', async () => {
    const { store, writes } = await open([], applies())
    await store.writeStatus({ kind: 'Host', name: 'abc' }, {})
    expect(writes()).toEqual([])
  })
})

describe('a Network that vanishes', () => {
  it('stands as one that goes until nothing of it is left here', async () => {
    const { store, watches } = await open([network], applies())
    const lan = { kind: 'Network', name: 'lan' } as const
    await store.writeStatus(lan, { conditions: [ready('True', 'InSync')] })
    tell(watches.networks!, 'DELETED', network)
    await expect.poll(() => store.get('Network', 'lan')?.metadata.deletionTimestamp).toBeDefined()
    await store.release(lan)
    expect(store.get('Network', 'lan')).toBeUndefined()
  })

  it('and was never worked on is forgotten', async () => {
    const { store, watches } = await open([network], applies())
    tell(watches.networks!, 'DELETED', network)
    await expect.poll(() => store.get('Network', 'lan')).toBeUndefined()
  })
})

describe('an echo of our own write', () => {
  it('wakes nobody, before or after the answer', async () => {
    const written = bound(101, { port, guestState: 'Running' })
    const gate = Promise.withResolvers<void>()
    const { store, woken, watch } = await open([bound(5)], (_, response) => {
      tell(watch, 'MODIFIED', written)
      void gate.promise.then(() => sendJson(response, written))
    })
    const writing = store.writeStatus(key, { port, guestState: 'Running' })
    await expect.poll(() => nic(store)?.status?.guestState).toBe('Running')
    gate.resolve()
    await writing
    tell(watch, 'MODIFIED', written)
    tell(watch, 'MODIFIED', bound(102, { port, guestState: 'Running' }, { labels: { a: 'b' } }))
    await expect.poll(() => woken).toEqual(['nic'])
    expect(nic(store)?.metadata.labels).toEqual({ a: 'b' })
  })
})

describe('an interface that leaves the watch', () => {
  it('and is gone stands as one that goes until what it holds is released', async () => {
    const { store, writes, watch } = await open([bound(5, { port })], (_, response) =>
      refuse(response, 404, 'NotFound'),
    )
    tell(watch, 'DELETED', bound(6, { port }))
    await expect.poll(() => nic(store)?.metadata.deletionTimestamp).toBeDefined()
    await store.writeStatus(key, { port, guestState: 'Off' })
    expect(nic(store)?.status?.guestState).toBe('Off')
    await store.release(key)
    expect(nic(store)).toBeUndefined()
    expect(writes()).toEqual([])
  })

  it('and is on another host now is let go here, also one to be retained', async () => {
    const elsewhere = bound(6, { hostName: 'def' })
    const { store, watch } = await open([bound(5, { port })], (_, response) => sendJson(response, elsewhere))
    tell(watch, 'DELETED', elsewhere)
    await expect.poll(() => nic(store)?.metadata.deletionTimestamp).toBeDefined()
    expect(nic(store)?.spec.deletionPolicy).toBe('Detach')
    // It comes back before it was let go.
    tell(watch, 'ADDED', bound(7, { port }))
    await expect.poll(() => nic(store)?.metadata.deletionTimestamp).toBeUndefined()
  })

  it('and holds nothing is forgotten', async () => {
    const { store, watch } = await open([bound(5)], (_, response) =>
      sendJson(response, bound(6, { hostName: 'def' })),
    )
    tell(watch, 'DELETED', bound(6, { hostName: 'def' }))
    await expect.poll(() => nic(store)).toBeUndefined()
  })

  it('stands as it is while nobody answers what became of it', async () => {
    let answers = 0
    const { store, watch } = await open([bound(5, { port })], (_, response) => {
      answers += 1
      if (answers < 3) refuse(response, 500, 'InternalError')
      else sendJson(response, bound(7, { port }))
    })
    tell(watch, 'DELETED', bound(6, { port }))
    await expect.poll(() => nic(store)?.metadata.resourceVersion).toBe('7')
    expect(nic(store)?.metadata.deletionTimestamp).toBeUndefined()
  })

  it('and is made anew under its name waits until the old one is released', async () => {
    const { store, watch, woken } = await open([bound(5, { port })], (_, response) =>
      refuse(response, 404, 'NotFound'),
    )
    tell(watch, 'ADDED', bound(9, {}, { uid: 'u2' }))
    await expect.poll(() => woken).toEqual(['nic'])
    expect(nic(store)?.metadata).toMatchObject({ uid: 'u1', deletionTimestamp: expect.any(String) })
    await store.release(key)
    expect(nic(store)?.metadata.uid).toBe('u2')
    expect(nic(store)?.metadata.deletionTimestamp).toBeUndefined()
  })
})

it('the port of an interface that goes is said to be free by one write', async () => {
  const going = bound(5, { port, guestState: 'Running' }, { deletionTimestamp: '2026-01-01T00:00:00Z' })
  const { store, writes } = await open([going], applies())
  await store.release(key)
  expect(writes().map(({ body }) => JSON.parse(body).status)).toEqual([{ guestState: 'Running' }])
  expect(nic(store)).toBeDefined()
  await store.release(key)
  expect(writes()).toHaveLength(1)
})

it('a token that has expired is read anew, and the call sent again', async () => {
  let token = 'old'
  const { store, writes } = await open(
    [bound(5)],
    (asked, response) => {
      if (asked.headers.authorization === 'Bearer new') return applies()(asked, response)
      token = 'new'
      return refuse(response, 401, 'Unauthorized')
    },
    () => token,
  )
  await store.writeStatus(key, { port })
  expect(writes().map(({ headers }) => headers.authorization)).toEqual(['Bearer old', 'Bearer new'])
})

it('a token that stays expired is no reason to ask without end', async () => {
  const { store, writes } = await open([bound(5)], (_, response) => refuse(response, 401, 'Unauthorized'))
  await expect(store.writeStatus(key, { port })).rejects.toMatchObject({ status: 401 })
  expect(writes()).toHaveLength(1)
})

it('a write is sent again when the server asks to wait, and rejects when it goes on asking', async () => {
  let asks = 1
  const { store, writes } = await open([bound(5)], (asked, response) => {
    if (asks-- > 0) refuse(response, 429, 'TooManyRequests', { 'retry-after': '0' })
    else applies()(asked, response)
  })
  await store.writeStatus(key, { port })
  expect(writes()).toHaveLength(2)
  asks = 100
  await expect(store.writeStatus(key, { port, guestState: 'Off' })).rejects.toMatchObject({ status: 429 })
  expect(writes()).toHaveLength(6)
})

describe('events', () => {
  it('are written when Ready turns, and hold up nobody when they cannot be', async () => {
    let refused = 0
    const { store, events } = await open([bound(5)], (asked, response) => {
      if (asked.method === 'POST') {
        refused += 1
        refuse(response, 403, 'Forbidden')
      } else applies(100 + refused)(asked, response)
    })
    await store.writeStatus(key, { port, conditions: [ready('False', 'GuestNotFound')] })
    await expect.poll(() => refused).toBe(1)
    expect(events()).toEqual([
      expect.objectContaining({
        type: 'Warning',
        reason: 'GuestNotFound',
        note: 'it is GuestNotFound',
        reportingController: 'patchbay.dev/agent',
        reportingInstance: 'abc',
        regarding: expect.objectContaining({ kind: 'GuestInterface', name: 'nic', uid: 'u1' }),
      }),
    ])
  })
})
