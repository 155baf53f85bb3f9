/**
 * The objects of one kind as they were last known, each as the newest that anybody told of it: the watch, or the answer to a
 * write of ours. A change that others made is told by its key; an echo of our own write is not.
 *
 * What must stay true: an object that holds something on this host does not vanish before it is released. It may be gone
 * from the server, or from the host's selection; then it stays as one that is going.
 */
import { isDeepStrictEqual } from 'node:util'
import type { AnyResource } from '../../api/kinds.ts'
import { isUnanswered } from '../../core/interface-status.ts'
import type { Key, Rejection } from '../store.ts'
import { isLater } from './object-version.ts'
import type { Picture, Received } from './reflector.ts'
import { refusalOf } from './refusal.ts'
import { agentsPart, controllersPart, isKeptByServer } from './status-fields.ts'

export interface KnownObject {
  object: AnyResource
  /** False: its spec was never one that we take, and nobody is to work on it. */
  accepted: boolean
  /** Why the newest spec is not the one in `object`. */
  rejection?: Rejection
  /** resourceVersion of the last change that somebody else made. */
  othersVersion: string
  /** The server has it no more, or no more for this host: what becomes of its status concerns nobody. */
  going: boolean
  /** Nothing of it is left on this host, while the server still has it: nobody is to work on it any more. */
  released: boolean
  /** One of the same name that came after it, and waits until it is released. */
  successor?: AnyResource
  /** Our part of the status that is on its way to the server. */
  writing?: object
  /** The word that nothing is plugged in failed to be written; the server may have taken it all the same, and told nobody. */
  unacknowledged: boolean
}

export interface KnownObjectsOptions {
  /** Somebody else changed it. */
  changed(key: Key): void
  /** It is no longer among those that are listed or watched; it stands until `vanish` or `put` says what became of it. */
  missing(key: Key, object: AnyResource): void
}

export class KnownObjects implements Picture<AnyResource> {
  readonly #options: KnownObjectsOptions
  readonly #known = new Map<string, KnownObject>()

  constructor(options: KnownObjectsOptions) {
    this.#options = options
  }

  get(key: Key): KnownObject | undefined {
    return this.#known.get(idOf(key))
  }

  all(): KnownObject[] {
    return [...this.#known.values()]
  }

  replace(objects: AnyResource[]): void {
    const listed = new Set(objects.map((object) => idOf(keyOf(object))))
    for (const object of objects) this.put(object)
    for (const [id, known] of this.#known) {
      if (listed.has(id)) continue
      known.successor = undefined
      if (!known.going) this.#options.missing(keyOf(known.object), known.object)
    }
  }

  put(object: AnyResource): void {
    const key = keyOf(object)
    const id = idOf(key)
    const known = this.#known.get(id)
    if (known === undefined) {
      this.#known.set(id, first(object))
      this.#options.changed(key)
    } else if (known.object.metadata.uid !== object.metadata.uid) {
      known.successor = object
      // Its end was not seen; the new one takes its name over only when what it held is let go.
      this.vanish(key, known.object)
    } else if (isNewer(object, known.object)) {
      this.#renew(known, object)
    }
  }

  remove(received: AnyResource): void {
    const key = keyOf(received)
    const known = this.#known.get(idOf(key))
    const { uid } = received.metadata
    if (known?.object.metadata.uid === uid) this.#options.missing(key, known!.object)
    // It went before its turn came.
    else if (known?.successor?.metadata.uid === uid) known!.successor = undefined
  }

  /** `object` is what it was, changed so that whoever holds something for it lets it go; it is forgotten if nobody does. */
  vanish(key: Key, object: AnyResource): void {
    const known = this.#known.get(idOf(key))
    if (known === undefined) return
    if (holdsNothing(known.object)) {
      this.release(key)
      return
    }
    const deletionTimestamp = object.metadata.deletionTimestamp ?? new Date().toISOString()
    known.object = { ...object, metadata: { ...object.metadata, deletionTimestamp } } as AnyResource
    known.going = true
    this.#options.changed(key)
  }

  /** Nothing of it is left on this host. */
  release(key: Key): void {
    const id = idOf(key)
    const successor = this.#known.get(id)?.successor
    if (successor) this.#known.set(id, first(successor))
    else this.#known.delete(id)
    this.#options.changed(key)
  }

  /** A status that only this host has of it. */
  setStatus(key: Key, status: object): void {
    const known = this.#known.get(idOf(key))
    if (known) known.object = { ...known.object, status } as AnyResource
  }

  /** What the server answered to a write of ours. */
  written(object: AnyResource): void {
    const known = this.#known.get(idOf(keyOf(object)))
    if (known && known.object.metadata.uid === object.metadata.uid && isNewer(object, known.object)) {
      this.#renew(known, object)
    }
  }

  #renew(known: KnownObject, object: AnyResource): void {
    const before = known.object
    const rejection = refusalOf(object)
    const spec = rejection && known.accepted ? before.spec : object.spec
    const status = isKeptByServer(object.kind) ? statusOf(object) : statusOf(before)
    known.object = { ...object, spec, status } as AnyResource
    known.going = false
    known.accepted ||= rejection === undefined
    known.rejection = rejection
    if (!isChangedByOthers(before, object, known.writing)) return
    known.othersVersion = object.metadata.resourceVersion ?? ''
    this.#options.changed(keyOf(object))
  }
}

function first(object: AnyResource): KnownObject {
  const own = isKeptByServer(object.kind) ? object : ({ ...object, status: undefined } as AnyResource)
  const rejection = refusalOf(object)
  return {
    object: own,
    accepted: rejection === undefined,
    ...(rejection && { rejection }),
    othersVersion: object.metadata.resourceVersion ?? '',
    going: false,
    released: false,
    unacknowledged: false,
  }
}

/** Whether more differs than what a write of ours changes. */
function isChangedByOthers(before: AnyResource, after: AnyResource, writing: object | undefined): boolean {
  const [old, now] = [statusOf(before), statusOf(after)]
  if (!isDeepStrictEqual(essence(before), essence(after))) return true
  if (!isKeptByServer(after.kind)) return false
  if (!isDeepStrictEqual(controllersPart(old), controllersPart(now))) return true
  const ours = agentsPart(now)
  return !isDeepStrictEqual(agentsPart(old), ours) && !isDeepStrictEqual(writing, ours)
}

function essence({ metadata: { resourceVersion: _, ...metadata }, spec }: AnyResource): object {
  return { metadata, spec }
}

/** By the port that status records or may have to record yet, or for a Network by whatever this host has said of it. */
function holdsNothing(object: AnyResource): boolean {
  if (object.kind === 'GuestInterface') {
    return object.status?.port === undefined && !isUnanswered(object.status)
  }
  return object.kind !== 'Network' || object.status?.conditions === undefined
}

function statusOf(object: AnyResource): object | undefined {
  return 'status' in object ? object.status : undefined
}

/** Without what only the server uses, and is large: half of an object's memory. */
export function withoutManagedFields(received: Received): AnyResource {
  const { managedFields: _, ...metadata } = received.metadata as Received['metadata'] & {
    managedFields?: unknown
  }
  return { ...received, metadata } as AnyResource
}

function isNewer(object: AnyResource, than: AnyResource): boolean {
  return isLater(object.metadata.resourceVersion, than.metadata.resourceVersion)
}

export function keyOf({ kind, metadata: { namespace, name } }: AnyResource): Key {
  return { kind, ...(namespace !== undefined && { namespace }), name }
}

function idOf({ namespace, name }: Key): string {
  return `${namespace ?? ''}/${name}`
}
