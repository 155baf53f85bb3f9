/** One pass over a PortGroup: whether the manifests say one thing of it, on the hosts that it selects. */
import { readiness } from '../core/interface-status.ts'
import { portGroupOverHosts } from '../core/network/over-hosts.ts'
import { networkNameOf } from '../core/resolve/applicable.ts'
import { done } from '../reconcile/outcome.ts'
import type { Reconcile } from '../reconcile/runner.ts'
import type { Key } from '../store/store.ts'
import type { ControllerContext } from './context.ts'
import { tellingHosts } from './telling-hosts.ts'

export function portGroupReconciler(context: ControllerContext): Reconcile<Key & { kind: 'PortGroup' }> {
  const { store } = context
  return async (key) => {
    const portGroup = store.get('PortGroup', key.name)
    if (!portGroup) return done
    const { networkName } = portGroup.spec
    const check = portGroupOverHosts(
      portGroup,
      tellingHosts(context),
      store.list('Network').filter((network) => networkNameOf(network) === networkName),
      store.list('PortGroup').filter(({ spec }) => spec.networkName === networkName),
    )
    const { generation = 0 } = portGroup.metadata
    const previous = portGroup.status?.conditions ?? []
    const conditions = readiness(check, generation, previous, new Date().toISOString())
    await store.applyStatus(key, { observedGeneration: generation, conditions })
    return done
  }
}
