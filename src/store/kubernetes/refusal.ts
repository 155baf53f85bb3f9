/** What the API server lets in and we don't: rules of a kind that CEL cannot say. */
import { type AnyResource, kinds } from '../../api/kinds.ts'
import type { Rejection } from '../store.ts'

export function refusalOf({ kind, spec }: AnyResource): Rejection | undefined {
  const problems = kinds[kind].check?.(spec as never) ?? []
  if (problems.length === 0) return undefined
  const message = problems.map(({ field, reason }) => `${field}: ${reason}`).join('\n')
  return { reason: 'InvalidManifest', message, fields: [] }
}
