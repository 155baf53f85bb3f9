/**
 * The objects of one kind as the controller last knew them, each as the newest that anybody told of it: the watch, or the
 * answer to a write of ours. What reconcilers look up is indexed, so that nobody goes over ten thousand objects.
 */
import { isDeepStrictEqual } from 'node:util'
import type { ClusterKey, ClusterObject, Kept } from './cluster-kinds.ts'
import { isLater } from './object-version.ts'
import type { Picture } from './reflector.ts'

/** What happened to an object, whoever did it. `before` absent: it is new; `after` absent: it is gone. */
export interface Change<O extends ClusterObject = ClusterObject> {
  key: ClusterKey
  before?: O
  after?: O
}

/** By the name of the index: under which values an object is found. */
export type Indexes<O> = Record<string, (object: O) => readonly (string | undefined)[]>

export class ClusterObjects<O extends ClusterObject> implements Picture<Kept<O>> {
  readonly #changed: (change: Change<O>) => void
  readonly #indexes: Indexes<O>
  readonly #kept = new Map<string, Kept<O>>()
  /** By index, then value: ids. */
  readonly #found = new Map<string, Map<string, Set<string>>>()

  constructor(indexes: Indexes<O>, changed: (change: Change<O>) => void) {
    this.#indexes = indexes
    this.#changed = changed
    for (const index of Object.keys(indexes)) this.#found.set(index, new Map())
  }

  get({ namespace, name }: ClusterKey): Kept<O> | undefined {
    return this.#kept.get(idOf(namespace, name))
  }

  all(): O[] {
    return Array.from(this.#kept.values(), ({ object }) => object)
  }

  /** The objects that this index has under a value. */
  having(index: string, value: string): O[] {
    const ids = this.#found.get(index)?.get(value) ?? []
    return Array.from(ids, (id) => this.#kept.get(id)!.object)
  }

  replace(all: Kept<O>[]): void {
    const listed = new Set(all.map(({ object }) => idOf(object.metadata.namespace, object.metadata.name)))
    for (const each of all) this.put(each)
    for (const [id, { object }] of this.#kept) if (!listed.has(id)) this.#forget(id, object)
  }

  put(received: Kept<O>): void {
    const { metadata } = received.object
    const id = idOf(metadata.namespace, metadata.name)
    const known = this.#kept.get(id)
    if (known && !isLater(metadata.resourceVersion, known.object.metadata.resourceVersion)) return
    this.#kept.set(id, received)
    this.#reindex(id, known?.object, received.object)
    if (known && isDeepStrictEqual(essence(known), essence(received))) return
    this.#changed({
      key: clusterKeyOf(received.object),
      ...(known && { before: known.object }),
      after: received.object,
    })
  }

  remove({ object: { metadata } }: Kept<O>): void {
    const id = idOf(metadata.namespace, metadata.name)
    const known = this.#kept.get(id)?.object
    if (known && known.metadata.uid === metadata.uid) this.#forget(id, known)
  }

  /** What the server answered to a write of ours. It never brings back what is gone. */
  written(received: Kept<O>): void {
    const { metadata } = received.object
    const known = this.#kept.get(idOf(metadata.namespace, metadata.name))
    if (known?.object.metadata.uid === metadata.uid) this.put(received)
  }

  #forget(id: string, known: O): void {
    this.#kept.delete(id)
    this.#reindex(id, known, undefined)
    this.#changed({ key: clusterKeyOf(known), before: known })
  }

  #reindex(id: string, before: O | undefined, after: O | undefined): void {
    for (const [index, valuesOf] of Object.entries(this.#indexes)) {
      const found = this.#found.get(index)!
      const [old, now] = [before, after].map((object) => new Set(object ? valuesOf(object) : []))
      for (const value of old!) {
        if (value === undefined || now!.has(value)) continue
        const ids = found.get(value)
        ids?.delete(id)
        if (ids?.size === 0) found.delete(value)
      }
      for (const value of now!) {
        if (value === undefined || old!.has(value)) continue
        const ids = found.get(value)
        if (ids) ids.add(id)
        else found.set(value, new Set([id]))
      }
    }
  }
}

/** All but the version, which changes with what isn't kept too. */
function essence({ object, owned }: Kept): object {
  return { ...object, owned, metadata: { ...object.metadata, resourceVersion: undefined } }
}

export function clusterKeyOf({ kind, metadata: { namespace, name } }: ClusterObject): ClusterKey {
  return { kind, ...(namespace !== undefined && { namespace }), name }
}

function idOf(namespace: string | undefined, name: string): string {
  return `${namespace ?? ''}/${name}`
}
