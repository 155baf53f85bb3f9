/** How passes over keys go, and how the queue stands. */
import type { Checks } from './checks.ts'
import { Counter, Gauge, Histogram, type Registry } from './prometheus.ts'

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

export interface ReconcileMetrics {
  passed(kind: string, result: string, ms: number): void
  /** `state` is asked at every scrape; undefined where there is no queue now. */
  watch(state: () => QueueState | undefined): void
}

const empty: QueueState = { waiting: 0, running: 0, failing: 0, oldestWaitMs: 0, longestRunMs: 0 }

export function reconcileMetrics(registry: Registry): ReconcileMetrics {
  const registers = [registry]
  const passes = new Counter({
    name: 'patchbay_reconciles_total',
    help: 'Passes over an object; result done or requeueAfter, or of one that failed: retryable, terminal, interrupted',
    labelNames: ['kind', 'result'],
    registers,
  })
  const duration = new Histogram({
    name: 'patchbay_reconcile_duration_seconds',
    help: 'How long a pass took, failed ones included',
    labelNames: ['kind'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30],
    registers,
  })
  let read: () => QueueState | undefined = () => undefined
  const gauge = (name: string, help: string, of: (state: QueueState) => number) => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(of(read() ?? empty))
      },
    })
  }
  gauge('patchbay_queue_depth', 'Objects that wait for room to be looked at', ({ waiting }) => waiting)
  gauge(
    'patchbay_queue_oldest_wait_seconds',
    'How long the object has waited that waits longest',
    ({ oldestWaitMs }) => oldestWaitMs / 1_000,
  )
  gauge('patchbay_queue_failing_keys', 'Objects whose last pass failed', ({ failing }) => failing)
  gauge('patchbay_reconciles_running', 'Passes that run now', ({ running }) => running)
  gauge(
    'patchbay_reconcile_longest_running_seconds',
    'How long the pass has run that runs longest',
    ({ longestRunMs }) => longestRunMs / 1_000,
  )
  return {
    passed(kind, result, ms) {
      passes.inc({ kind, result })
      duration.observe({ kind }, ms / 1_000)
    },
    watch(state) {
      read = state
    },
  }
}

/**
 * Every call of a pass has a deadline, 45 s at most, so no outage keeps one pass going for so long: this is a promise that
 * nobody keeps any more. It holds one of few places for good, and only a new process is free of it.
 */
const STUCK_MS = 15 * 60_000

/** The one way in which a process that still answers is no longer alive. */
export function checkPasses(alive: Checks, state: () => QueueState | undefined): void {
  alive.set('passes', () => {
    const { longestRunMs } = state() ?? empty
    return longestRunMs < STUCK_MS
      ? undefined
      : `a pass has run for ${Math.round(longestRunMs / 60_000)} minutes and will not end`
  })
}
