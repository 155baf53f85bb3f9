/** Delay before a key that failed is tried again. */

const BASE_MS = 200
const CAP_MS = 30_000

/**
 * Milliseconds before the next try after `failures` (1 or more) failures: doubles from 0.2 s to 30 s, of which a random
 * half is taken off, so that keys that failed together don't come back together.
 */
export function backOffMs(failures: number, random = Math.random()): number {
  return Math.min(CAP_MS, BASE_MS * 2 ** (failures - 1)) * (1 - random / 2)
}
