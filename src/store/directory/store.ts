/**
 * The store of a host without a cluster: desired state from a directory of manifests, last accepted specs and status in
 * a state directory.
 *
 * An accepted spec reaches the state directory together with the first status that speaks of it, so that a change costs one
 * write of one file; what nobody writes a status for is written a little later.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import {
  type Key,
  keyName,
  type Rejection,
  type Resources,
  type Store,
  type StoredKind,
  type StoreLog,
} from '../store.ts'
import { accept } from './accept.ts'
import type { Claim } from './claims.ts'
import { checkDirectories } from './directories.ts'
import { howToEmpty, Manifests } from './manifests.ts'
import { keyOf, type Problem, StateDirectory, type StoredObject } from './state.ts'
import { type Suspects, Watch } from './watch.ts'

/** A removal is believed once the object is missing and no file has come or gone for this long. */
const graceMs = 300
/** ... or at the latest after this long, where files come and go all the time. */
const longestGraceMs = 2000
/** After this long a spec for which nobody has written a status is written without. */
const unwrittenMs = 5000
/** How often a directory is read that changes while it is read for the first time. */
const firstLookMs = 50

/** What of these is on the host has to be let go before they are forgotten. */
const leavesSomethingOnHost: ReadonlySet<StoredKind> = new Set(['GuestInterface', 'Network'])

interface Entry {
  key: Key
  /** As last accepted; frozen. Absent while no manifest of it was ever accepted. */
  object?: StoredObject
  /** The documents that claim it, as they were last judged. */
  claims: Claim[]
  rejection?: Rejection
  /** Not found in any manifest since, in ms of performance.now(). */
  missingSince?: number
  /** `object` is not what the state directory has. */
  unwritten: boolean
  /** What the state directory has survives a power cut. */
  durable: boolean
  /** The write that is on its way. */
  writing?: Promise<void>
}

export interface DirectoryStoreOptions {
  /** Directory of manifests; must be there. */
  manifests: string
  /** State directory; made when it isn't there. Of this store alone. */
  state: string
  log: Pick<StoreLog, 'warn' | 'error'>
}

export class DirectoryStore implements Store {
  readonly #manifests: Manifests
  readonly #state: StateDirectory
  readonly #log: DirectoryStoreOptions['log']
  readonly #entries = new Map<string, Entry>()
  readonly #told = new Set<string>()
  #stateProblems: Problem[] = []
  #wake: (key: Key) => void = () => {}
  #flushTimer: NodeJS.Timeout | undefined

  /** Throws when one of the directories cannot serve. */
  constructor({ manifests, state, log }: DirectoryStoreOptions) {
    const directories = checkDirectories(manifests, state)
    this.#manifests = new Manifests(directories.manifests)
    this.#state = new StateDirectory(directories.state)
    this.#log = log
  }

  async start(wake: (key: Key) => void, signal: AbortSignal): Promise<void> {
    const { objects, problems } = this.#state.load(new Date())
    this.#stateProblems = problems
    for (const object of objects) {
      const key = keyOf(object)
      this.#entries.set(keyName(key), {
        key,
        object: freeze(object),
        claims: [],
        unwritten: false,
        durable: false,
      })
    }

    const watch = new Watch(
      this.#manifests.path,
      {
        look: (suspects) => this.#look(suspects, watch),
        isKnownFile: (path) => this.#manifests.isKnownFile(path),
      },
      (path, error) =>
        this.#log.warn({ path, error: error.message }, 'cannot watch directory, looking every 10 s'),
    )
    try {
      await this.#readFirst(watch, signal)
    } catch (error) {
      watch.close()
      throw error
    }
    if (signal.aborted) return watch.close()
    this.#wake = wake
    watch.start()
    signal.addEventListener('abort', () => {
      watch.close()
      clearTimeout(this.#flushTimer)
      void this.#writeUnwritten()
    })
  }

  get<K extends StoredKind>(kind: K, name: string, namespace?: string): Resources[K] | undefined {
    const entry = this.#entries.get(keyName({ kind, name, namespace }))
    return entry?.object as Resources[K] | undefined
  }

  list<K extends StoredKind>(kind: K): Resources[K][] {
    const found: Resources[K][] = []
    for (const { object } of this.#entries.values()) {
      if (object?.kind === kind) found.push(object as Resources[K])
    }
    return found
  }

  rejection(key: Key): Rejection | undefined {
    return this.#entries.get(keyName(key))?.rejection
  }

  /** What a person should look at that no object's status can tell. */
  problems(): Problem[] {
    const refused = [...this.#entries.values()]
      .filter(({ object, rejection }) => object === undefined && rejection !== undefined)
      .map(({ claims, rejection }) => ({ file: claims[0]?.place ?? '', message: rejection!.message }))
    return [...this.#stateProblems, ...this.#manifests.problems(), ...refused]
  }

  async writeStatus<K extends StoredKind>(
    key: Key & { kind: K },
    status: NonNullable<Resources[K]['status']>,
    durable = false,
  ): Promise<void> {
    const entry = this.#entries.get(keyName(key)) ?? (key.kind === 'Host' ? this.#addHost(key) : undefined)
    const wanted = JSON.parse(JSON.stringify(status))
    if (entry !== undefined && (await this.#inTurn(entry, () => this.#replaceStatus(entry, wanted, durable))))
      return
    throw new Error(`${keyName(key)} is not there any more: its status was not written`)
  }

  /** Says whether the object is there. */
  async #replaceStatus(entry: Entry, wanted: object, durable: boolean): Promise<boolean> {
    const before = entry.object
    if (before === undefined) return false
    const same = isDeepStrictEqual(before.status, wanted)
    if (same && !entry.unwritten) {
      if (durable && !entry.durable) await this.#state.makeDurable(entry.key)
      entry.durable ||= durable
      return true
    }
    const object = same ? before : (freeze({ ...before, status: wanted }) as StoredObject)
    await this.#write(entry, before, object, durable)
    return true
  }

  /** What is on disk is what is known. */
  isBehind(): boolean {
    return false
  }

  async release(key: Key): Promise<void> {
    const entry = this.#entries.get(keyName(key))
    if (entry?.object === undefined) return
    await this.#inTurn(entry, async () => {
      await this.#state.remove(key)
      // Still in its turn: a write that waits for the next one would bring the file back.
      entry.object = undefined
      entry.unwritten = false
    })
    // Its manifest may be back already: then it begins a new life.
    if (this.#judge(entry, entry.claims)) this.#tell([entry])
    if (entry.claims.length === 0) this.#entries.delete(keyName(key))
  }

  /** One write of an object at a time, in the order in which they are asked for. */
  async #inTurn<T>(entry: Entry, write: () => Promise<T>): Promise<T> {
    while (entry.writing !== undefined) await entry.writing
    const done = write()
    entry.writing = done.then(
      () => {},
      () => {},
    )
    try {
      return await done
    } finally {
      entry.writing = undefined
    }
  }

  #addHost(key: Key): Entry {
    const metadata = { name: key.name, uid: randomUUID(), generation: 1, creationTimestamp: now() }
    const object: StoredObject = { apiVersion: 'patchbay.dev/v1alpha1', kind: 'Host', metadata, spec: {} }
    const entry: Entry = { key: keyOf(object), object, claims: [], unwritten: true, durable: false }
    this.#entries.set(keyName(key), entry)
    return entry
  }

  /** Writes `object`, made from `before`; what was accepted meanwhile stays and is still to be written. */
  async #write(entry: Entry, before: StoredObject, object: StoredObject, durable: boolean): Promise<void> {
    await this.#state.write(object, durable)
    const untouched = entry.object === before
    entry.object = untouched
      ? object
      : entry.object && freeze({ ...entry.object, status: object.status } as StoredObject)
    entry.unwritten = !untouched
    entry.durable = durable
  }

  /** Until nothing is half written and nothing that seems gone can still be a file on its way to another name. */
  async #readFirst(watch: Watch, signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + longestGraceMs
    for (;;) {
      watch.readingEverything()
      await this.#manifests.read('everything', watch)
      const { unreadable, deferred, path } = this.#manifests
      if (unreadable !== undefined) throw new Error(`${path}: ${unreadable}`)
      const kept = [...this.#entries.values()].filter(({ key }) => key.kind !== 'Host').length
      if (this.#manifests.isEmpty && kept > 0) {
        throw new Error(`${path}: is empty, and ${kept} objects were kept from it. ${howToEmpty}`)
      }
      this.#settle(watch)
      const waiting = deferred || watch.isWaiting()
      if (!waiting || signal.aborted || performance.now() > deadline) return
      await sleep(firstLookMs, undefined, { signal }).catch(() => {})
    }
  }

  async #look(suspects: Suspects, watch: Watch): Promise<void> {
    try {
      await this.#manifests.read(suspects, watch)
      this.#settle(watch)
    } catch (error) {
      this.#log.error({ err: error }, 'cannot read manifests, will look again')
    }
  }

  /** Brings the objects in line with what the manifests say, and wakes what changed. */
  #settle(watch: Watch): void {
    this.#tellProblems()
    if (this.#manifests.unreadable !== undefined) return
    const claims = Map.groupBy(this.#manifests.claims(), ({ id }) => id)
    const changed: Entry[] = []
    for (const [id, claimed] of claims) {
      let entry = this.#entries.get(id)
      if (entry === undefined) {
        entry = { key: claimed[0]!.key, claims: [], unwritten: false, durable: false }
        this.#entries.set(id, entry)
      }
      entry.missingSince = undefined
      if (!sameClaims(entry.claims, claimed) && this.#judge(entry, claimed)) changed.push(entry)
    }
    for (const [id, entry] of this.#entries) {
      if (!claims.has(id) && entry.key.kind !== 'Host' && this.#miss(entry, watch)) changed.push(entry)
    }
    this.#tell(changed)
  }

  #tell(changed: Entry[]): void {
    if (changed.some(({ unwritten }) => unwritten)) this.#flushLater()
    for (const { key, rejection } of changed) {
      if (rejection !== undefined)
        this.#log.warn({ key: keyName(key), ...rejection }, 'manifest not accepted')
      this.#wake(key)
    }
  }

  /** Takes what the manifests say of an object, if it can be taken. Says whether that makes a difference. */
  #judge(entry: Entry, claims: Claim[]): boolean {
    entry.claims = claims
    const [claim] = claims
    if (claim === undefined) return false
    const { object: before, rejection: refusedBefore } = entry
    if (claims.length > 1) {
      const places = claims.map(({ place }) => place).join(' and ')
      entry.rejection = invalid(`stands in ${places}: remove all but one`)
    } else if (claim.object === undefined) {
      entry.rejection = invalid(claim.problems.join('\n'))
    } else {
      const answer = accept(before, claim.object, { uid: randomUUID(), now: now() })
      entry.rejection = 'rejection' in answer ? answer.rejection : undefined
      if ('object' in answer && answer.object !== before) {
        entry.object = freeze(answer.object)
        entry.unwritten = true
      }
    }
    return entry.object !== before || !isDeepStrictEqual(entry.rejection, refusedBefore)
  }

  /** An object without manifest. Says whether that makes a difference already. */
  #miss(entry: Entry, watch: Watch): boolean {
    if (entry.object?.metadata.deletionTimestamp !== undefined && entry.claims.length === 0) return false
    const time = performance.now()
    entry.missingSince ??= time
    const unread = this.#manifests.couldHold(keyName(entry.key))
    if (unread.length > 0) {
      const before = entry.rejection
      entry.rejection = invalid(unread.map(problemText).join('\n'))
      return !isDeepStrictEqual(before, entry.rejection)
    }
    const quiet = time - Math.max(entry.missingSince, this.#manifests.membersChangedAt) >= graceMs
    if (!quiet && time - entry.missingSince < longestGraceMs) {
      watch.lookIn(graceMs)
      return false
    }
    entry.claims = []
    entry.rejection = undefined
    entry.missingSince = undefined
    const id = keyName(entry.key)
    if (entry.object === undefined) {
      this.#entries.delete(id)
    } else if (leavesSomethingOnHost.has(entry.key.kind)) {
      const metadata = {
        ...entry.object.metadata,
        deletionTimestamp: entry.object.metadata.deletionTimestamp ?? now(),
      }
      entry.object = freeze({ ...entry.object, metadata } as StoredObject)
      entry.unwritten = true
    } else {
      this.#entries.delete(id)
      void this.#removeState(entry)
    }
    return true
  }

  /** Of an object that has just gone, unless it is back already. What stays behind is found at the next start. */
  async #removeState(entry: Entry): Promise<void> {
    const id = keyName(entry.key)
    try {
      await this.#inTurn(entry, async () => {
        if (!this.#entries.has(id)) await this.#state.remove(entry.key)
      })
    } catch (error) {
      this.#log.error({ key: id, err: error }, 'cannot remove state')
    }
  }

  /** Each problem is told once, until it has gone and come back. */
  #tellProblems(): void {
    const problems = [...this.#stateProblems, ...this.#manifests.problems()]
    const lines = new Set(problems.map((problem) => JSON.stringify(problem)))
    for (const line of this.#told) if (!lines.has(line)) this.#told.delete(line)
    for (const problem of problems) {
      const line = JSON.stringify(problem)
      if (!this.#told.has(line)) this.#log.error(problem, 'cannot use file, what was accepted from it stands')
      this.#told.add(line)
    }
  }

  #flushLater(): void {
    this.#flushTimer ??= setTimeout(() => {
      this.#flushTimer = undefined
      void this.#writeUnwritten()
    }, unwrittenMs)
  }

  async #writeUnwritten(): Promise<void> {
    for (const entry of this.#entries.values()) {
      if (!entry.unwritten) continue
      try {
        await this.#inTurn(entry, async () => {
          if (entry.unwritten && entry.object) await this.#write(entry, entry.object, entry.object, false)
        })
      } catch (error) {
        this.#log.error({ key: keyName(entry.key), err: error }, 'cannot write state')
      }
    }
  }
}

function sameClaims(a: Claim[], b: Claim[]): boolean {
  return a.length === b.length && a.every((claim, i) => claim === b[i])
}

function problemText({ file, line, message }: Problem): string {
  return `${file}${line === undefined ? '' : `:${line}`}: ${message}`
}

function invalid(message: string): Rejection {
  return { reason: 'InvalidManifest', message, fields: [] }
}

function now(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`
}

/** What the store hands out is one object for everybody: a change to it would be a change that nobody ever writes. */
function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const part of Object.values(value)) freeze(part)
  }
  return value
}
