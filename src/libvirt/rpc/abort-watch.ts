/**
 * One listener for each signal, however many wait under it: a reconciler's signal covers many calls, and Node warns of
 * a leak from the eleventh listener on.
 */
export class AbortWatch<T> {
  readonly #waiting = new Map<AbortSignal, Set<T>>()
  readonly #aborted: (waiting: T, signal: AbortSignal) => void

  constructor(aborted: (waiting: T, signal: AbortSignal) => void) {
    this.#aborted = aborted
  }

  add(signal: AbortSignal, waiting: T): void {
    const others = this.#waiting.get(signal)
    if (others) {
      others.add(waiting)
    } else {
      this.#waiting.set(signal, new Set([waiting]))
      signal.addEventListener('abort', this.#onAbort)
    }
  }

  delete(signal: AbortSignal, waiting: T): void {
    const all = this.#waiting.get(signal)
    if (!all?.delete(waiting) || all.size > 0) return
    this.#waiting.delete(signal)
    signal.removeEventListener('abort', this.#onAbort)
  }

  readonly #onAbort = (event: Event): void => {
    const signal = event.target as AbortSignal
    for (const waiting of this.#waiting.get(signal) ?? []) this.#aborted(waiting, signal)
  }
}
