/** What the controller does about a key of each kind. */
import { done } from '../reconcile/outcome.ts'
import type { Reconcile } from '../reconcile/runner.ts'
import type { Key, StoredKind } from '../store/store.ts'
import type { ControllerContext } from './context.ts'
import { guestInterfaceReconciler } from './guest-interface.ts'
import { hostReconciler } from './hosts.ts'
import { networkReconciler } from './network.ts'
import { portGroupReconciler } from './port-group.ts'

export type Reconcilers = { [K in StoredKind]: Reconcile<Key & { kind: K }> }

const nothing = async () => done

export function reconcilers(context: ControllerContext): Reconcilers {
  return {
    Host: hostReconciler(context),
    GuestInterface: guestInterfaceReconciler(context),
    Network: networkReconciler(context),
    PortGroup: portGroupReconciler(context),
    // Concerns interfaces, and has no status.
    GuestGrant: nothing,
  }
}
