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
      for (const { standing, count } of counted(read())) this.set({ ...standing }, count)
    },
  })
}

/** Ours rather than the gauge's, which takes a microsecond to find a label: a controller has 100,000 objects. */
function counted(standings: Iterable<ObjectStanding>): Iterable<{ standing: ObjectStanding; count: number }> {
  const found = new Map<string, { standing: ObjectStanding; count: number }>()
  for (const standing of standings) {
    const name = `${standing.kind} ${standing.ready} ${standing.reason} ${standing.stance}`
    const before = found.get(name)
    if (before) before.count += 1
    else found.set(name, { standing, count: 1 })
  }
  return found.values()
}
