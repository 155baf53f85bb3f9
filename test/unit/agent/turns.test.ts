import { expect, test } from 'vitest'
import { Turns } from '../../../src/agent/turns.ts'

const never = new AbortController().signal

test('one after the other of the same thing, side by side of others', async () => {
  const turns = new Turns()
  const begun: string[] = []
  const ends = [1, 2].map(() => Promise.withResolvers<void>())
  const work = (name: string, end?: Promise<void>) => async () => {
    begun.push(name)
    await end
  }
  const first = turns.take('a', work('a1', ends[0]!.promise), never)
  const second = turns.take('a', work('a2', ends[1]!.promise), never)
  await turns.take('b', work('b'), never)
  expect(begun).toEqual(['a1', 'b'])
  ends[0]!.resolve()
  await first
  await expect.poll(() => begun).toEqual(['a1', 'b', 'a2'])
  ends[1]!.resolve()
  await second
})

test('a work that fails is told to whom it belongs, and the next one has its turn', async () => {
  const turns = new Turns()
  const failing = turns.take('a', () => Promise.reject(new Error('refused')), never)
  const next = turns.take('a', async () => 'done', never)
  await expect(failing).rejects.toThrow('refused')
  expect(await next).toBe('done')
})

test('whoever waits when its signal aborts never begins', async () => {
  const turns = new Turns()
  const ending = new AbortController()
  const end = Promise.withResolvers<void>()
  let begun = false
  const first = turns.take('a', () => end.promise, never)
  const work = async () => {
    begun = true
  }
  const second = turns.take('a', work, ending.signal)
  ending.abort(new Error('stops'))
  await expect(second).rejects.toThrow('stops')
  end.resolve()
  await first
  expect(await turns.take('a', async () => 'third', never)).toBe('third')
  expect(begun).toBe(false)
})

test('a stop does not end what is at work, only what waits', async () => {
  const turns = new Turns()
  const stop = new AbortController()
  const end = Promise.withResolvers<string>()
  const first = turns.take('a', () => end.promise, stop.signal)
  const second = turns.take('a', async () => 'second', stop.signal)
  stop.abort(new Error('stops'))
  await expect(second).rejects.toThrow('stops')
  end.resolve('its own end')
  expect(await first).toBe('its own end')
})

test('one that hangs is not waited for without end', async () => {
  const turns = new Turns(10)
  const hanging = Promise.withResolvers<void>()
  const first = turns.take('a', () => hanging.promise, never)
  const next = [2, 3].map((n) => turns.take('a', async () => n, never))
  expect(await Promise.all(next)).toEqual([2, 3])
  hanging.resolve()
  await first
})
