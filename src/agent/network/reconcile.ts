/** One pass over a Network or a PortGroup: checked, and the result reported. */
import { type Check, readiness } from '../../core/interface-status.ts'
import { done } from '../../reconcile/outcome.ts'
import type { Reconcile } from '../../reconcile/runner.ts'
import type { Key } from '../../store/store.ts'
import type { Context } from '../context.ts'
import { checkResource } from './check.ts'

export type NetworkKey = Key & { kind: 'Network' | 'PortGroup' }

export function networkReconciler({ store, host }: Context): Reconcile<NetworkKey> {
  return async (key) => {
    const resource = store.get(key.kind, key.name)
    if (!resource) return done
    const check = rejected(key) ?? checkResource(resource, { store, host })
    const generation = resource.metadata.generation ?? 0
    const conditions = readiness(
      check,
      generation,
      resource.status?.conditions ?? [],
      new Date().toISOString(),
    )
    await store.writeStatus(key, { ...resource.status, observedGeneration: generation, conditions })
    return done
  }

  /** The last accepted manifest stays in force; that a newer one is not must not look like success. */
  function rejected(key: NetworkKey): Check | undefined {
    const rejection = store.rejection(key)
    return rejection && { status: 'False', reason: 'InvalidManifest', message: rejection.message }
  }
}
