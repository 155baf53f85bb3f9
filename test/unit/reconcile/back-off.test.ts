import fc from 'fast-check'
import { expect, test } from 'vitest'
import { backOffMs } from '../../../src/reconcile/back-off.ts'

test.each([
  [1, 0, 200],
  [1, 1, 100],
  [2, 0, 400],
  [5, 0.5, 2400],
  [8, 0, 25_600],
  [9, 0, 30_000],
  [9, 1, 15_000],
  [5000, 0, 30_000],
])('after %i failures, with random %d: %d ms', (failures, random, ms) => {
  expect(backOffMs(failures, random)).toBe(ms)
})

test('stays between 0.1 and 30 s whatever happens', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100_000 }), (failures) => {
      const ms = backOffMs(failures)
      return ms >= 100 && ms <= 30_000
    }),
  )
})
