/** What is wrong with a manifest. */

/** From the object down: `['spec', 'vlan', 'tags', 0, 'id']`. */
export type Path = readonly (string | number)[]

export interface Problem {
  path: Path
  /** The path for people: spec.vlan.tags[0].id; empty for the object as a whole. */
  field: string
  /** Completes a sentence that begins with the field. */
  reason: string
  /** schema: shape, type, range; rule: what must hold between fields; immutable: against what was there before. */
  kind: 'schema' | 'rule' | 'immutable'
  /** Of an immutable field: what it was and what was asked for, as text; empty = absent. */
  from?: string
  to?: string
}

export function problem(path: Path, reason: string, kind: Problem['kind'] = 'schema'): Problem {
  return { path, field: fieldOf(path), reason, kind }
}

export function fieldOf(path: Path): string {
  return path
    .map((part, n) => {
      if (typeof part === 'number') return `[${part}]`
      if (!/^[A-Za-z_$][\w$-]*$/.test(part)) return `[${JSON.stringify(part)}]`
      return n === 0 ? part : `.${part}`
    })
    .join('')
}

/** A value as a reason quotes it: JSON, cut off where it is long. */
export function quoted(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`
}
