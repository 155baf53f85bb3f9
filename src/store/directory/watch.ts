/**
 * Notices changes below a directory and says when to look. An event is only ever a reason to look again; what is there
 * is read from the file system.
 *
 * One inotify watch a directory, none a file (docs/decisions). What no event tells - a lost event, the far end of a
 * symlink that leads out of the directory - the regular look finds.
 */
import fs from 'node:fs'
import { basename, dirname, join } from 'node:path'

/**
 * A file is looked at once nothing has happened to it for this long: whoever writes a file in several calls makes
 * them microseconds apart, and a manifest cut off at the end of a line may well read as a whole one.
 */
const settleMs = 2
const regularLookMs = 10_000

/** Which files may have changed; `everything` when it could be more than some known ones. */
export type Suspects = ReadonlySet<string> | 'everything'

export interface Looker {
  /** Never runs twice at once. Must not throw. */
  look(suspects: Suspects): Promise<void>
  /** Whether the path is a manifest that was read before, so that a look at it alone tells all. */
  isKnownFile(path: string): boolean
}

export class Watch {
  readonly #root: string
  readonly #looker: Looker
  readonly #onError: (path: string, error: Error) => void
  readonly #watchers = new Map<string, { id: string; watcher: fs.FSWatcher }>()
  readonly #failed = new Set<string>()
  /** Path -> when to look at it, in ms of performance.now(). */
  readonly #dueAt = new Map<string, number>()
  #everythingAt = Number.POSITIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  #looking = false
  #started = false
  #closed = false

  /** `onError`: a directory cannot be watched; told once a directory, the regular look stands in for it. */
  constructor(root: string, looker: Looker, onError: (path: string, error: Error) => void) {
    this.#root = root
    this.#looker = looker
    this.#onError = onError
  }

  /** Begins to look by itself. */
  start(): void {
    this.#started = true
    this.#watchParent()
    this.lookIn(regularLookMs)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    for (const { watcher } of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
  }

  /** Watches this directory; call before its entries are read. `id` tells a directory from a later one of the same path. */
  watchDirectory(path: string, id: string): void {
    this.#watch(path, id, (name) => {
      const file = name === null ? undefined : join(path, name)
      if (file !== undefined && this.#looker.isKnownFile(file)) this.lookAtIn(file, settleMs)
      else if (name === null || !isNobodysBusiness(name)) {
        if (file !== undefined) this.#dueAt.set(file, performance.now() + settleMs)
        this.lookIn(settleMs)
      }
    })
  }

  /** Stops watching directories that aren't there any more. */
  keepOnly(directories: ReadonlySet<string>): void {
    for (const path of this.#watchers.keys()) {
      if (!directories.has(path) && path !== dirname(this.#root)) this.#unwatch(path)
    }
  }

  /** Whether something happened to the path so recently that it may be half written. */
  isUnsettled(path: string): boolean {
    return (this.#dueAt.get(path) ?? 0) > performance.now()
  }

  /** Says that everything is about to be read: what is due by now needs no look of its own. */
  readingEverything(): void {
    this.#takeDue()
    this.#everythingAt = Number.POSITIVE_INFINITY
  }

  /** Whether there is something to look at sooner than by the regular look. */
  isWaiting(): boolean {
    return this.#dueAt.size > 0 || this.#everythingAt < Number.POSITIVE_INFINITY
  }

  /** Look at one file in so many ms, not earlier, even if it was to be sooner. */
  lookAtIn(path: string, ms: number): void {
    this.#dueAt.set(path, performance.now() + ms)
    this.#schedule()
  }

  /** Look at everything in so many ms, or sooner. */
  lookIn(ms: number): void {
    this.#everythingAt = Math.min(this.#everythingAt, performance.now() + ms)
    this.#schedule()
  }

  #watch(path: string, id: string, onEvent: (name: string | null) => void): void {
    if (this.#closed || this.#watchers.get(path)?.id === id) return
    this.#unwatch(path)
    try {
      const watcher = fs.watch(path, (event, name) => {
        // Its own name: it may be the directory itself that went, and a later one can have the same inode.
        if (event === 'rename' && name === basename(path)) this.#unwatch(path)
        onEvent(name)
      })
      watcher.on('error', (error) => this.#lost(path, error))
      this.#watchers.set(path, { id, watcher })
      this.#failed.delete(path)
    } catch (error) {
      this.#lost(path, error as Error)
    }
  }

  /** The directory may be a symlink that is swapped, or vanish and come back. */
  #watchParent(): void {
    this.#watch(dirname(this.#root), 'parent', (name) => {
      if (name === null || name === basename(this.#root)) this.lookIn(settleMs)
    })
  }

  #unwatch(path: string): void {
    this.#watchers.get(path)?.watcher.close()
    this.#watchers.delete(path)
  }

  #lost(path: string, error: Error): void {
    this.#unwatch(path)
    if (!this.#failed.has(path)) this.#onError(path, error)
    this.#failed.add(path)
  }

  #schedule(): void {
    if (!this.#started || this.#looking || this.#closed) return
    clearTimeout(this.#timer)
    const next = Math.min(this.#everythingAt, ...this.#dueAt.values())
    this.#timer = setTimeout(() => void this.#look(), Math.max(0, Math.ceil(next - performance.now())))
  }

  #takeDue(): Set<string> {
    const now = performance.now()
    const due = new Set([...this.#dueAt].filter(([, at]) => at <= now).map(([path]) => path))
    for (const path of due) this.#dueAt.delete(path)
    return due
  }

  async #look(): Promise<void> {
    const now = performance.now()
    const files = this.#takeDue()
    const all = this.#everythingAt <= now || [...files].some((file) => !this.#looker.isKnownFile(file))
    if (all) {
      this.#everythingAt = now + regularLookMs
      this.#watchParent()
    }
    this.#looking = true
    if (all || files.size > 0) await this.#looker.look(all ? 'everything' : files)
    this.#looking = false
    this.#schedule()
  }
}

/** Editors' swap and back-up files. What Kubernetes swaps under a ConfigMap begins with two dots and does concern us. */
function isNobodysBusiness(name: string): boolean {
  return (name.startsWith('.') && !name.startsWith('..')) || name.endsWith('~')
}
