/** A store over a server that answers as it is told, and the objects that it is asked about. */
import { afterEach, expect } from 'vitest'
import type { Condition } from '../../../../src/api/conditions.ts'
import type { GuestInterface, GuestInterfaceStatus } from '../../../../src/api/guest-interface.ts'
import { type AnyResource, kinds } from '../../../../src/api/kinds.ts'
import type { Network } from '../../../../src/api/network.ts'
import { ApiClient } from '../../../../src/store/kubernetes/api-client.ts'
import { KubernetesStore } from '../../../../src/store/kubernetes/store.ts'
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

export const key = { kind: 'GuestInterface', namespace: 'default', name: 'nic' } as const
export const port = { kind: 'bridge', name: 'br0', hostName: 'abc', bridge: 'br0' } as const

export const ready = (status: Condition['status'], reason: string): Condition => ({
  type: 'Ready',
  status,
  reason,
  message: `it is ${reason}`,
  lastTransitionTime: '2026-01-01T00:00:00Z',
})

/** As the controller has bound it to this host. */
export function bound(
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
export const network: Network = {
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
export async function open(objects: readonly AnyResource[], answer: Answer, token?: () => string) {
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
    } else if (isOfLease(asked)) refuse(response, 404, 'NotFound')
    else answer(asked, response)
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
  const writes = () => server.asked.filter((asked) => asked.method === 'PATCH' && !isOfLease(asked))
  const events = () =>
    server.asked.filter(({ method }) => method === 'POST').map(({ body }) => JSON.parse(body))
  return { server, store, woken, writes, events, watches, watch: watches.guestinterfaces! }
}

/** The controller has made none. */
const isOfLease = ({ url }: { url: URL }) => url.pathname.includes('/leases/')

/** Takes a status as server-side apply does, at the next version. */
export const applies =
  (version = 101, before: Partial<GuestInterfaceStatus> = {}): Answer =>
  (asked, response) => {
    if (asked.method === 'POST') return sendJson(response, {})
    return sendJson(response, bound(version++, { ...before, ...JSON.parse(asked.body).status }))
  }

export const nic = (store: KubernetesStore) => store.get('GuestInterface', 'nic', 'default')
