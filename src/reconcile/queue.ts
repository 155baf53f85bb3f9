/**
 * The queue of keys: what is to be looked at, and when. A key stands in it at most once and never runs twice at once;
 * woken while it runs, it runs once more afterwards. p-queue only limits how many run at a time.
 */
import PQueue from 'p-queue'
import { backOffMs } from './back-off.ts'
import type { Outcome } from './outcome.ts'

/** How one pass ended. `retry` false: the key failed, and only a wake makes it run again. */
export type PassEnd = Outcome | { next: 'failed'; retry: boolean }

export interface Attempt {
  /** Failures of this key in a row before this pass. */
  failures: number
  /** Milliseconds until the next try, should this pass fail and be retried. */
  retryMs: number
}

export interface IdleOptions {
  /** Milliseconds; a key that comes due within them is waited for. */
  within: number
  /** A key that keeps failing is waited for until it has failed this often in a row. */
  tries: number
}

/** How the queue stands at a moment. */
export interface QueueState {
  /** Keys that wait for room to run. */
  waiting: number
  running: number
  /** Keys whose last pass failed. */
  failing: number
  /** Milliseconds that the key has waited which waits longest. */
  oldestWaitMs: number
  /** Milliseconds that the pass has run which runs longest. */
  longestRunMs: number
}

interface Entry<K> {
  readonly key: K
  readonly name: string
  state: 'resting' | 'queued' | 'running'
  /** Since when it is queued or running, in milliseconds of the monotonic clock. */
  since: number
  /** Woken while running. */
  again: boolean
  /** When it is to run next, in milliseconds of the monotonic clock; its timer stands exactly then. */
  due: number | undefined
  timer: NodeJS.Timeout | undefined
  /** In a row. */
  failures: number
  /** Failures as the back-off counts them: a wake takes it down to WOKEN_LEVEL. */
  level: number
  /** No wake brings the key forward to before this moment: the hold-off after a failure. */
  notBefore: number
}

/**
 * A wake treats a failing key as if it had failed at most this often: it runs within a second and then backs off from there.
 * Not at once, because a failing pass can wake its own key (a link it made and removed), which would then never rest.
 */
const WOKEN_LEVEL = 3

/** setTimeout fires at once beyond this. */
const MAX_TIMER_MS = 2 ** 31 - 1

export class KeyQueue<K> {
  readonly #entries = new Map<string, Entry<K>>()
  readonly #slots: PQueue
  readonly #nameOf: (key: K) => string
  readonly #work: (key: K, attempt: Attempt) => Promise<PassEnd>
  readonly #waiting = new Set<() => void>()
  #busy = 0
  #stopped = false

  /**
   * `nameOf` gives the string form: keys with the same name are the same key. `work` must not reject: whatever goes wrong
   * in a pass is an ending of it.
   */
  constructor(
    nameOf: (key: K) => string,
    concurrency: number,
    work: (key: K, attempt: Attempt) => Promise<PassEnd>,
  ) {
    this.#nameOf = nameOf
    this.#work = work
    this.#slots = new PQueue({ concurrency })
  }

  /** Something happened to this key: it runs as soon as there is room, or within a second if it has just failed. */
  add(key: K): void {
    const entry = this.#entry(key)
    entry.level = Math.min(entry.level, WOKEN_LEVEL)
    this.#wake(entry, performance.now())
  }

  /**
   * Has a look at this key at the latest in `ms` milliseconds; what is due earlier stays so. Unlike `add` it leaves the
   * back-off of a failing key as it is.
   */
  addAfter(key: K, ms: number): void {
    this.#wake(this.#entry(key), performance.now() + ms)
  }

  /** Keys running now. */
  get running(): string[] {
    return [...this.#entries.values()].filter((e) => e.state === 'running').map((e) => e.name)
  }

  /** Looks through all keys that are not at rest. */
  get state(): QueueState {
    const now = performance.now()
    const found: QueueState = { waiting: 0, running: 0, failing: 0, oldestWaitMs: 0, longestRunMs: 0 }
    for (const { state, since, failures } of this.#entries.values()) {
      if (failures > 0) found.failing += 1
      if (state === 'queued') {
        found.waiting += 1
        found.oldestWaitMs = Math.max(found.oldestWaitMs, now - since)
      } else if (state === 'running') {
        found.running += 1
        found.longestRunMs = Math.max(found.longestRunMs, now - since)
      }
    }
    return found
  }

  /**
   * Resolves when nothing is left to do: no key is queued or running, none is due within `within` milliseconds, and those that
   * fail have had their tries. Keys that only look again later, or failed for good, don't count.
   */
  async idle(options: IdleOptions): Promise<void> {
    while (!this.#isIdle(options)) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve))
    }
  }

  /** From now on no key begins; those that wait are forgotten. Resolves when those that run have ended. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#slots.clear()
    for (const entry of this.#entries.values()) {
      this.#unset(entry)
      if (entry.state === 'queued') {
        entry.state = 'resting'
        this.#busy -= 1
      }
      if (entry.state === 'resting') {
        this.#entries.delete(entry.name)
      }
    }
    this.#notify()
    while (this.#busy > 0) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve))
    }
  }

  #entry(key: K): Entry<K> {
    const name = this.#nameOf(key)
    let entry = this.#entries.get(name)
    if (entry === undefined) {
      entry = {
        key,
        name,
        state: 'resting',
        since: 0,
        again: false,
        due: undefined,
        timer: undefined,
        failures: 0,
        level: 0,
        notBefore: 0,
      }
      if (!this.#stopped) {
        this.#entries.set(name, entry)
      }
    }
    return entry
  }

  #wake(entry: Entry<K>, at: number): void {
    if (this.#stopped || entry.state === 'queued') {
      return
    }
    const now = performance.now()
    if (entry.state === 'running' && at <= now) {
      entry.again = true
      return
    }
    const due = Math.max(at, entry.notBefore)
    if (entry.due !== undefined && entry.due <= due) {
      return
    }
    this.#unset(entry)
    if (due <= now) {
      this.#enqueue(entry)
      return
    }
    entry.due = due
    entry.timer = setTimeout(() => this.#expire(entry), Math.min(due - now, MAX_TIMER_MS))
  }

  #expire(entry: Entry<K>): void {
    const due = entry.due as number
    this.#unset(entry)
    // A timer may fire a fraction of a millisecond early: what was due is due. One beyond MAX_TIMER_MS is set anew.
    this.#wake(entry, due - performance.now() < 2 ? 0 : due)
  }

  #unset(entry: Entry<K>): void {
    clearTimeout(entry.timer)
    entry.timer = undefined
    entry.due = undefined
  }

  #enqueue(entry: Entry<K>): void {
    entry.state = 'queued'
    entry.since = performance.now()
    this.#busy += 1
    void this.#slots.add(() => this.#run(entry))
  }

  async #run(entry: Entry<K>): Promise<void> {
    if (this.#stopped) {
      return
    }
    // Whatever was to be looked at until now is looked at by this pass.
    this.#unset(entry)
    entry.state = 'running'
    entry.since = performance.now()
    entry.again = false
    const attempt = { failures: entry.failures, retryMs: backOffMs(entry.level + 1) }
    const end = await this.#work(entry.key, attempt)
    entry.state = 'resting'
    this.#busy -= 1
    this.#settle(entry, end, attempt.retryMs)
    if (entry.state === 'resting' && entry.due === undefined && entry.failures === 0) {
      this.#entries.delete(entry.name)
    }
    this.#notify()
  }

  #settle(entry: Entry<K>, end: PassEnd, retryMs: number): void {
    const now = performance.now()
    const failed = end.next === 'failed'
    entry.failures = failed ? entry.failures + 1 : 0
    entry.level = failed ? entry.level + 1 : 0
    entry.notBefore = failed ? now + Math.min(retryMs, backOffMs(WOKEN_LEVEL)) : 0
    if (entry.due !== undefined && entry.due < entry.notBefore) {
      const due = entry.due
      this.#unset(entry)
      this.#wake(entry, due)
    }
    if (end.next === 'requeueAfter') {
      this.#wake(entry, now + end.ms)
    } else if (failed && end.retry) {
      this.#wake(entry, now + retryMs)
    }
    if (entry.again) {
      this.#wake(entry, now)
    }
  }

  #isIdle({ within, tries }: IdleOptions): boolean {
    if (this.#busy > 0) {
      return false
    }
    const horizon = performance.now() + within
    for (const entry of this.#entries.values()) {
      const failing = entry.failures > 0
      if (entry.due !== undefined && (failing ? entry.failures < tries : entry.due <= horizon)) {
        return false
      }
    }
    return true
  }

  #notify(): void {
    for (const resolve of this.#waiting) {
      resolve()
    }
    this.#waiting.clear()
  }
}
