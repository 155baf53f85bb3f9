/** Turns what comes of each pass into back-off and a log line: the one shape in which agent and controller work. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { type FailureSort, failureSort, type Outcome } from './outcome.ts'
import { type Attempt, type IdleOptions, KeyQueue, type PassEnd, type QueueState } from './queue.ts'

/** What a reconciler gets besides its key. */
export interface Pass {
  /** Aborts when the runner stops and can wait no longer; every call of the pass takes it. */
  signal: AbortSignal
  /** Carries kind, key and reconcile id. */
  log: Logger
  /** Failures of this key in a row before this pass. */
  failures: number
}

/**
 * Reads everything afresh, brings the world nearer to what is desired, and says whether to look again; or throws, and is
 * tried again as the error's `sort` says. Any pass may be the last: the next one must get on from whatever it left.
 */
export type Reconcile<K> = (key: K, pass: Pass) => Promise<Outcome>

export interface RunnerOptions<K> {
  /** The string form of a key: keys with the same name are one. */
  nameOf: (key: K) => string
  reconcile: Reconcile<K>
  log: Logger
  /** How many keys run at a time; 1 or more. */
  concurrency: number
  /** Told of each pass when it has ended: what came of it, and the milliseconds that it took. */
  onPass?: (kind: string, result: PassResult, ms: number) => void
}

export type PassResult = Outcome['next'] | FailureSort

/** After aborting, how long `stop` waits for passes to notice. */
const ABORT_WAIT_MS = 1000

export class Runner<K extends { kind: string }> {
  readonly #queue: KeyQueue<K>
  readonly #options: RunnerOptions<K>
  readonly #passes = new Set<AbortController>()
  #lastId = 0

  constructor(options: RunnerOptions<K>) {
    this.#options = options
    this.#queue = new KeyQueue(options.nameOf, options.concurrency, (key, attempt) =>
      this.#pass(key, attempt),
    )
  }

  /** Something happened to this key; see KeyQueue.add. */
  add(key: K): void {
    this.#queue.add(key)
  }

  /** Have a look at this key within `ms` milliseconds; see KeyQueue.addAfter. */
  addAfter(key: K, ms: number): void {
    this.#queue.addAfter(key, ms)
  }

  get state(): QueueState {
    return this.#queue.state
  }

  /** Resolves when nothing is left to do; see KeyQueue.idle. */
  idle(options: IdleOptions): Promise<void> {
    return this.#queue.idle(options)
  }

  /**
   * No pass begins any more and those running finish. After `graceMs` milliseconds their signals abort, and a second later the wait ends.
   * Returns the names of keys that run even so.
   */
  async stop(graceMs: number): Promise<string[]> {
    const timer = new AbortController()
    const stopped = this.#queue.stop().then(() => timer.abort())
    await Promise.race([stopped, delay(graceMs, undefined, { signal: timer.signal }).catch(() => {})])
    for (const pass of this.#passes) {
      pass.abort(new Error('the runner stops'))
    }
    await Promise.race([stopped, delay(ABORT_WAIT_MS, undefined, { signal: timer.signal }).catch(() => {})])
    return this.#queue.running
  }

  async #pass(key: K, { failures, retryMs }: Attempt): Promise<PassEnd> {
    const abort = new AbortController()
    const reconcileId = ++this.#lastId
    const log = this.#options.log.child({ kind: key.kind, key: this.#options.nameOf(key), reconcileId })
    const start = performance.now()
    const ended = (result: PassResult): number => {
      const ms = performance.now() - start
      this.#options.onPass?.(key.kind, result, ms)
      return Math.round(ms * 100) / 100
    }
    this.#passes.add(abort)
    try {
      const outcome = await this.#options.reconcile(key, { signal: abort.signal, log, failures })
      const tookMs = ended(outcome.next)
      if (outcome.next === 'requeueAfter') {
        log.debug({ tookMs, requeueAfterMs: outcome.ms }, 'reconciled, will look again')
      } else {
        log.debug({ tookMs }, 'reconciled')
      }
      return outcome
    } catch (err) {
      const sort = failureSort(err)
      const fields = { err, tookMs: ended(sort), failures: failures + 1 }
      if (sort === 'terminal') {
        log.error(fields, 'reconcile failed, waits for a change')
      } else if (sort === 'interrupted') {
        log.warn({ ...fields, retryMs: Math.round(retryMs) }, 'reconcile interrupted, will try again')
      } else {
        log.warn({ ...fields, retryMs: Math.round(retryMs) }, 'reconcile failed, will try again')
      }
      return { next: 'failed', retry: sort !== 'terminal' }
    } finally {
      this.#passes.delete(abort)
    }
  }
}
