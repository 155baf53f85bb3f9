/** Kubernetes Events: what became of an object's Ready, told once at each transition. */
import type { Condition } from '../../api/conditions.ts'
import type { AnyResource } from '../../api/kinds.ts'
import type { StoreLog } from '../store.ts'
import type { ApiClient } from './api-client.ts'

export interface Transition {
  type: 'Normal' | 'Warning'
  reason: string
  note: string
}

/** The change of Ready that is worth telling; undefined when there is none. On the way to a result nothing is told. */
export function transition(before: Condition[] = [], after: Condition[] = []): Transition | undefined {
  const [was, is] = [before, after].map((conditions) => conditions.find(({ type }) => type === 'Ready'))
  if (!is || is.reason === 'NotReached') return undefined
  if (was?.status === is.status && was.reason === is.reason) return undefined
  const type = is.status === 'True' || isWaiting(is.reason) ? 'Normal' : 'Warning'
  return { type, reason: is.reason, note: is.message }
}

/** It comes right by itself, and nobody has to look. */
function isWaiting(reason: string): boolean {
  return reason === 'PinnedElsewhere' || reason === 'Moving' || reason === 'NetworkChanging'
}

/** Events beyond this are dropped: whoever reads them has the conditions too. */
const mostWaiting = 200
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
  readonly #waiting: object[] = []
  #sending = false

  constructor(client: ApiClient, reporter: Reporter, log: StoreLog) {
    this.#client = client
    this.#reporter = reporter
    this.#log = log
  }

  /** Never waits and never fails: what cannot be told is dropped. */
  tell({ apiVersion, kind, metadata }: AnyResource, { type, reason, note }: Transition): void {
    if (this.#waiting.length >= mostWaiting) return
    // Events of what has no namespace are in this one.
    const namespace = metadata.namespace ?? 'default'
    const time = new Date().toISOString()
    this.#waiting.push({
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { generateName: `${metadata.name.slice(0, 200)}-`, namespace },
      regarding: { apiVersion, kind, name: metadata.name, namespace: metadata.namespace, uid: metadata.uid },
      reportingController: this.#reporter.controller,
      reportingInstance: this.#reporter.instance.slice(0, 128),
      type,
      reason,
      action: 'Reconcile',
      note: shortened(note || reason),
      // The API server wants microseconds.
      eventTime: `${time.slice(0, -1)}000Z`,
    })
    void this.#send()
  }

  async #send(): Promise<void> {
    if (this.#sending) return
    this.#sending = true
    for (let event = this.#waiting.shift(); event; event = this.#waiting.shift()) {
      const { namespace } = (event as { metadata: { namespace: string } }).metadata
      const path = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`
      try {
        await this.#client.json({ method: 'POST', path, body: event })
      } catch (error) {
        this.#log.warn(
          { error: error instanceof Error ? error.message : String(error) },
          'cannot write event',
        )
        // Most likely none of the others can be written now.
        this.#waiting.length = 0
      }
    }
    this.#sending = false
  }
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
