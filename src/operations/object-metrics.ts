/** How many objects stand how, by the reason of their Ready. */
import { Gauge, type Registry } from './prometheus.ts'

export interface ObjectStanding {
  kind: string
  /** True, False or Unknown. */
  ready: string
  reason: string
  stance: string
}

/** `read` is asked at every scrape. */
export function objectMetrics(
  registry: Registry,
  name: 'patchbay_objects' | 'patchbay_cluster_objects',
  help: string,
  read: () => Iterable<ObjectStanding>,
): void {
  new Gauge({
    name,
    help,
    labelNames: ['kind', 'ready', 'reason', 'stance'],
    registers: [registry],
    collect() {
      // What no object has any more is gone, not 0.
      this.reset()
      for (const { kind, ready, reason, stance } of read()) this.inc({ kind, ready, reason, stance })
    },
  })
}
