/** What an object becomes when its manifest says something new: a decision, without clock or files. */
import { isDeepStrictEqual } from 'node:util'
import type { Rejection } from '../store.ts'
import { refuseImmutable } from './immutable.ts'
import type { StoredObject } from './state.ts'

/** What a first acceptance needs from outside. */
export interface Birth {
  uid: string
  /** RFC 3339. */
  now: string
}

export type Acceptance = { object: StoredObject } | { rejection: Rejection }

/**
 * `last`: the object as it was last accepted. The very same object is returned when nothing changes. A deletion that has begun is taken
 * back by a manifest that is accepted; one that differs in an immutable field has to wait until it is through.
 */
export function accept(last: StoredObject | undefined, manifest: StoredObject, birth: Birth): Acceptance {
  const { name, namespace, labels, annotations } = manifest.metadata
  const given = JSON.parse(JSON.stringify({ name, namespace, labels, annotations }))
  if (last === undefined) {
    const metadata = { ...given, uid: birth.uid, generation: 1, creationTimestamp: birth.now }
    const { apiVersion, kind, spec } = manifest
    return { object: { apiVersion, kind, metadata, spec } as StoredObject }
  }
  const rejection = refuseImmutable(last, manifest)
  if (rejection !== undefined) return { rejection }

  const sameSpec = isDeepStrictEqual(last.spec, manifest.spec)
  const metadata = {
    ...given,
    uid: last.metadata.uid,
    generation: (last.metadata.generation ?? 0) + (sameSpec ? 0 : 1),
    creationTimestamp: last.metadata.creationTimestamp,
  }
  if (sameSpec && isDeepStrictEqual(last.metadata, metadata)) return { object: last }
  return { object: { ...last, metadata, spec: sameSpec ? last.spec : manifest.spec } as StoredObject }
}
