/** Which keys a change in the cluster concerns. */
import type { Change } from '../store/kubernetes/cluster-objects.ts'
import type { Key } from '../store/store.ts'

/** What there is to reconcile. */
export function keysOf({ key }: Change): Key[] {
  const { kind, name } = key
  if (kind === 'Node' || kind === 'Lease' || kind === 'Host') return [{ kind: 'Host', name }]
  return []
}
