/** Status by server-side apply: a manager's fields as it now wants them; what it no longer names, it gives up. */
import { apiVersion } from '../../api/resource.ts'
import { type Key, StaleObject } from '../store.ts'
import type { ApiClient } from './api-client.ts'
import { isConflict } from './api-error.ts'
import type { Received } from './reflector.ts'
import { objectPath } from './resource-path.ts'

export interface StatusApply {
  key: Key
  /** Never another object of the same name. */
  uid: string | undefined
  fieldManager: string
  status: object
  /** Given: only if nobody has changed the object since. */
  resourceVersion?: string
  signal?: AbortSignal
}

/** The object as it is then. Forced: fields that somebody else has are taken over. Rejects with StaleObject on a conflict. */
export async function applyStatus(
  client: ApiClient,
  { key, uid, fieldManager, status, resourceVersion, signal }: StatusApply,
): Promise<Received> {
  const { kind, namespace, name } = key
  try {
    return await client.json<Received>({
      method: 'PATCH',
      path: `${objectPath(key)}/status`,
      query: { fieldManager, force: 'true' },
      contentType: 'application/apply-patch+yaml',
      body: {
        apiVersion,
        kind,
        metadata: { name, namespace, uid, ...(resourceVersion !== undefined && { resourceVersion }) },
        status,
      },
      ...(signal && { signal }),
    })
  } catch (error) {
    if (isConflict(error)) throw new StaleObject(objectPath(key), { cause: error })
    throw error
  }
}
