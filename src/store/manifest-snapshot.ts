/** Manifests as they were read once, with status in memory alone: for whoever asks what would become of them. */
import type { AnyResource } from '../api/kinds.ts'
import type { Key, Resources, Store, StoredKind } from './store.ts'

export class ManifestSnapshot implements Store {
  readonly #objects = new Map<string, AnyResource>()

  /** Each object once, without status. */
  constructor(objects: readonly AnyResource[]) {
    for (const object of objects) {
      const { kind, metadata } = object
      this.#objects.set(idOf({ kind, namespace: metadata.namespace, name: metadata.name }), object)
    }
  }

  /** Nothing is followed. */
  async start(): Promise<void> {}

  get<K extends StoredKind>(kind: K, name: string, namespace?: string): Resources[K] | undefined {
    return this.#objects.get(idOf({ kind, namespace, name })) as Resources[K] | undefined
  }

  list<K extends StoredKind>(kind: K): Resources[K][] {
    return [...this.#objects.values()].filter((object) => object.kind === kind) as Resources[K][]
  }

  /** Manifests that are not valid never come here. */
  rejection(): undefined {
    return undefined
  }

  /** Survives nothing: it lets the ledger see what those before have taken. */
  async writeStatus<K extends StoredKind>(
    key: Key & { kind: K },
    status: NonNullable<Resources[K]['status']>,
  ): Promise<void> {
    const id = idOf(key)
    const object = this.#objects.get(id)
    if (object) this.#objects.set(id, { ...object, status } as AnyResource)
  }

  /** Whoever read the manifests has told them. */
  problems(): [] {
    return []
  }

  isBehind(): boolean {
    return false
  }

  async release(key: Key): Promise<void> {
    this.#objects.delete(idOf(key))
  }
}

function idOf({ kind, namespace, name }: Key): string {
  return [kind, namespace ?? '', name].join('/')
}
