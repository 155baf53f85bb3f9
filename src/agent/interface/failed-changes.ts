/**
 * Remembers changes that failed and were undone. Changing and undoing stirs the very links whose events wake the interface: without
 * this it would be tried again at once and for ever, and each try is felt by a running guest.
 */
import { isDeepStrictEqual } from 'node:util'
import type { GuestInterface } from '../../api/guest-interface.ts'
import { nameOf } from '../../core/identity.ts'
import type { Store } from '../../store/store.ts'

/** Milliseconds until the same change is tried again. */
const HOLD_MS = 10_000

interface Failure {
  /** What the manifests said then. */
  desired: unknown
  /** By performance.now(). */
  until: number
}

export class FailedChanges {
  readonly #store: Store
  readonly #failures = new Map<string, Failure>()

  constructor(store: Store) {
    this.#store = store
  }

  /** Gives the milliseconds until it is to be tried again. */
  remember(resource: GuestInterface): number {
    const desired = this.#desired(resource)
    this.#failures.set(nameOf(resource), { desired, until: performance.now() + HOLD_MS })
    return HOLD_MS
  }

  /** Milliseconds until the change that failed last is to be tried again; undefined when nothing holds it back, or another change is wanted. */
  holds(resource: GuestInterface): number | undefined {
    const failure = this.#failures.get(nameOf(resource))
    if (!failure) return undefined
    const left = failure.until - performance.now()
    const gone = resource.metadata.deletionTimestamp !== undefined
    if (!gone && left > 0 && isDeepStrictEqual(failure.desired, this.#desired(resource))) return left
    this.#failures.delete(nameOf(resource))
    return undefined
  }

  /** Everything that a person can have edited since. */
  #desired({ spec }: GuestInterface): unknown {
    const specs = (['Network', 'PortGroup', 'GuestGrant'] as const).map((kind) =>
      this.#store.list(kind).map((resource) => resource.spec),
    )
    return structuredClone([spec, specs])
  }
}
