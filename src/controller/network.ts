/** One pass over a Network: how it stands on the hosts that it selects, and whether it may go. */
import type { Network } from '../api/network.ts'
import { readiness } from '../core/interface-status.ts'
import { networkLeft, networkOverHosts } from '../core/network/over-hosts.ts'
import { networkNameOf } from '../core/resolve/applicable.ts'
import { done } from '../reconcile/outcome.ts'
import type { Reconcile } from '../reconcile/runner.ts'
import type { Key } from '../store/store.ts'
import type { ControllerContext } from './context.ts'
import { tellingHosts } from './telling-hosts.ts'

export function networkReconciler(context: ControllerContext): Reconcile<Key & { kind: 'Network' }> {
  const { store } = context
  return async (key) => {
    const known = store.get('Network', key.name)
    if (known && !known.metadata.deletionTimestamp) await store.addFinalizer(key)
    const network = store.get('Network', key.name)
    if (!network) return done
    const hosts = tellingHosts(context)
    const left = network.metadata.deletionTimestamp ? networkLeft(network, hosts) : undefined
    if (network.metadata.deletionTimestamp && !left) {
      await store.removeFinalizer(key)
      return done
    }
    const name = networkNameOf(network)
    const same = store.list('Network').filter((other) => networkNameOf(other) === name)
    const { ready, ...counts } = networkOverHosts(network, hosts, same, store.rejection(key)?.message)
    await store.applyStatus(key, { ...counts, ...readinessOf(network, left ?? ready) })
    return done
  }
}

function readinessOf(
  { metadata: { generation = 0 }, status }: Network,
  check: Parameters<typeof readiness>[0],
) {
  return {
    observedGeneration: generation,
    conditions: readiness(check, generation, status?.conditions ?? [], new Date().toISOString()),
  }
}
