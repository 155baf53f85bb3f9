/** What one manifest file says: which objects it claims to hold, and how well. */
import {
  formatProblem,
  type ManifestProblem,
  type ObjectName,
  readManifest,
} from '../../api/read-manifest.ts'
import { type Key, keyName } from '../store.ts'
import type { StoredObject } from './state.ts'

/** What a file says of one object. */
export interface Claim {
  key: Key
  /** keyName(key) */
  id: string
  /** FILE:LINE, for people. */
  place: string
  /** Absent where what it says is not valid; then `problems` says why. */
  object?: StoredObject
  /** For people: file, line, field and reason of each. */
  problems: string[]
}

export interface Claims {
  claims: Claim[]
  /** Those that cannot be said of an object of this store. */
  problems: { line: number; message: string }[]
  /** It may hold objects that it doesn't claim: it is broken where one of them could stand. */
  mayHoldMore: boolean
}

/** `file`: the name that messages give it. */
export function claimsOf(text: string, file: string): Claims {
  const { objects, problems } = readManifest(text, file)
  const claims = new Map<string, Claim>()
  const others: ManifestProblem[] = []

  const claimOf = (name: ObjectName, line: number): Claim | undefined => {
    const { kind, namespace } = name
    if (kind === 'Host') return undefined
    const key: Key = { kind, ...(namespace === undefined ? {} : { namespace }), name: name.name }
    const id = keyName(key)
    const claim = claims.get(id) ?? { key, id, place: `${file}:${line}`, problems: [] }
    claims.set(id, claim)
    return claim
  }

  for (const { object, line } of objects) {
    const claim = claimOf({ kind: object.kind, ...object.metadata }, line)
    if (claim !== undefined) claim.object = object as StoredObject
    else
      others.push({
        file,
        line,
        column: 1,
        field: object.kind,
        reason: 'is written by the agent: leave it out',
        kind: 'rule',
      })
  }
  for (const problem of problems) {
    const claim = problem.object && claimOf(problem.object, problem.line)
    if (claim === undefined) {
      others.push(problem)
    } else {
      claim.object = undefined
      claim.problems.push(formatProblem(problem))
    }
  }
  return {
    claims: [...claims.values()],
    problems: others.map(({ line, field, reason }) => ({
      line,
      message: field === '' ? reason : `${field}: ${reason}`,
    })),
    mayHoldMore: others.some((problem, n) => hidesAnObject(problem, others[n - 1], others[n + 1])),
  }
}

/**
 * Whether one of our objects can stand where this problem is. A document whose apiVersion and kind are both none of ours
 * (a kustomization, say) is somebody else's; with one of the two it is ours with a slip of the pen.
 */
function hidesAnObject(problem: ManifestProblem, before?: ManifestProblem, after?: ManifestProblem): boolean {
  if (problem.kind === 'syntax') return true
  if (problem.object !== undefined || problem.kind === 'rule') return false
  if (problem.field.endsWith('apiVersion')) return !after?.field.endsWith('kind')
  if (problem.field.endsWith('kind')) return !before?.field.endsWith('apiVersion')
  return true
}
