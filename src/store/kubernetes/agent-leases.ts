/**
 * Which agents are silent, by their Leases. Time is measured by our own clock from when a renewal was seen, never by the time
 * that a Lease states: clocks of hosts differ.
 *
 * What must stay true: where we could not look, nobody was silent. After the API server was away every agent gets as long as
 * its Lease lasts.
 */
import type { Lease } from './cluster-kinds.ts'
import type { Change } from './cluster-objects.ts'

interface Heard {
  uid: string | undefined
  renewTime: string | undefined
  /** Milliseconds of the monotonic clock. */
  at: number
  /** Nothing was heard for as long as the Lease lasts, and the server has said so when it was asked. */
  silent: boolean
  /** A renewal was seen to come, and no silence since: what a Lease says when it is first read may be long ago. */
  answering: boolean
}

/** Seconds, where a Lease doesn't say it. */
const defaultDuration = 40

export class AgentLeases {
  readonly #heard = new Map<string, Heard>()
  readonly #now: () => number
  /** Since when the Leases are followed without a gap, in milliseconds of the monotonic clock. */
  #since: number

  /** `now`: milliseconds of a monotonic clock. */
  constructor(now = () => performance.now()) {
    this.#now = now
    this.#since = now()
  }

  /** Nobody knows what was renewed before this moment. */
  lookAnew(): void {
    this.#since = this.#now()
  }

  /** Whether this concerns anybody: the first renewal that is seen does, and one after a silence, and no other. */
  hear({ key: { name }, before, after }: Change<Lease>): boolean {
    if (after === undefined) {
      this.#heard.delete(name)
      return true
    }
    const { uid } = after.metadata
    const { renewTime } = after.spec
    const heard = this.#heard.get(name)
    if (heard && heard.uid === uid && heard.renewTime === renewTime) return false
    const isRenewal = before !== undefined && heard !== undefined && heard.uid === uid
    this.#heard.set(name, { uid, renewTime, at: this.#now(), silent: false, answering: isRenewal })
    return !isRenewal || !heard.answering
  }

  /** Milliseconds until the agent that is to renew this Lease is silent, should nothing come of it; 0: it is time to ask. */
  silentIn({ metadata: { name }, spec }: Lease): number {
    const duration = (spec.leaseDurationSeconds ?? defaultDuration) * 1_000
    const since = Math.max(this.#since, this.#heard.get(name)?.at ?? this.#since)
    return Math.max(0, since + duration - this.#now())
  }

  /** The server has been asked, and has no other renewal of this Lease than the one that was heard of last. */
  confirm(name: string): void {
    const heard = this.#heard.get(name)
    if (!heard) return
    heard.silent = true
    heard.answering = false
  }

  isAnswering(name: string): boolean {
    return this.#heard.get(name)?.answering ?? false
  }

  isSilent(name: string): boolean {
    return this.#heard.get(name)?.silent ?? false
  }
}
