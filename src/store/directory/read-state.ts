/** What a state directory holds, for those who only look: no lock, no change, an agent may be writing beside. */
import { resolve } from 'node:path'
import { readable } from './directories.ts'
import { type Problem, StateDirectory, type StoredObject } from './state.ts'

/** Sorted by kind, namespace and name. Throws when there is no such directory; single files that are unreadable are problems. */
export function readState(path: string): { objects: StoredObject[]; problems: Problem[] } {
  const { objects, problems } = new StateDirectory(readable(resolve(path), 'state')).read()
  return { objects, problems }
}
