/** What the controller does about a key of each kind. */
import { done } from '../reconcile/outcome.ts'
import type { Reconcile } from '../reconcile/runner.ts'
import type { Key, StoredKind } from '../store/store.ts'
import type { ControllerContext } from './context.ts'
import { hostReconciler } from './hosts.ts'

export type Reconcilers = { [K in StoredKind]: Reconcile<Key & { kind: K }> }

const nothing = async () => done

export function reconcilers(context: ControllerContext): Reconcilers {
  return {
    Host: hostReconciler(context),
    GuestInterface: nothing,
    Network: nothing,
    PortGroup: nothing,
    // Concerns interfaces, and has no status.
    GuestGrant: nothing,
  }
}
