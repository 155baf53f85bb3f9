/** One at a time, for each of many things; but nobody waits for long for one that hangs. */
import { setTimeout as delay } from 'node:timers/promises'

/** Milliseconds after which whoever waits begins beside those before. */
const PATIENCE_MS = 5_000

export class Turns {
  readonly #patienceMs: number
  /** The end of the last one that asked, by what it is about. */
  readonly #ends = new Map<string, Promise<void>>()

  constructor(patienceMs = PATIENCE_MS) {
    this.#patienceMs = patienceMs
  }

  /** Does the work when those are done that asked before for the same thing. Rejects as the work does, or with the signal's reason if that aborts before it began. */
  async take<T>(what: string, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const before = this.#ends.get(what)
    const end = Promise.withResolvers<void>()
    this.#ends.set(what, end.promise)
    try {
      if (before) await this.#patiently(before, signal)
      signal.throwIfAborted()
      return await work()
    } finally {
      end.resolve()
      if (this.#ends.get(what) === end.promise) this.#ends.delete(what)
    }
  }

  async #patiently(before: Promise<void>, signal: AbortSignal): Promise<void> {
    const waiting = new AbortController()
    const patience = delay(this.#patienceMs, undefined, { signal: AbortSignal.any([signal, waiting.signal]) })
    await Promise.race([before, patience.catch(() => {})])
    waiting.abort()
  }
}
