import { afterEach, expect, it } from 'vitest'
import type { AnyResource } from '../../../../src/api/kinds.ts'
import { ApiClient } from '../../../../src/store/kubernetes/api-client.ts'
import { withoutManagedFields } from '../../../../src/store/kubernetes/known-objects.ts'
import { Reflector, type ReflectorTiming } from '../../../../src/store/kubernetes/reflector.ts'
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

const path = '/apis/patchbay.dev/v1alpha1/networks'
const object = (name: string, version: number): object => ({
  kind: 'Network',
  metadata: { name, resourceVersion: String(version) },
})

/** Names with their versions, as they were last told. */
class Names {
  readonly now = new Map<string, string>()
  lists = 0
  replace(objects: AnyResource[]): void {
    this.lists += 1
    this.now.clear()
    for (const each of objects) this.put(each)
  }
  put({ metadata }: AnyResource): void {
    this.now.set(metadata.name, metadata.resourceVersion!)
  }
  remove({ metadata }: AnyResource): void {
    this.now.delete(metadata.name)
  }
}

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()))
})

async function follow(answer: Answer, timing: Partial<ReflectorTiming> = {}, deadlineMs = 5_000) {
  const server = await FakeApiServer.start(answer)
  const client = new ApiClient(server.access(), { deadlineMs })
  const picture = new Names()
  const log: string[] = []
  const write = (_: object, message: string) => void log.push(message)
  let recovered = 0
  const reflector = new Reflector({
    client,
    path,
    fieldSelector: 'status.hostName=abc',
    picture,
    keep: withoutManagedFields,
    log: { info: write, warn: write, error: write },
    timing,
    onRecovered: () => {
      recovered += 1
    },
  })
  const ending = new AbortController()
  const running = reflector.run(ending.signal)
  ends.push(async () => {
    ending.abort()
    await running
    client.close()
    await server.stop()
  })
  return { server, picture, reflector, log, recovered: () => recovered }
}

const lists = (server: FakeApiServer) => server.asked.filter((asked) => !isWatch(asked))
const watches = (server: FakeApiServer) => server.asked.filter(isWatch)
const from = ({ url }: { url: URL }) => url.searchParams.get('resourceVersion')

it('lists in pages and is complete only with the last, then watches from there what the selector selects', async () => {
  const { server, picture, reflector } = await follow(
    (asked, response) => {
      if (isWatch(asked)) {
        tell(response, 'MODIFIED', object('a', 11))
        tell(response, 'ADDED', object('c', 12))
        tell(response, 'DELETED', object('b', 13))
      } else if (asked.url.searchParams.get('continue') === 'second')
        sendJson(response, page(10, [object('b', 2)]))
      else sendJson(response, page(10, [object('a', 1)], 'second'))
    },
    { page: 1 },
  )
  await reflector.complete
  await expect
    .poll(() => [...picture.now])
    .toEqual([
      ['a', '11'],
      ['c', '12'],
    ])
  expect(lists(server).map(({ url }) => url.searchParams.get('limit'))).toEqual(['1', '1'])
  const [watch] = watches(server)
  expect(from(watch!)).toBe('10')
  expect(watch!.url.searchParams.get('allowWatchBookmarks')).toBe('true')
  expect(Number(watch!.url.searchParams.get('timeoutSeconds'))).toBeGreaterThanOrEqual(300)
  for (const { url } of server.asked)
    expect(url.searchParams.get('fieldSelector')).toBe('status.hostName=abc')
})

it('a watch that falls silent is begun anew, from the last bookmark, without a list and without a word', async () => {
  const { server, picture, log } = await follow(
    (asked, response) => {
      if (!isWatch(asked)) return sendJson(response, page(10, [object('a', 1)]))
      // Half-open: the connection stands, and nothing ever comes.
      if (from(asked) === '10') return tell(response, 'BOOKMARK', bookmark(20))
      return tell(response, 'MODIFIED', object('a', 21))
    },
    { idleMs: 50 },
  )
  await expect.poll(() => picture.now.get('a')).toBe('21')
  expect(from(watches(server)[1]!)).toBe('20')
  expect(picture.lists).toBe(1)
  expect(log).toEqual([])
})

it.each([
  ['before it begins', (_: unknown, response: Parameters<Answer>[1]) => refuse(response, 410, 'Expired')],
  [
    'while it runs',
    (_: unknown, response: Parameters<Answer>[1]) =>
      tell(response, 'ERROR', { code: 410, reason: 'Expired' }),
  ],
])('lists anew when the version is too old for a watch, told %s', async (_, tooOld) => {
  let version = 10
  const { picture } = await follow((asked, response) => {
    if (!isWatch(asked)) return sendJson(response, page(version, [object('a', version)]))
    if (from(asked) !== '10') return tell(response, 'ADDED', object('b', 31))
    version = 30
    return tooOld(asked, response)
  })
  await expect
    .poll(() => [...picture.now])
    .toEqual([
      ['a', '30'],
      ['b', '31'],
    ])
  expect(picture.lists).toBe(2)
})

it('a list whose pages expire is begun anew', async () => {
  let expired = false
  const { picture, reflector } = await follow((asked, response) => {
    if (isWatch(asked)) return tell(response, 'BOOKMARK', bookmark(20))
    if (!asked.url.searchParams.has('continue')) return sendJson(response, page(10, [object('a', 1)], 'more'))
    if (expired) return sendJson(response, page(10, [object('b', 2)]))
    expired = true
    return refuse(response, 410, 'Expired')
  })
  await reflector.complete
  expect([...picture.now.keys()]).toEqual(['a', 'b'])
})

it('waits as long as the server asks', async () => {
  let refusedAt = 0
  let cameBackAt = 0
  const { reflector } = await follow((asked, response) => {
    if (isWatch(asked)) return tell(response, 'BOOKMARK', bookmark(20))
    if (refusedAt === 0) {
      refusedAt = performance.now()
      return refuse(response, 429, 'TooManyRequests', { 'retry-after': '1' })
    }
    cameBackAt = performance.now()
    return sendJson(response, page(10, []))
  })
  await reflector.complete
  expect(cameBackAt - refusedAt).toBeGreaterThan(990)
})

it('a server that fails all the time is asked less and less often, and what was known stands', async () => {
  let state: 'well' | 'failing' | 'well again' = 'well'
  const times: number[] = []
  const { picture, log, recovered } = await follow((asked, response) => {
    times.push(performance.now())
    if (state === 'failing') return refuse(response, 500, 'InternalError')
    if (!isWatch(asked)) return sendJson(response, page(10, [object('a', 1)]))
    if (state === 'well') {
      state = 'failing'
      return response.destroy()
    }
    return tell(response, 'MODIFIED', object('a', 11))
  })
  await expect.poll(() => times.length, { timeout: 10_000 }).toBeGreaterThan(5)
  expect([...picture.now.keys()]).toEqual(['a'])
  expect(log).toEqual(['cannot follow the API server, will try again; what was last known stands'])
  // Half of 0.2, 0.4, 0.8 s at least.
  expect(times[5]! - times[2]!).toBeGreaterThan(690)
  expect(recovered()).toBe(0)
  state = 'well again'
  await expect.poll(() => picture.now.get('a'), { timeout: 10_000 }).toBe('11')
  expect(recovered()).toBe(1)
  expect(picture.lists).toBe(1)
})

it('a watch that ends at once each time is no reason to ask without a pause', async () => {
  const times: number[] = []
  await follow((asked, response) => {
    if (!isWatch(asked)) return sendJson(response, page(10, []))
    times.push(performance.now())
    return response.writeHead(200).end()
  })
  await expect.poll(() => times.length, { timeout: 10_000 }).toBeGreaterThan(3)
  expect(times[3]! - times[0]!).toBeGreaterThan(690)
})

it('an answer that never comes is given up, and asked for anew', async () => {
  let silent = true
  const { reflector } = await follow(
    (asked, response) => {
      if (silent) silent = false
      else if (isWatch(asked)) tell(response, 'BOOKMARK', bookmark(20))
      else sendJson(response, page(10, []))
    },
    {},
    50,
  )
  await reflector.complete
})
