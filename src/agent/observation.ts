/** What an agent with `--listen` tells: its metrics, and whether it is alive and ready. */
import type { Operations } from '../operations/operations.ts'
import { checkPasses } from '../operations/reconcile-metrics.ts'
import { type AgentMetrics, agentMetrics, type Measured } from './metrics.ts'

export interface Observation extends AgentMetrics {
  /** All manifests are known. */
  started(): void
}

export function observe(operations: Operations): Observation {
  const { hooks, watch } = agentMetrics(operations.metrics)
  return {
    hooks,
    watch(measured: Measured) {
      watch(measured)
      checkPasses(operations.alive, measured.queue)
      const { libvirt } = measured
      operations.ready.set('libvirt', () =>
        libvirt.connected
          ? undefined
          : `not connected: ${libvirt.failure?.message ?? 'it is being connected'}`,
      )
    },
    // Once, not for ever: while the API server is away the host is kept as last known, and nobody gains by an agent that calls
    // itself unready for it. A Service would stop asking for its metrics just then.
    started: () => operations.started(),
  }
}
