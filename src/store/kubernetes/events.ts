/** Kubernetes Events: what became of an object's Ready, told once at each transition. */
import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Condition } from '../../api/conditions.ts'
import type { AnyResource } from '../../api/kinds.ts'
import { backOffMs } from '../../reconcile/back-off.ts'
import type { StoreLog } from '../store.ts'
import type { ApiClient } from './api-client.ts'
import { ApiError, isConflict, messageOf } from './api-error.ts'
import { microTime } from './micro-time.ts'

export interface Transition {
  type: 'Normal' | 'Warning'
  reason: string
  note: string
}

/** The change of Ready that is worth telling; undefined when there is none. On the way to a result nothing is told. */
export function transition(before: Condition[] = [], after: Condition[] = []): Transition | undefined {
  const [was, is] = [before, after].map((conditions) => conditions.find(({ type }) => type === 'Ready'))
  if (!is || ['NotReached', 'Binding'].includes(is.reason)) return undefined
  if (was?.status === is.status && was.reason === is.reason) return undefined
  const type = is.status === 'True' || isWaiting(is.reason) ? 'Normal' : 'Warning'
  return { type, reason: is.reason, note: is.message }
}

/** It comes right by itself, and nobody has to look. */
function isWaiting(reason: string): boolean {
  return ['PinnedElsewhere', 'Moving', 'Released', 'NetworkChanging'].includes(reason)
}

/** Where more wait for the server, the oldest are dropped: whoever reads them has the conditions too. */
const mostWaiting = 1_000
/** So many are sent as they come, and then one each PACE_MS, as a kubelet long did: where much happens at once, status goes first. */
const AT_ONCE = 10
/** Milliseconds. */
const PACE_MS = 200
/** Bytes, by the API server's own rule. */
const longestNote = 1_024

/** Who tells it. */
export interface Reporter {
  controller: 'patchbay.dev/agent' | 'patchbay.dev/controller'
  instance: string
}

export class EventWriter {
  readonly #client: ApiClient
  readonly #reporter: Reporter
  readonly #log: StoreLog
  readonly #waiting: KubernetesEvent[] = []
  #sending = false
  /** When the next one may be sent, in milliseconds of the monotonic clock. */
  #dueAt = 0

  constructor(client: ApiClient, reporter: Reporter, log: StoreLog) {
    this.#client = client
    this.#reporter = reporter
    this.#log = log
  }

  /** Never waits and never fails: what cannot be told now is told when the server takes it. */
  tell({ apiVersion, kind, metadata }: AnyResource, { type, reason, note }: Transition): void {
    if (this.#waiting.length >= mostWaiting) this.#waiting.shift()
    // Events of what has no namespace are in this one.
    const namespace = metadata.namespace ?? 'default'
    const event = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      // Named here, so that one whose answer was lost is not made twice.
      metadata: { name: `${shortName(metadata.name)}.${randomBytes(8).toString('hex')}`, namespace },
      regarding: { apiVersion, kind, name: metadata.name, namespace: metadata.namespace, uid: metadata.uid },
      reportingController: this.#reporter.controller,
      reportingInstance: this.#reporter.instance.slice(0, 128),
      type,
      reason,
      action: 'Reconcile',
      note: shortened(note || reason),
      eventTime: microTime(),
    }
    this.#waiting.push(event)
    void this.#send()
  }

  async #send(): Promise<void> {
    if (this.#sending) return
    this.#sending = true
    let failures = 0
    for (let event = this.#waiting[0]; event; event = this.#waiting[0]) {
      await this.#takeTurn()
      const problem = await this.#post(event)
      if (problem && mayBeTakenLater(problem)) {
        failures += 1
        if (failures === 1)
          this.#log.warn({ error: messageOf(problem) }, 'cannot write event, will try again')
        // Nobody stays alive for it.
        await delay(backOffMs(failures), undefined, { ref: false })
        continue
      }
      failures = 0
      if (problem && !isConflict(problem))
        this.#log.warn({ error: messageOf(problem) }, 'event was not taken')
      // Unless it was dropped meanwhile.
      if (this.#waiting[0] === event) this.#waiting.shift()
    }
    this.#sending = false
  }

  async #takeTurn(): Promise<void> {
    const now = performance.now()
    this.#dueAt = Math.max(this.#dueAt, now - AT_ONCE * PACE_MS) + PACE_MS
    if (this.#dueAt > now) await delay(this.#dueAt - now, undefined, { ref: false })
  }

  async #post(event: KubernetesEvent): Promise<unknown> {
    const path = `/apis/events.k8s.io/v1/namespaces/${event.metadata.namespace}/events`
    try {
      await this.#client.json({ method: 'POST', path, body: event })
      return undefined
    } catch (error) {
      return error
    }
  }
}

interface KubernetesEvent {
  metadata: { name: string; namespace: string }
}

/** Not where the server has judged it: its namespace is going, or we may not. */
function mayBeTakenLater(problem: unknown): boolean {
  if (!(problem instanceof ApiError)) return true
  return problem.status === 401 || problem.status === 429 || problem.status >= 500
}

/** Leaves room for what makes it an Event's, and ends as a name of Kubernetes may. */
function shortName(name: string): string {
  return name.slice(0, 200).replace(/[-.]+$/, '')
}

function shortened(note: string): string {
  const bytes = Buffer.from(note)
  return bytes.length <= longestNote
    ? note
    : `${bytes
        .subarray(0, longestNote - 6)
        .toString('utf8')
        .replace(/\uFFFD$/, '')}...`
}
