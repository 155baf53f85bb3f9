/** Fields that an object keeps for its life: the transition rules of its kind. */
import { isDeepStrictEqual } from 'node:util'
import { immutableChanges } from '../../api/validate.ts'
import type { Rejection } from '../store.ts'
import type { StoredObject } from './state.ts'

/** Why the new manifest cannot follow the last accepted object; undefined when it can. */
export function refuseImmutable(last: StoredObject, next: StoredObject): Rejection | undefined {
  if (isDeepStrictEqual(last.spec, next.spec)) return undefined
  const problems = immutableChanges(next, last.spec)
  if (problems.length === 0) return undefined
  const fields = problems.map(({ field, from = '', to = '' }) => ({
    field: field.replace(/^spec\./, ''),
    from,
    to,
  }))
  const lines = problems.map(({ reason }, n) => {
    const { field, from, to } = fields[n]!
    return `${field}, from ${from || 'absent'} to ${to || 'absent'}: ${reason}`
  })
  return { reason: 'FieldImmutable', message: lines.join('\n'), fields }
}
