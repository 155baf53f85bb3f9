/**
 * Which of several replicas acts: the one that holds a Lease. As in client-go, time is measured by each replica's own monotonic
 * clock from when it saw the Lease change, never by the times that stand in it, so clocks may differ.
 *
 * What must stay true: a term ends, with all that was begun in it, before anybody else can take the Lease. It is counted from
 * before the request that renewed it was sent, and `term` looks at the clock itself: also a process that was stopped and goes
 * on does not write.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { backOffMs } from '../../reconcile/back-off.ts'
import type { StoreLog } from '../store.ts'
import type { ApiClient } from './api-client.ts'
import { isConflict, isNotFound, messageOf } from './api-error.ts'
import type { Call } from './call.ts'
import type { LeaseSpec } from './cluster-kinds.ts'
import { microTime } from './micro-time.ts'

export interface LeadershipTiming {
  /** Seconds for which the Lease is held without being renewed. */
  leaseSeconds: number
  /** Milliseconds; a leader that could not renew for so long leads no more. Well below `leaseSeconds`. */
  deadlineMs: number
  /** Milliseconds between renewals. */
  renewMs: number
  /** Milliseconds between looks at the Lease of somebody else. */
  lookMs: number
}

/** A leader that is killed is followed within 9 s, one that ends within 1 s; an API server that is slow for 5 s costs nothing. */
export const defaultLeadershipTiming: LeadershipTiming = {
  leaseSeconds: 8,
  deadlineMs: 5_000,
  renewMs: 2_000,
  lookMs: 1_000,
}

export interface LeadershipOptions {
  client: ApiClient
  /** No other replica has it, nor had it. */
  identity: string
  log: StoreLog
  timing?: Partial<LeadershipTiming>
}

const namespace = 'patchbay-system'
const name = 'patchbay-controller'
const collection = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`
const path = `${collection}/${name}`

interface LeaderLease {
  apiVersion: 'coordination.k8s.io/v1'
  kind: 'Lease'
  metadata: { name: string; namespace: string; resourceVersion?: string }
  spec: LeaseSpec
}

/** Somebody else leads, or nobody does: nothing may be written. */
export class NotLeading extends Error {
  override readonly name = 'NotLeading'
  readonly sort = 'interrupted'
}

interface Term {
  /** When it ends, in milliseconds of the monotonic clock, unless it is renewed. */
  until: number
  ended: AbortController
}

export class Leadership {
  readonly #client: ApiClient
  readonly #identity: string
  readonly #log: StoreLog
  readonly #timing: LeadershipTiming
  #term: Term | undefined
  /** The Lease as it was seen last. */
  #lease: LeaderLease | undefined
  /** Since when it stands so, in milliseconds of the monotonic clock. */
  #seenAt = 0

  constructor({ client, identity, log, timing = {} }: LeadershipOptions) {
    this.#client = client
    this.#identity = identity
    this.#log = log
    this.#timing = { ...defaultLeadershipTiming, ...timing }
  }

  get isLeading(): boolean {
    return this.#term !== undefined && performance.now() < this.#term.until
  }

  /** Of the term that is on: aborts when it ends. Throws NotLeading where none is. */
  term(): AbortSignal {
    const term = this.#term
    if (!term || term.ended.signal.aborted) throw new NotLeading('this replica does not lead')
    if (performance.now() >= term.until) {
      this.#end('the Lease could not be renewed in time')
      throw new NotLeading('this replica leads no more')
    }
    return term.ended.signal
  }

  /**
   * Leads whenever it can, until the signal aborts: `work` is called for each term, with what aborts when that ends, and has to
   * end then. The Lease is given up last, so that another takes over at once. Never rejects by itself; with what `work` rejects.
   */
  async run(work: (term: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const term = await this.#acquire(signal)
      if (term === undefined) return
      this.#log.info({ identity: this.#identity }, 'leads')
      const { signal: lost } = term.ended
      const renewing = this.#renewUntilEnd(term)
      try {
        await work(AbortSignal.any([lost, signal]))
      } finally {
        const isOurs = !lost.aborted
        this.#end('its work has ended')
        await renewing
        if (isOurs) await this.#release()
      }
    }
  }

  async #acquire(signal: AbortSignal): Promise<Term | undefined> {
    for (let failures = 0; !signal.aborted; ) {
      let ms: number
      try {
        const before = performance.now()
        if (await this.#take(signal)) return this.#begin(before)
        failures = 0
        ms = this.#timing.lookMs * (1 + Math.random() / 10)
      } catch (error) {
        if (signal.aborted) return undefined
        failures += 1
        if (failures === 1)
          this.#log.warn({ error: messageOf(error) }, 'cannot ask who leads, will try again')
        ms = Math.max(this.#timing.lookMs, Math.min(backOffMs(failures), this.#timing.leaseSeconds * 500))
      }
      await delay(ms, undefined, { signal }).catch(() => {})
    }
    return undefined
  }

  /** Whether the Lease is ours. */
  async #take(signal: AbortSignal): Promise<boolean> {
    const lease = await this.#read(signal)
    if (lease && !this.#isFree(lease)) return false
    const now = microTime()
    const body: LeaderLease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: lease?.metadata ?? { name, namespace },
      spec: {
        holderIdentity: this.#identity,
        leaseDurationSeconds: this.#timing.leaseSeconds,
        acquireTime: now,
        renewTime: now,
        leaseTransitions: lease ? (lease.spec.leaseTransitions ?? 0) + 1 : 0,
      },
    }
    try {
      const call = { method: lease ? 'PUT' : 'POST', path: lease ? path : collection, body } as const
      this.#lease = await this.#ask(call, signal)
      return true
    } catch (error) {
      // Somebody else was quicker.
      if (isConflict(error)) return false
      throw error
    }
  }

  /** By how long it has stood unchanged before our eyes. */
  #isFree({ spec }: LeaderLease): boolean {
    if (!spec.holderIdentity || spec.holderIdentity === this.#identity) return true
    const seconds = spec.leaseDurationSeconds ?? this.#timing.leaseSeconds
    return performance.now() >= this.#seenAt + seconds * 1_000
  }

  async #read(signal: AbortSignal): Promise<LeaderLease | undefined> {
    try {
      const lease = await this.#ask({ method: 'GET', path }, signal)
      if (!isDeepStrictEqual(lease.spec, this.#lease?.spec)) this.#seenAt = performance.now()
      this.#lease = lease
      return lease
    } catch (error) {
      if (!isNotFound(error)) throw error
      this.#lease = undefined
      return undefined
    }
  }

  /** `from`: when the request that took the Lease was sent. */
  #begin(from: number): Term {
    const term: Term = { until: from + this.#timing.deadlineMs, ended: new AbortController() }
    this.#term = term
    return term
  }

  async #renewUntilEnd(term: Term): Promise<void> {
    const { renewMs, deadlineMs } = this.#timing
    const { signal } = term.ended
    let watchdog = this.#endAt(term)
    try {
      let ms = renewMs
      for (let failures = 0; ; ) {
        await delay(ms, undefined, { signal }).catch(() => {})
        if (signal.aborted) return
        const from = performance.now()
        try {
          await this.#renew(signal)
          if (signal.aborted) return
          term.until = from + deadlineMs
          clearTimeout(watchdog)
          watchdog = this.#endAt(term)
          failures = 0
          ms = renewMs
        } catch (error) {
          if (signal.aborted) return
          if (isNotOurs(error)) return this.#end('the Lease is not ours any more')
          failures += 1
          if (failures === 1) {
            this.#log.warn(
              { error: messageOf(error) },
              'cannot renew the Lease of the leader, will try again',
            )
          }
          ms = Math.min(backOffMs(failures), renewMs / 2)
        }
      }
    } finally {
      clearTimeout(watchdog)
    }
  }

  #endAt({ until }: Term): NodeJS.Timeout {
    return setTimeout(() => this.#end('the Lease could not be renewed in time'), until - performance.now())
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const body = { ...this.#lease!, spec: { ...this.#lease!.spec, renewTime: microTime() } }
    try {
      this.#lease = await this.#ask({ method: 'PUT', path, body }, signal)
    } catch (error) {
      if (!isConflict(error)) throw error
      // It may have been ourselves, by a request whose answer was lost.
      const lease = await this.#ask({ method: 'GET', path }, signal)
      if (lease.spec.holderIdentity !== this.#identity) throw new NotLeading('somebody else has the Lease')
      this.#lease = lease
      throw error
    }
  }

  #end(reason: string): void {
    const term = this.#term
    if (!term) return
    this.#term = undefined
    term.ended.abort(new NotLeading(reason))
    this.#log.info({ identity: this.#identity, reason }, 'leads no more')
  }

  /** Once nothing of the work goes on. */
  async #release(): Promise<void> {
    const lease = this.#lease!
    const { leaseTransitions } = lease.spec
    const spec = { holderIdentity: '', leaseDurationSeconds: 1, leaseTransitions, renewTime: microTime() }
    try {
      this.#lease = await this.#ask({ method: 'PUT', path, body: { ...lease, spec } })
    } catch (error) {
      this.#log.info({ error: messageOf(error) }, 'the Lease of the leader was not given back; it runs out')
    }
  }

  /** Three times in the deadline there must be time to find out that a connection is dead. */
  #ask(call: Call, ...signals: AbortSignal[]): Promise<LeaderLease> {
    const { deadlineMs } = this.#timing
    return this.#client.json<LeaderLease>({
      ...call,
      deadlineMs: deadlineMs / 3,
      // Also where the server asks to wait.
      signal: AbortSignal.any([...signals, AbortSignal.timeout(deadlineMs)]),
    })
  }
}

/** Another replica took it, or somebody deleted it. */
function isNotOurs(error: unknown): boolean {
  return error instanceof NotLeading || isNotFound(error)
}
