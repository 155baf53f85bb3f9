/**
 * The Lease by which the controller hears of an agent, with the name of its Node. The controller makes it and says how long it
 * lasts; the agent renews it, as long as it runs, four times in that. A Lease that isn't there yet is waited for.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { backOffMs } from '../../reconcile/back-off.ts'
import type { StoreLog } from '../store.ts'
import type { ApiClient } from './api-client.ts'
import { isNotFound, messageOf } from './api-error.ts'
import { clusterObjectPath, type Lease } from './cluster-kinds.ts'
import { microTime } from './micro-time.ts'

export interface AgentLeaseOptions {
  client: ApiClient
  /** Its Node's. */
  hostName: string
  log: StoreLog
  /** It is held, and was not before. */
  onHeld: () => void
}

/** Until a Lease has said how long it lasts. */
const defaultDurationMs = 40_000
/** Milliseconds: the controller makes the Lease of a Node as soon as it knows that, and the Host waits for its renewal. */
const absentMs = 2_000

export class AgentLease {
  readonly #options: AgentLeaseOptions
  /** Another one each time that an agent starts. */
  readonly #identity: string
  readonly #acquireTime = microTime()
  #durationMs = defaultDurationMs
  /** Milliseconds of the monotonic clock: until then nobody takes this agent for silent. */
  #heldUntil = Number.NEGATIVE_INFINITY

  constructor(options: AgentLeaseOptions) {
    this.#options = options
    this.#identity = `${options.hostName}_${randomBytes(4).toString('hex')}`
  }

  get isHeld(): boolean {
    return performance.now() < this.#heldUntil
  }

  /** Until the signal aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      let retryMs = Number.POSITIVE_INFINITY
      try {
        await this.#renew(signal)
        if (failures > 0) this.#options.log.info({}, 'renews its Lease again')
        failures = 0
      } catch (error) {
        if (signal.aborted) return
        if (isNotFound(error)) retryMs = absentMs
        else {
          failures += 1
          retryMs = backOffMs(failures)
          if (failures === 1) this.#warn(error)
        }
      }
      // As long as the Lease now says.
      const ms = Math.min(retryMs, this.#renewMs) * (0.95 + Math.random() / 10)
      await delay(ms, undefined, { signal }).catch(() => {})
    }
  }

  get #renewMs(): number {
    return this.#durationMs / 4
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const { client, hostName, onHeld } = this.#options
    const from = performance.now()
    const wasHeld = this.isHeld
    const { spec } = await client.json<Lease>({
      method: 'PATCH',
      path: clusterObjectPath({ kind: 'Lease', name: hostName }),
      contentType: 'application/merge-patch+json',
      body: {
        spec: { holderIdentity: this.#identity, acquireTime: this.#acquireTime, renewTime: microTime() },
      },
      // There is time for several tries while it lasts, also where a connection is dead, or the server asks to wait.
      deadlineMs: this.#renewMs,
      signal: AbortSignal.any([signal, AbortSignal.timeout(2 * this.#renewMs)]),
    })
    this.#durationMs = (spec.leaseDurationSeconds ?? defaultDurationMs / 1_000) * 1_000
    this.#heldUntil = from + this.#durationMs
    if (!wasHeld) onHeld()
  }

  #warn(error: unknown): void {
    this.#options.log.warn({ error: messageOf(error) }, 'cannot renew its Lease, will try again')
  }
}
