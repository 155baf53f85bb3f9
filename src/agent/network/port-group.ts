/** One pass over a PortGroup: nothing of it is on a host but in the Networks that have it. */
import type { PortGroup } from '../../api/port-group.ts'
import type { Check } from '../../core/interface-status.ts'
import { portGroupRefusal } from '../../core/network/conflict.ts'
import { done } from '../../reconcile/outcome.ts'
import type { Reconcile } from '../../reconcile/runner.ts'
import type { Key } from '../../store/store.ts'
import type { Context } from '../context.ts'
import { accepted, refusedFor, writeReadiness } from './report.ts'
import { selectsHost } from './selects-host.ts'

export function portGroupReconciler(context: Context): Reconcile<Key & { kind: 'PortGroup' }> {
  return async (key) => {
    const portGroup = context.store.get('PortGroup', key.name)
    if (portGroup) await writeReadiness(context, key, portGroup, checkOf(portGroup, context))
    return done
  }
}

function checkOf(portGroup: PortGroup, context: Context): Check {
  const { host } = context
  if (!selectsHost(portGroup, context)) return accepted(`Does not select host ${host.name}`)
  const refusal = portGroupRefusal(portGroup, host, context.store.list('PortGroup'))
  return refusal ? refusedFor(refusal) : accepted(`In force on host ${host.name}`)
}
