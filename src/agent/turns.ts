/** One at a time, for each of many things. */
import PQueue from 'p-queue'

export class Turns {
  /** Of what somebody is at work on or waits for. */
  readonly #queues = new Map<string, PQueue>()

  /** Does the work when all who asked before for the same thing are done. Rejects as the work does, or with the signal's reason where that aborts first. */
  async take<T>(what: string, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const queue = this.#queues.get(what) ?? new PQueue({ concurrency: 1 })
    this.#queues.set(what, queue)
    try {
      return await queue.add(work, { signal })
    } finally {
      if (queue.size === 0 && queue.pending === 0) this.#queues.delete(what)
    }
  }
}
