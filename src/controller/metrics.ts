/** All that a controller measures of itself and its cluster. */
import { standingOf } from '../core/standing.ts'
import { type ObjectStanding, objectMetrics } from '../operations/object-metrics.ts'
import { Gauge, type Registry } from '../operations/prometheus.ts'
import { type QueueState, reconcileMetrics } from '../operations/reconcile-metrics.ts'
import { requestMetrics } from '../operations/request-metrics.ts'
import type { RunnerOptions } from '../reconcile/runner.ts'
import type { ApiClientOptions } from '../store/kubernetes/api-client.ts'
import type { ClusterStore } from '../store/kubernetes/cluster-store.ts'

/** Told what goes on in a controller by whoever does it. */
export interface ControllerHooks {
  onPass?: RunnerOptions<never>['onPass']
  onRequest?: ApiClientOptions['onRequest']
}

/** What is looked at when somebody asks for the metrics. */
export interface Measured {
  store: Pick<ClusterStore, 'list'>
  /** undefined while it stands by. */
  queue(): QueueState | undefined
  isLeader(): boolean
}

export interface ControllerMetrics {
  hooks: Required<ControllerHooks>
  watch(measured: Measured): void
}

export function controllerMetrics(registry: Registry): ControllerMetrics {
  const reconciles = reconcileMetrics(registry)
  let measured: Measured | undefined
  const help =
    'Objects of the cluster by their Ready, as the leader counts them; stance Stalled: somebody has to change something'
  objectMetrics(registry, 'patchbay_cluster_objects', help, () =>
    measured?.isLeader() ? standings(measured.store) : [],
  )
  new Gauge({
    name: 'patchbay_leader',
    help: '1 for the controller that leads, 0 for one that stands by',
    registers: [registry],
    collect() {
      this.set(measured?.isLeader() ? 1 : 0)
    },
  })
  return {
    hooks: {
      onPass: reconciles.passed,
      onRequest: requestMetrics(registry),
    },
    watch(given) {
      measured = given
      reconciles.watch(given.queue)
    },
  }
}

function* standings(store: Measured['store']): Generator<ObjectStanding> {
  for (const kind of ['GuestInterface', 'Network', 'PortGroup', 'Host'] as const)
    for (const { status } of store.list(kind)) yield { kind, ...standingOf(status?.conditions) }
}
