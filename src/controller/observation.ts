/** What a controller with `--listen` tells: its metrics, and whether it is alive and ready. */
import type { Operations } from '../operations/operations.ts'
import { checkPasses } from '../operations/reconcile-metrics.ts'
import { type ControllerMetrics, controllerMetrics, type Measured } from './metrics.ts'

export interface Observation extends ControllerMetrics {
  /** The cluster's objects are known. One that stands by is as ready as the leader: it takes over at once. */
  started(): void
}

export function observe(operations: Operations): Observation {
  const { hooks, watch } = controllerMetrics(operations.metrics)
  return {
    hooks,
    watch(measured: Measured) {
      watch(measured)
      checkPasses(operations.alive, measured.queue)
    },
    // Once, not for ever: no restart and no other replica brings an API server back that is away.
    started: () => operations.started(),
  }
}
