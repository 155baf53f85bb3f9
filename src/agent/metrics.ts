/** All that an agent measures of itself and its host. */
import type { HostPool } from '../api/host.ts'
import { standingOf } from '../core/standing.ts'
import type { LibvirtClient } from '../libvirt/client.ts'
import { type ObjectStanding, objectMetrics } from '../operations/object-metrics.ts'
import { Counter, Gauge, type Registry } from '../operations/prometheus.ts'
import { type QueueState, reconcileMetrics } from '../operations/reconcile-metrics.ts'
import { requestMetrics } from '../operations/request-metrics.ts'
import type { Store } from '../store/store.ts'
import type { AgentHooks } from './hooks.ts'
import { libvirtMetrics } from './libvirt-metrics.ts'

/** What is looked at when somebody asks for the metrics. */
export interface Measured {
  hostName: string
  store: Store
  libvirt: LibvirtClient
  queue(): QueueState
}

export interface AgentMetrics {
  hooks: Required<AgentHooks>
  watch(measured: Measured): void
}

export function agentMetrics(registry: Registry): AgentMetrics {
  const registers = [registry]
  const reconciles = reconcileMetrics(registry)
  const libvirt = libvirtMetrics(registry)
  const plans = new Counter({
    name: 'patchbay_plans_total',
    help: 'What passes decided to do; one that found nothing to do has the verdict None',
    labelNames: ['kind', 'verdict'],
    registers,
  })
  let measured: Measured | undefined
  const help = 'Objects on this host by their Ready; stance Stalled: somebody has to change something'
  objectMetrics(registry, 'patchbay_objects', help, () => (measured ? standings(measured.store) : []))
  poolMetrics(registry, () => measured?.store.get('Host', measured.hostName)?.status?.pools ?? [])
  return {
    hooks: {
      onPass: reconciles.passed,
      onCall: libvirt.called,
      onRequest: requestMetrics(registry),
      onPlan: (kind, verdict) => plans.inc({ kind, verdict }),
    },
    watch(given) {
      measured = given
      reconciles.watch(given.queue)
      libvirt.watch(given.libvirt)
    },
  }
}

function* standings(store: Store): Generator<ObjectStanding> {
  for (const kind of ['GuestInterface', 'Network', 'PortGroup'] as const)
    for (const { status } of store.list(kind)) yield { kind, ...standingOf(status?.conditions) }
}

/** As the last inventory found them. */
function poolMetrics(registry: Registry, read: () => readonly HostPool[]): void {
  const gauge = (name: string, help: string, of: (pool: HostPool) => number) => {
    new Gauge({
      name,
      help,
      labelNames: ['network', 'mode'],
      registers: [registry],
      collect() {
        this.reset()
        for (const pool of read()) this.set({ network: pool.network, mode: pool.mode }, of(pool))
      },
    })
  }
  gauge('patchbay_pool_capacity', 'Devices in the pool of a network', ({ capacity }) => capacity)
  gauge('patchbay_pool_in_use', 'Devices of the pool with at least one user', ({ inUse }) => inUse)
  gauge(
    'patchbay_pool_unavailable',
    'Devices of the pool that are not handed out though nobody is on them, such as one with an address',
    ({ devices }) => devices.filter(({ users, unavailable }) => users === 0 && unavailable).length,
  )
}
