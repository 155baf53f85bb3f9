/** Which keys a change in the cluster concerns. What is looked up here wakes keys and decides nothing. */
import type { Change } from '../store/kubernetes/cluster-objects.ts'
import type { ClusterStore } from '../store/kubernetes/cluster-store.ts'
import type { Key } from '../store/store.ts'

export class Wakes {
  readonly #store: ClusterStore

  constructor(store: ClusterStore) {
    this.#store = store
  }

  /** A Host's without its Node too: it is to go. */
  all(): Key[] {
    const names = new Set(
      (['Node', 'Host', 'Lease'] as const).flatMap((kind) =>
        this.#store.list(kind).map(({ metadata }) => metadata.name),
      ),
    )
    const kinds = ['Network', 'PortGroup', 'GuestInterface'] as const
    return [
      ...Array.from(names, (name): Key => ({ kind: 'Host', name })),
      ...kinds.flatMap((kind) =>
        this.#store
          .list(kind)
          .map(({ metadata: { name, namespace } }): Key => ({ kind, name, ...(namespace && { namespace }) })),
      ),
    ]
  }

  ofChange({ key: { kind, name, namespace } }: Change): Key[] {
    if (kind === 'Node' || kind === 'Lease' || kind === 'Host') return [{ kind: 'Host', name }]
    if (kind === 'Namespace' || kind === 'GuestGrant') return []
    return [{ kind, name, ...(namespace && { namespace }) }]
  }
}
