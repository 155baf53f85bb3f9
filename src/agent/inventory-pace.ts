/**
 * When an inventory is due. Where devices are to be counted it reads every guest of the host, so many changes are one look, and while
 * they go on it takes up a fiftieth of the time at most.
 */

/** Milliseconds from a change to the look at it, on a host that was at rest. */
export const SHORTEST_MS = 500
/** Milliseconds: a guest that is new is never found later than this. */
const LONGEST_MS = 5_000
const SHARE = 1 / 50

export class InventoryPace {
  readonly #longestMs: number
  #notBefore = 0

  /** `longestMs`: the most that `delayMs` gives; SHORTEST_MS or more. */
  constructor(longestMs = LONGEST_MS) {
    this.#longestMs = longestMs
  }

  /** Milliseconds until the look at what has just changed. `now`: of the monotonic clock, as below. */
  delayMs(now: number): number {
    return Math.max(SHORTEST_MS, this.#notBefore - now)
  }

  /** One has ended that took so many milliseconds. */
  ended(tookMs: number, now: number): void {
    this.#notBefore = now + Math.min(this.#longestMs, tookMs * (1 / SHARE - 1))
  }
}
