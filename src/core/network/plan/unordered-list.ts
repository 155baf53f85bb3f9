/** Lists whose order means nothing, of entries that libvirt knows by one key. */
import { difference, type Step } from './step.ts'

interface UnorderedListRules<E> {
  key(entry: E): string
  /** Else a change is a delete and an add. */
  canModify: boolean
}

/** Deletes, modifies, adds. Undefined when entries of one key differ, which libvirt can't tell apart. */
export function planUnorderedList<E extends object>(
  from: readonly E[],
  to: readonly E[],
  { key, canModify }: UnorderedListRules<E>,
): Step<E>[] | undefined {
  const { gone, added } = difference(from, to)
  const changed = new Set([...gone, ...added].map(key))
  const repeats = (entries: readonly E[]) => {
    const keys = entries.map(key).filter((each) => changed.has(each))
    return new Set(keys).size < keys.length
  }
  if (repeats(from) || repeats(to)) return undefined
  const coming = new Map(added.map((entry) => [key(entry), entry]))
  const deletes: Step<E>[] = []
  const modifies: Step<E>[] = []
  for (const entry of gone) {
    const successor = canModify ? coming.get(key(entry)) : undefined
    if (successor === undefined) deletes.push({ command: 'delete', entry })
    else {
      modifies.push({ command: 'modify', entry: successor })
      coming.delete(key(entry))
    }
  }
  const adds = [...coming.values()].map((entry): Step<E> => ({ command: 'add-last', entry }))
  return [...deletes, ...modifies, ...adds]
}
