/**
 * The directory of manifests as it was last read: every *.yaml, *.yml and *.json file below it. What begins with a dot
 * is left alone, so a ConfigMap's files are read through their visible names only; a file with several names is read once.
 *
 * What must stay true: that something isn't found is never taken for a deletion where it could as well be unread. So a
 * file that is broken, or cannot be read, says what it may still hold (`mayHold`), and a directory as a whole that has
 * vanished says so (`unreadable`).
 */
import fs from 'node:fs'
import { join, relative } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { type Claim, claimsOf } from './claims.ts'
import type { Problem } from './state.ts'
import type { Suspects, Watch } from './watch.ts'

/** A file that seems to end in the middle is believed once it is this old. */
const cutMs = 20
/** Above this a file is not a manifest of ours: 100,000 interfaces of 160 bytes. */
const largestFile = 16 * 1024 * 1024
/** How long reading may keep everything else waiting. */
const sliceMs = 10
/** The kernel's clock for files moves in steps of up to 10 ms: a file this young can change without its times telling. */
const clockStepMs = 50

interface ManifestFile {
  /** Device, inode, size and change time: equal means unchanged, if `trusted`. */
  id: string
  trusted: boolean
  claims: Claim[]
  problems: Problem[]
  /** Keys of the objects it may hold without our being able to tell; `anything` if it was never read without problems. */
  mayHold: ReadonlySet<string> | 'anything'
}

const nothing: ReadonlySet<string> = new Set()

/** An empty directory is what a volume that isn't mounted looks like; a file that says nothing says that nothing is wanted. */
export const howToEmpty =
  'Put the manifests back, or an empty file such as none.yaml to have all of it removed'

export class Manifests {
  readonly path: string
  readonly #files = new Map<string, ManifestFile>()
  #directoryProblems: Problem[] = []
  #rootId: string | undefined
  /** Why the directory as a whole could not be read: everything stands. */
  unreadable: string | undefined
  /** The last reading left out a file that was being written; it will be looked at again. */
  deferred = false
  /** When a file last appeared or went, in ms of performance.now(). */
  membersChangedAt = Number.NEGATIVE_INFINITY

  constructor(path: string) {
    this.path = path
  }

  /** No manifest file is there, not even one that says nothing. */
  get isEmpty(): boolean {
    return this.#files.size === 0 && !this.deferred
  }

  /** Whether a look at this file alone tells all that an event there can mean. */
  isKnownFile(path: string): boolean {
    return this.unreadable === undefined && this.#files.has(path)
  }

  claims(): Claim[] {
    return [...this.#files.values()].flatMap((file) => file.claims)
  }

  problems(): Problem[] {
    const whole = this.unreadable === undefined ? [] : [{ file: this.path, message: this.unreadable }]
    const files = [...this.#files.values()].flatMap((file) => file.problems)
    return [...whole, ...this.#named([...this.#directoryProblems, ...files])]
  }

  /** Why an object that was not found may be there all the same; empty: it is really gone. */
  couldHold(key: string): Problem[] {
    const files = [...this.#files.values()].filter(
      ({ mayHold }) => mayHold === 'anything' || mayHold.has(key),
    )
    return this.#named([...this.#directoryProblems, ...files.flatMap(({ problems }) => problems)])
  }

  /** Files by the names that the places of objects give them: as seen from the directory. */
  #named(problems: Problem[]): Problem[] {
    return problems.map((problem) => ({ ...problem, file: relative(this.path, problem.file) }))
  }

  /** Reads what has changed. Says whether anything did. */
  async read(suspects: Suspects, watch: Watch): Promise<boolean> {
    this.deferred = false
    if (suspects === 'everything') return this.#readAll(watch)
    let changed = false
    for (const path of suspects) changed = this.#readFile(path, watch) || changed
    return changed
  }

  async #readAll(watch: Watch): Promise<boolean> {
    const before = this.problems().length
    const listing = listFiles(this.path, watch)
    if ('unreadable' in listing) {
      const changed = this.unreadable !== listing.unreadable
      this.unreadable = listing.unreadable
      return changed
    }
    const another = this.unreadable !== undefined || (this.#rootId ?? listing.rootId) !== listing.rootId
    if (another && listing.files.length === 0) {
      const unreadable = `is another directory than before, and an empty one; what it held stands. ${howToEmpty}`
      const changed = this.unreadable !== unreadable
      this.unreadable = unreadable
      return changed
    }
    this.unreadable = undefined
    this.#rootId = listing.rootId
    this.#directoryProblems = listing.problems
    watch.keepOnly(listing.directories)

    let changed = this.problems().length !== before
    const present = new Set(listing.files)
    for (const path of this.#files.keys()) {
      if (!present.has(path) && !listing.problems.some(({ file }) => path.startsWith(`${file}/`))) {
        changed = this.#forget(path) || changed
      }
    }
    const inodes = new Set<string>()
    let sliceEnd = performance.now() + sliceMs
    for (const path of listing.files) {
      if (watch.isUnsettled(path)) {
        this.deferred = true
        continue
      }
      changed = this.#readFile(path, watch, inodes) || changed
      if (performance.now() < sliceEnd) continue
      await setImmediate()
      sliceEnd = performance.now() + sliceMs
    }
    return changed
  }

  /** `inodes`: those read already under another name. Says whether anything is different now. */
  #readFile(path: string, watch: Watch, inodes?: Set<string>): boolean {
    const old = this.#files.get(path)
    let descriptor: number | undefined
    try {
      const found = fs.statSync(path, { bigint: true })
      if (!found.isFile()) return this.#forget(path)
      const inode = `${found.dev}:${found.ino}`
      if (inodes?.has(inode)) return this.#forget(path)
      inodes?.add(inode)
      if (old?.trusted && old.id === idOf(found)) return false

      // Not blocking: what was a file a moment ago can be a FIFO now.
      descriptor = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK)
      const before = fs.fstatSync(descriptor, { bigint: true })
      const id = idOf(before)
      if (before.size > largestFile) throw new Error(`larger than ${largestFile / 1024 / 1024} MiB`)
      const text = fs.readFileSync(descriptor, 'utf8')
      const age = Date.now() - Number(before.ctimeMs)
      const changing = idOf(fs.fstatSync(descriptor, { bigint: true })) !== id
      if (changing || (seemsCut(path, text) && age >= 0 && age < cutMs)) {
        this.deferred = true
        watch.lookAtIn(path, cutMs)
        return false
      }
      const { claims, problems, mayHoldMore } = claimsOf(text, relative(this.path, path))
      this.#set(path, {
        id,
        trusted: age > clockStepMs,
        claims,
        problems: problems.map((problem) => ({ ...problem, file: path })),
        mayHold: mayHoldMore ? mayStillHold(old) : nothing,
      })
      return true
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' || code === 'ENXIO') return this.#forget(path)
      if (old?.id === message) return false
      const problems = [{ file: path, message }]
      this.#set(path, { id: message, trusted: false, claims: [], problems, mayHold: mayStillHold(old) })
      return true
    } finally {
      if (descriptor !== undefined) fs.closeSync(descriptor)
    }
  }

  #set(path: string, file: ManifestFile): void {
    if (!this.#files.has(path)) this.membersChangedAt = performance.now()
    this.#files.set(path, file)
  }

  #forget(path: string): boolean {
    if (!this.#files.delete(path)) return false
    this.membersChangedAt = performance.now()
    return true
  }
}

function mayStillHold(old: ManifestFile | undefined): ReadonlySet<string> | 'anything' {
  if (old === undefined || old.mayHold === 'anything') return 'anything'
  return new Set([...old.mayHold, ...old.claims.map(({ id }) => id)])
}

/** Change time, unlike modification time, cannot be set back. */
function idOf(stats: fs.BigIntStats): string {
  return `${stats.dev}:${stats.ino}:${stats.size}:${stats.ctimeNs}`
}

/**
 * A manifest is written in one go or in blocks; what stops in the middle of a line, or at the end of a block, may
 * have more to come. JSON needs no such guess: it cannot be cut off and still be read.
 */
function seemsCut(path: string, text: string): boolean {
  if (path.endsWith('.json') || text === '') return false
  const last = text.at(-1)
  return (last !== '\n' && last !== '}' && last !== ']') || Buffer.byteLength(text) % 4096 === 0
}

type Listing =
  | { unreadable: string }
  | { rootId: string; files: string[]; directories: Set<string>; problems: Problem[] }

/** Manifest files in the order of their names, and what cannot be listed. Symlinks are followed, circles are not. */
function listFiles(root: string, watch: Watch): Listing {
  const files: string[] = []
  const directories = new Set<string>()
  const problems: Problem[] = []
  let rootId = ''

  const list = (directory: string, above: readonly string[]): void => {
    const { dev, ino, birthtimeNs } = fs.statSync(directory, { bigint: true })
    const id = `${dev}:${ino}:${birthtimeNs}`
    if (above.includes(id)) return
    if (directory === root) rootId = id
    watch.watchDirectory(directory, id)
    const entries = fs.readdirSync(directory, { withFileTypes: true })
    directories.add(directory)
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (entry.name.startsWith('.')) continue
      const path = join(directory, entry.name)
      if (entry.isDirectory() || (entry.isSymbolicLink() && isDirectory(path))) {
        try {
          list(path, [...above, id])
        } catch (error) {
          const { code, message } = error as NodeJS.ErrnoException
          if (code !== 'ENOENT') problems.push({ file: path, message })
        }
      } else if (/\.(ya?ml|json)$/.test(entry.name)) {
        files.push(path)
      }
    }
  }

  try {
    list(root, [])
  } catch (error) {
    return { unreadable: (error as Error).message }
  }
  return { rootId, files, directories, problems }
}

/** Of a symlink that leads nowhere or in a circle: no. */
function isDirectory(path: string): boolean {
  try {
    return fs.statSync(path).isDirectory()
  } catch {
    return false
  }
}
