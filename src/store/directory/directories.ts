/** Whether two directories can serve as manifests and state. */
import fs from 'node:fs'
import { basename, dirname, join, resolve, sep } from 'node:path'

/**
 * Returns both with symlinks followed in the state directory alone: the manifests may be behind one that is swapped.
 * Makes the state directory when it isn't there. Throws when one cannot be read, or lies inside the other: manifests
 * would be state, or state manifests.
 */
export function checkDirectories(manifests: string, state: string): { manifests: string; state: string } {
  const realManifests = readable(resolve(manifests), 'manifests')
  const realState = real(resolve(state))
  if (realManifests === realState) throw new Error(`${manifests} cannot hold both manifests and state`)
  if (realState.startsWith(realManifests + sep)) {
    throw new Error(`the state directory ${state} is inside the directory of manifests ${manifests}`)
  }
  if (realManifests.startsWith(realState + sep)) {
    throw new Error(`the directory of manifests ${manifests} is inside the state directory ${state}`)
  }
  try {
    fs.mkdirSync(realState, { recursive: true })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' || code === 'ENOTDIR') throw notADirectory(state, 'state')
    throw new Error(`cannot make the state directory ${state}: ${message}`, { cause: error })
  }
  return { manifests: resolve(manifests), state: readable(realState, 'state') }
}

/** The directory with symlinks followed. Throws when it is none or cannot be listed. */
export function readable(path: string, what: string): string {
  try {
    if (!fs.statSync(path).isDirectory()) throw notADirectory(path, what)
    fs.readdirSync(path)
    return fs.realpathSync(path)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    if (code === 'ENOENT') throw new Error(`there is no directory ${path} (${what})`, { cause: error })
    if (code === 'ENOTDIR') throw notADirectory(path, what)
    throw new Error(`cannot read the directory ${path} (${what}): ${message}`, { cause: error })
  }
}

function notADirectory(path: string, what: string): Error {
  return new Error(`${path} (${what}) is not a directory`)
}

/** Symlinks followed as far as the path exists. */
function real(path: string): string {
  try {
    return fs.realpathSync(path)
  } catch {
    const above = dirname(path)
    return above === path ? path : join(real(above), basename(path))
  }
}
