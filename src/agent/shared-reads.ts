/** One read for all that ask before it begins: for each of them it is as fresh as one of their own. */
import { setImmediate } from 'node:timers/promises'

export class SharedReads<T> {
  /** Reads that have not begun, by what is read. */
  readonly #asked = new Map<string, Promise<T>>()

  /** A read that is shared ends by its deadlines, not by the signal of one that asked. */
  async read(what: string, begin: () => Promise<T>, signal: AbortSignal): Promise<T> {
    let reading = this.#asked.get(what)
    if (!reading) {
      reading = this.#begin(what, begin)
      this.#asked.set(what, reading)
    }
    const found = await reading
    signal.throwIfAborted()
    return found
  }

  async #begin(what: string, begin: () => Promise<T>): Promise<T> {
    // All passes that begin now have asked by then.
    await setImmediate()
    this.#asked.delete(what)
    return begin()
  }
}
