/** Fields that an object keeps for its life (design: transition rules of the CRDs). */
import type { Rejection } from '../store.ts'
import type { StoredObject } from './state.ts'

/** Why the new manifest cannot follow the last accepted object; undefined when it can. */
export function refuseImmutable(last: StoredObject, next: StoredObject): Rejection | undefined {
  if (last.kind !== 'GuestInterface' || next.kind !== 'GuestInterface') return undefined
  const pairs = [
    ['guest.name', last.spec.guest.name, next.spec.guest.name],
    ['guest.uuid', last.spec.guest.uuid, next.spec.guest.uuid],
    ['mac', last.spec.mac, next.spec.mac],
  ] as const
  const fields = pairs
    .filter(([, from, to]) => from !== to)
    .map(([field, from, to]) => ({ field, from: from ?? '', to: to ?? '' }))
  if (fields.length === 0) return undefined
  const changes = fields.map(({ field, from, to }) => `${field} from ${from || 'none'} to ${to || 'none'}`)
  return {
    reason: 'FieldImmutable',
    message: `${changes.join(', ')}: cannot be changed in the life of an object; take the edit back, or remove the object and add it again`,
    fields,
  }
}
