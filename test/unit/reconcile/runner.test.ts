import { Writable } from 'node:stream'
import pino from 'pino'
import { expect, test } from 'vitest'
import { done, type Outcome, requeueAfter } from '../../../src/reconcile/outcome.ts'
import { type Pass, type PassResult, Runner } from '../../../src/reconcile/runner.ts'

interface Key {
  kind: string
  name: string
}

function open(
  reconcile: (key: Key, pass: Pass) => Promise<Outcome>,
  onPass?: (kind: string, result: PassResult, ms: number) => void,
) {
  const lines: Record<string, unknown>[] = []
  const sink = new Writable({
    write(chunk, _encoding, next) {
      lines.push(JSON.parse(String(chunk)))
      next()
    },
  })
  const runner = new Runner<Key>({
    nameOf: (key) => `${key.kind}/${key.name}`,
    concurrency: 2,
    log: pino({ level: 'trace' }, sink),
    reconcile,
    onPass,
  })
  return { runner, lines }
}

const vm1: Key = { kind: 'GuestInterface', name: 'vm1' }
const once = { within: 0, tries: 1 }

test('a pass gets a log of its own, with kind, key and reconcile id', async () => {
  const { runner, lines } = open(async (_key, { log }) => {
    log.info({ port: 'br0' }, 'port chosen')
    return done
  })
  runner.add(vm1)
  await runner.idle(once)
  runner.add(vm1)
  await runner.idle(once)
  expect(lines).toMatchObject([
    { kind: 'GuestInterface', key: 'GuestInterface/vm1', reconcileId: 1, msg: 'port chosen', port: 'br0' },
    { kind: 'GuestInterface', key: 'GuestInterface/vm1', reconcileId: 1, msg: 'reconciled', level: 20 },
    { reconcileId: 2, msg: 'port chosen' },
    { reconcileId: 2, msg: 'reconciled' },
  ])
})

test('requeueAfter runs the key again', async () => {
  let passes = 0
  const { runner, lines } = open(async () => (++passes < 3 ? requeueAfter(1) : done))
  runner.add(vm1)
  await runner.idle({ within: 1000, tries: 1 })
  expect(passes).toBe(3)
  expect(lines.map((l) => l.msg)).toEqual([
    'reconciled, will look again',
    'reconciled, will look again',
    'reconciled',
  ])
})

test.each([
  ['retryable', 'reconcile failed, will try again', 40, 3],
  ['interrupted', 'reconcile interrupted, will try again', 40, 3],
  ['terminal', 'reconcile failed, waits for a change', 50, 1],
  [undefined, 'reconcile failed, will try again', 40, 3],
])('an error sorted %s: "%s"', async (sort, msg, level, passes) => {
  const failures: number[] = []
  const { runner, lines } = open((_key, pass) => {
    failures.push(pass.failures)
    throw Object.assign(new Error('no room'), { sort, code: 38 })
  })
  runner.add(vm1)
  await runner.idle({ within: 0, tries: 3 })
  expect(failures).toEqual([0, 1, 2].slice(0, passes))
  expect(lines).toHaveLength(passes)
  expect(lines[0]).toMatchObject({ msg, level, err: { message: 'no room', code: 38 }, failures: 1 })
  await runner.stop(0)
})

test('stop waits for the pass in hand', async () => {
  const begun = Promise.withResolvers<void>()
  const finish = Promise.withResolvers<void>()
  let aborted: boolean | undefined
  const { runner } = open(async (_key, { signal }) => {
    begun.resolve()
    await finish.promise
    aborted = signal.aborted
    return done
  })
  runner.add(vm1)
  await begun.promise
  const stopped = runner.stop(60_000)
  finish.resolve()
  expect(await stopped).toEqual([])
  expect(aborted).toBe(false)
})

test('stop aborts a pass that takes too long, and names one that does not even heed that', async () => {
  const { runner } = open(
    (key, { signal }) =>
      new Promise((_resolve, reject) => {
        if (key.name === 'heeds') {
          signal.addEventListener('abort', () => reject(signal.reason))
        }
      }),
  )
  runner.add({ kind: 'Network', name: 'heeds' })
  runner.add({ kind: 'Network', name: 'deaf' })
  expect(await runner.stop(10)).toEqual(['Network/deaf'])
})

test('each pass is told of once, with what came of it', async () => {
  const told: string[] = []
  const { runner } = open(
    async ({ name }) => {
      if (name === 'done') return done
      if (name === 'requeueAfter') return requeueAfter(60_000)
      throw Object.assign(new Error('no'), { sort: name })
    },
    (kind, result, ms) => told.push(`${kind} ${result} ${ms >= 0}`),
  )
  const ends = ['done', 'requeueAfter', 'retryable', 'terminal', 'interrupted']
  for (const name of ends) runner.add({ kind: 'Network', name })
  await runner.idle(once)
  expect(told.sort()).toEqual(ends.map((end) => `Network ${end} true`).sort())
  await runner.stop(0)
})
