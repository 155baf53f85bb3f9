import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Attempt, KeyQueue, type PassEnd } from '../../../src/reconcile/queue.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const done: PassEnd = { next: 'done' }
const failed: PassEnd = { next: 'failed', retry: true }

/** A queue whose passes end when and how the test says. */
function open(concurrency = 4) {
  const begun: { key: string; at: number; attempt: Attempt }[] = []
  const running = new Map<string, (end: PassEnd) => void>()
  const queue = new KeyQueue<string>(
    (key) => key,
    concurrency,
    (key, attempt) => {
      if (running.has(key)) {
        throw new Error(`${key} runs twice at once`)
      }
      begun.push({ key, at: performance.now(), attempt })
      return new Promise((resolve) => running.set(key, resolve))
    },
  )
  const end = async (key: string, how: PassEnd = done) => {
    const resolve = running.get(key)
    running.delete(key)
    resolve?.(how)
    await settle()
  }
  return { queue, begun, running, end }
}

/** Lets everything happen that needs no time to pass. */
const settle = () => vi.advanceTimersByTimeAsync(0)

/** A queue whose passes end at once as the list says; after it ends, they succeed. Gives when each began. */
function failing(ends: PassEnd[]) {
  const begun: number[] = []
  const queue = new KeyQueue<string>(
    (key) => key,
    1,
    async () => {
      begun.push(performance.now())
      return ends[begun.length - 1] ?? done
    },
  )
  return { queue, begun }
}

test('a key that is added often runs once', async () => {
  const { queue, begun, running } = open(1)
  queue.add('a')
  queue.add('b')
  queue.add('b')
  queue.addAfter('b', 10)
  await settle()
  expect([...running.keys()]).toEqual(['a'])
  running.get('a')?.(done)
  await settle()
  running.get('b')?.(done)
  await vi.advanceTimersByTimeAsync(1000)
  expect(begun.map((b) => b.key)).toEqual(['a', 'b'])
})

test('a key woken while it runs runs once more afterwards', async () => {
  const { queue, begun, end, running } = open()
  queue.add('a')
  await settle()
  queue.add('a')
  queue.add('a')
  await settle()
  expect(begun).toHaveLength(1)
  await end('a')
  expect(begun).toHaveLength(2)
  await end('a')
  await vi.advanceTimersByTimeAsync(60_000)
  expect(begun).toHaveLength(2)
  expect(running.size).toBe(0)
})

test('of several times asked for the earliest counts, and the others are forgotten', async () => {
  const { queue, begun, end } = open()
  queue.addAfter('a', 500)
  queue.addAfter('a', 100)
  queue.addAfter('a', 300)
  await vi.advanceTimersByTimeAsync(99)
  expect(begun).toHaveLength(0)
  await vi.advanceTimersByTimeAsync(1)
  expect(begun).toHaveLength(1)
  await end('a')
  await vi.advanceTimersByTimeAsync(60_000)
  expect(begun).toHaveLength(1)
})

test('requeueAfter looks again then, and a wake in between is served at once', async () => {
  const { queue, begun, end } = open()
  queue.add('a')
  await settle()
  await end('a', { next: 'requeueAfter', ms: 5000 })
  await vi.advanceTimersByTimeAsync(4999)
  expect(begun).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(1)
  expect(begun).toHaveLength(2)
  await end('a', { next: 'requeueAfter', ms: 5000 })
  await vi.advanceTimersByTimeAsync(1000)
  queue.add('a')
  await settle()
  expect(begun).toHaveLength(3)
  await end('a')
  await vi.advanceTimersByTimeAsync(60_000)
  expect(begun).toHaveLength(3)
})

test('a time beyond what setTimeout holds is still far away', async () => {
  const { queue, begun } = failing([])
  queue.addAfter('a', 2 ** 32)
  await vi.advanceTimersByTimeAsync(2 ** 31 + 10)
  expect(begun).toHaveLength(0)
  await vi.advanceTimersByTimeAsync(2 ** 31)
  expect(begun).toHaveLength(1)
})

test('a failing key is tried again ever later, up to half a minute, until it succeeds', async () => {
  const { queue, begun } = failing(Array.from({ length: 12 }, () => failed))
  queue.add('a')
  await vi.advanceTimersByTimeAsync(600_000)
  expect(begun).toHaveLength(13)
  const gaps = begun.slice(1).map((at, i) => at - (begun[i] as number))
  gaps.forEach((gap, i) => {
    const longest = Math.min(30_000, 200 * 2 ** i)
    expect(gap).toBeGreaterThanOrEqual(longest / 2)
    expect(gap).toBeLessThanOrEqual(longest + 1)
  })
})

test('a success makes the back-off begin anew', async () => {
  const { queue, begun } = failing([failed, failed, failed, failed, done, failed])
  queue.add('a')
  await vi.advanceTimersByTimeAsync(10_000)
  expect(begun).toHaveLength(5)
  queue.add('a')
  await vi.advanceTimersByTimeAsync(201)
  expect(begun).toHaveLength(7)
})

/** A key that has failed so often that its next try is 15 to 30 s away, 5 s after its last one. */
async function longFailing() {
  const { queue, begun } = failing(Array.from({ length: 100 }, () => failed))
  queue.add('a')
  while (begun.length < 12) {
    await vi.advanceTimersToNextTimerAsync()
  }
  await vi.advanceTimersByTimeAsync(5000)
  expect(begun).toHaveLength(12)
  return { queue, begun }
}

test('a wake makes a failing key run, with tries close by after it', async () => {
  const { queue, begun } = await longFailing()
  queue.add('a')
  await settle()
  expect(begun).toHaveLength(13)
  await vi.advanceTimersByTimeAsync(1601)
  expect(begun.length).toBeGreaterThanOrEqual(14)
})

test('a wake right after a failure is held off for less than a second', async () => {
  const { queue, begun } = await longFailing()
  queue.addAfter('a', 0)
  await settle()
  queue.add('a')
  await vi.advanceTimersByTimeAsync(399)
  expect(begun).toHaveLength(13)
  await vi.advanceTimersByTimeAsync(402)
  expect(begun).toHaveLength(14)
})

test('a look asked for with addAfter leaves the back-off as it is', async () => {
  const { queue, begun } = await longFailing()
  queue.addAfter('a', 0)
  await settle()
  expect(begun).toHaveLength(13)
  await vi.advanceTimersByTimeAsync(14_999)
  expect(begun).toHaveLength(13)
})

test('a failing key that wakes itself does not spin', async () => {
  let passes = 0
  const queue: KeyQueue<string> = new KeyQueue(
    (key) => key,
    1,
    async () => {
      passes += 1
      queue.add('a')
      setTimeout(() => queue.add('a'), 5)
      return failed
    },
  )
  queue.add('a')
  await vi.advanceTimersByTimeAsync(60_000)
  // At the fastest 0.1 s, 0.2 s, then a full second at most and 0.4 s at least between two tries.
  expect(passes).toBeLessThanOrEqual(3 + 60_000 / 400)
  expect(passes).toBeGreaterThanOrEqual(60)
})

test('a key that failed for good waits for a wake', async () => {
  const { queue, begun } = failing([{ next: 'failed', retry: false }])
  queue.add('a')
  await vi.advanceTimersByTimeAsync(3_600_000)
  expect(begun).toHaveLength(1)
  queue.add('a')
  await settle()
  expect(begun).toHaveLength(2)
})

test('the attempt says how often the key failed before and when the next try would be', async () => {
  const { queue, begun, end } = open()
  queue.add('a')
  await settle()
  await end('a', failed)
  const [first] = begun
  expect(first?.attempt.failures).toBe(0)
  await vi.advanceTimersByTimeAsync(Math.ceil(first?.attempt.retryMs as number))
  expect(begun[1]?.attempt.failures).toBe(1)
})

test('no more keys run at a time than allowed', async () => {
  const { queue, running, end } = open(2)
  for (const key of ['a', 'b', 'c', 'd']) {
    queue.add(key)
  }
  await settle()
  expect([...running.keys()]).toEqual(['a', 'b'])
  expect(queue.running).toEqual(['a', 'b'])
  await end('b')
  expect([...running.keys()]).toEqual(['a', 'c'])
})

/** Whether a promise has resolved by now. */
async function resolved(promise: Promise<unknown>): Promise<boolean> {
  let yes = false
  void promise.then(() => {
    yes = true
  })
  await settle()
  return yes
}

test('idle: a queue without keys is', async () => {
  const { queue } = open()
  expect(await resolved(queue.idle({ within: 100, tries: 3 }))).toBe(true)
})

test('idle waits for what runs, what is queued and what is due soon, not for what waits long', async () => {
  const { queue, end, running } = open(1)
  queue.add('a')
  queue.add('b')
  const idle = queue.idle({ within: 1000, tries: 3 })
  expect(await resolved(idle)).toBe(false)
  await end('a', { next: 'requeueAfter', ms: 30_000 })
  expect(await resolved(idle)).toBe(false)
  await end('b', { next: 'requeueAfter', ms: 500 })
  expect(await resolved(idle)).toBe(false)
  await vi.advanceTimersByTimeAsync(500)
  expect([...running.keys()]).toEqual(['b'])
  await end('b')
  expect(await resolved(idle)).toBe(true)
})

test('idle gives a failing key its tries, then no more', async () => {
  const { queue, begun } = failing(Array.from({ length: 100 }, () => failed))
  queue.add('a')
  const idle = queue.idle({ within: 1000, tries: 4 })
  expect(await resolved(idle)).toBe(false)
  await vi.advanceTimersByTimeAsync(3000)
  expect(await resolved(idle)).toBe(true)
  expect(begun.length).toBeGreaterThanOrEqual(4)
})

test('idle does not wait for a key that failed for good', async () => {
  const { queue } = failing([{ next: 'failed', retry: false }])
  queue.add('a')
  expect(await resolved(queue.idle({ within: 1000, tries: 4 }))).toBe(true)
})

test('stop: nothing begins any more, what runs is waited for, adds are ignored', async () => {
  const { queue, begun, end } = open(1)
  queue.add('a')
  queue.add('b')
  queue.addAfter('c', 10)
  await settle()
  queue.add('a')
  const stopped = queue.stop()
  const idle = queue.idle({ within: 0, tries: 1 })
  queue.add('d')
  expect(await resolved(stopped)).toBe(false)
  expect(await resolved(idle)).toBe(false)
  await end('a', { next: 'requeueAfter', ms: 5 })
  expect(await resolved(stopped)).toBe(true)
  expect(await resolved(idle)).toBe(true)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(begun.map((b) => b.key)).toEqual(['a'])
  expect(vi.getTimerCount()).toBe(0)
})

test('whatever the order of wakes, endings and time: none lost, none twice at once, all comes to rest', async () => {
  const key = fc.constantFrom('a', 'b', 'c')
  const how = fc.oneof(
    fc.constant(done),
    fc.constant(failed),
    fc.constant<PassEnd>({ next: 'failed', retry: false }),
    fc.integer({ min: 0, max: 3000 }).map((ms): PassEnd => ({ next: 'requeueAfter', ms })),
  )
  const action = fc.oneof(
    fc.record({ act: fc.constant('add' as const), key }),
    fc.record({ act: fc.constant('addAfter' as const), key, ms: fc.integer({ min: 0, max: 3000 }) }),
    fc.record({ act: fc.constant('end' as const), key, how }),
    fc.record({ act: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 2000 }) }),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { maxLength: 60 }),
      fc.integer({ min: 1, max: 3 }),
      async (actions, room) => {
        const { queue, begun, end, running } = open(room)
        /** For each key the moment by which it has to have begun, and since when that is asked. */
        const asked: { key: string; since: number; passesBefore: number }[] = []
        const passes = (name: string) => begun.filter((b) => b.key === name).length
        for (const it of actions) {
          if (it.act === 'add' || it.act === 'addAfter') {
            asked.push({ key: it.key, since: performance.now(), passesBefore: passes(it.key) })
            it.act === 'add' ? queue.add(it.key) : queue.addAfter(it.key, it.ms)
            await settle()
          } else if (it.act === 'end') {
            await end(it.key, it.how)
          } else {
            await vi.advanceTimersByTimeAsync(it.ms)
          }
          expect(running.size).toBeLessThanOrEqual(room)
        }
        const idle = queue.idle({ within: 60_000, tries: 1000 })
        for (let round = 0; round < 20 && !(await resolved(idle)); round++) {
          for (const name of [...running.keys()]) {
            await end(name)
          }
          await vi.advanceTimersByTimeAsync(1000)
        }
        expect(await resolved(idle)).toBe(true)
        expect(vi.getTimerCount()).toBe(0)
        for (const { key: name, since, passesBefore } of asked) {
          expect(passes(name)).toBeGreaterThan(passesBefore)
          expect(begun.some((b) => b.key === name && b.at >= since)).toBe(true)
        }
      },
    ),
    { numRuns: 300 },
  )
})

test('says how it stands: who waits, who runs, since when, and who fails', async () => {
  const { queue, end } = open(1)
  const nobody = { waiting: 0, running: 0, failing: 0, oldestWaitMs: 0, longestRunMs: 0 }
  expect(queue.state).toEqual(nobody)
  queue.add('a')
  queue.add('b')
  await vi.advanceTimersByTimeAsync(100)
  queue.add('c')
  queue.addAfter('d', 10_000)
  await vi.advanceTimersByTimeAsync(50)
  expect(queue.state).toEqual({ waiting: 2, running: 1, failing: 0, oldestWaitMs: 150, longestRunMs: 150 })
  await end('a', { next: 'failed', retry: false })
  expect(queue.state).toEqual({ waiting: 1, running: 1, failing: 1, oldestWaitMs: 50, longestRunMs: 0 })
  await end('b')
  await end('c')
  expect(queue.state).toEqual({ ...nobody, failing: 1 })
})
