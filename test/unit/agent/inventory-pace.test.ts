import { expect, it } from 'vitest'
import { InventoryPace } from '../../../src/agent/inventory-pace.ts'

it('looks half a second after the first change, and no more often than takes a fiftieth of the time', () => {
  const pace = new InventoryPace()
  expect(pace.delayMs(0)).toBe(500)
  pace.ended(50, 1_000)
  expect(pace.delayMs(1_000)).toBe(2_450)
  expect(pace.delayMs(2_000)).toBe(1_450)
  expect(pace.delayMs(60_000)).toBe(500)
})

it('looks at the latest after five seconds, however long one takes', () => {
  const pace = new InventoryPace()
  pace.ended(2_000, 10_000)
  expect(pace.delayMs(10_000)).toBe(5_000)
})
