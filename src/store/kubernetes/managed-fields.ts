/** Who has which field of a status, as server-side apply records it. */
import { isDeepStrictEqual } from 'node:util'
import type { Condition } from '../../api/conditions.ts'

/** A field of a status, such as `hostName`, or one condition, as `conditions/Ready`. */
export type FieldPath = string

interface ManagedFields {
  manager?: string
  operation?: string
  subresource?: string
  fieldsV1?: { 'f:status'?: Record<string, object> }
}

/** Ten thousand objects have the same few lists. */
const lists = new Map<string, readonly FieldPath[]>()

/** Fields of the status that this manager applied, and that nobody else has too: those that go when it no longer names them. */
export function onlyOwned(managedFields: unknown, manager: string): readonly FieldPath[] {
  const entries = (managedFields ?? []) as ManagedFields[]
  const isOurs = (entry: ManagedFields) =>
    entry.manager === manager && entry.operation === 'Apply' && entry.subresource === 'status'
  const others = new Set(entries.filter((entry) => !isOurs(entry)).flatMap(paths))
  const owned = entries.filter(isOurs).flatMap(paths)
  const only = owned.filter((path) => !others.has(path)).sort()
  const name = only.join()
  const known = lists.get(name)
  if (known) return known
  lists.set(name, only)
  return only
}

function paths({ fieldsV1 }: ManagedFields): FieldPath[] {
  return Object.entries(fieldsV1?.['f:status'] ?? {}).flatMap(([field, below]) => {
    if (field === '.') return []
    return field === 'f:conditions' ? Object.keys(below).flatMap(conditionPath) : [field.slice(2)]
  })
}

/** `item`: as `k:{"type":"Ready"}`. */
function conditionPath(item: string): FieldPath[] {
  if (!item.startsWith('k:')) return []
  const { type } = JSON.parse(item.slice(2)) as { type: string }
  return [`conditions/${type}`]
}

/** Whether an apply of `wanted` would leave a status as it is: all of it is there, and nothing that only we have is left out. */
export function isApplied(wanted: object, status: object | undefined, owned: readonly FieldPath[]): boolean {
  const there = new Map(fieldsOf(status ?? {}))
  const named = fieldsOf(JSON.parse(JSON.stringify(wanted)))
  const names = new Set(named.map(([path]) => path))
  return (
    named.every(([path, value]) => isDeepStrictEqual(there.get(path), value)) &&
    owned.every((path) => names.has(path))
  )
}

function fieldsOf(status: object): [FieldPath, unknown][] {
  return Object.entries(status).flatMap(([field, value]): [FieldPath, unknown][] =>
    field === 'conditions'
      ? (value as Condition[]).map((condition) => [`conditions/${condition.type}`, condition])
      : [[field, value]],
  )
}
