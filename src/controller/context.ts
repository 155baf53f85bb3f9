/** What every reconciler of the controller works with. */
import type { ClusterStore } from '../store/kubernetes/cluster-store.ts'
import type { Key } from '../store/store.ts'
import type { Wakes } from './wakes.ts'

export interface ControllerContext {
  store: ClusterStore
  /** Neither this host nor its Node is there any more: what it held is free. */
  hostIsGone(name: string): boolean
  /** Its agent has not renewed its Lease for as long as that lasts. A host without one is not silent. */
  agentIsSilent(name: string): boolean
  wakes: Wakes
  /** Has a look at these keys soon. */
  wake(keys: Iterable<Key>): void
}

export function createContext({
  store,
  wakes,
  wake,
}: Pick<ControllerContext, 'store' | 'wakes' | 'wake'>): ControllerContext {
  return {
    store,
    hostIsGone: (name) => store.get('Host', name) === undefined && store.get('Node', name) === undefined,
    agentIsSilent: (name) => store.agents.isSilent(name),
    wakes,
    wake,
  }
}
