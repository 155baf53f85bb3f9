/**
 * Where desired state comes from and where status goes. Two of them: a directory of manifests, and Kubernetes.
 * Both hand out keys; what stands behind a key is read afresh by whoever works on it.
 */
import type { GuestGrant } from '../api/guest-grant.ts'
import type { GuestInterface } from '../api/guest-interface.ts'
import type { Host } from '../api/host.ts'
import type { Network } from '../api/network.ts'
import type { PortGroup } from '../api/port-group.ts'

export interface Resources {
  GuestInterface: GuestInterface
  Network: Network
  PortGroup: PortGroup
  Host: Host
  GuestGrant: GuestGrant
}
export type StoredKind = keyof Resources

/** A resource's name: all that a woken reconciler is told. `namespace` for GuestInterfaces only. */
export interface Key {
  kind: StoredKind
  namespace?: string
  name: string
}

/** One for each key: GuestInterface/default/vm1-data, Network/lan. Log lines have it. */
export function keyName({ kind, namespace, name }: Key): string {
  return [kind, namespace, name].filter(Boolean).join('/')
}

/** Why the manifest of an object was not accepted; the object stands as it was last accepted. */
export interface Rejection {
  reason: 'InvalidManifest' | 'FieldImmutable'
  /** For people, all reasons at once: file, line, field, why. */
  message: string
  /** Of immutable fields: what was asked for. */
  fields: { field: string; from: string; to: string }[]
}

/** What a store has to tell beside objects: a pino logger will do. */
export interface StoreLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface Store {
  /** Reads everything once, then reports each key that changes to `wake` until the signal aborts. Nothing may be allocated before it resolves. */
  start(wake: (key: Key) => void, signal: AbortSignal): Promise<void>
  /**
   * The object with its status as last written. An object whose manifest is gone stays, with
   * metadata.deletionTimestamp, until `release` is called: what it holds on the host must be let go first.
   */
  get<K extends StoredKind>(kind: K, name: string, namespace?: string): Resources[K] | undefined
  list<K extends StoredKind>(kind: K): Resources[K][]
  /** Why the newest manifest of this object isn't what `get` returns; undefined when it is. */
  rejection(key: Key): Rejection | undefined
  /**
   * Replaces the status; no write at all when it equals the one that is there. `durable`: on return it survives a
   * power cut (asked for before a port is used). `gathered`: resourceVersion of the object that it was decided upon, where
   * it has one; a port that is set for an object that somebody has changed since rejects with StaleObject.
   * Rejects when it could not be written: then nothing may be touched.
   */
  writeStatus<K extends StoredKind>(
    key: Key & { kind: K },
    status: NonNullable<Resources[K]['status']>,
    durable?: boolean,
    gathered?: string,
  ): Promise<void>
  /**
   * A status without a port failed to be written, and may have been taken all the same: no port that is known counts until one
   * is written.
   */
  isBehind(key: Key): boolean
  /** Nothing of an object that is going is left on the host: it is forgotten, or its port is said to be free. */
  release(key: Key): Promise<void>
  /** What a person should look at that no object's status can tell. */
  problems(): { message: string }[]
}

/** Somebody else has changed an object since it was read: it is to be read again before anything is decided. */
export class StaleObject extends Error {
  override readonly name = 'StaleObject'

  constructor(what: string, options?: ErrorOptions) {
    super(`${what} was changed by somebody else meanwhile`, options)
  }
}
