/** Paths of our kinds on the API server. */
import { kinds } from '../../api/kinds.ts'
import { apiVersion } from '../../api/resource.ts'
import type { Key, StoredKind } from '../store.ts'

/** Of all objects of a kind, in all namespaces. */
export function collectionPath(kind: StoredKind): string {
  return `/apis/${apiVersion}/${kinds[kind].plural}`
}

export function objectPath({ kind, namespace, name }: Key): string {
  const where = kinds[kind].namespaced ? `/namespaces/${encodeURIComponent(namespace ?? '')}` : ''
  return `/apis/${apiVersion}${where}/${kinds[kind].plural}/${encodeURIComponent(name)}`
}
