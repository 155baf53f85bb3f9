/**
 * Remembers changes that failed and were undone, and steps that libvirt refused. Doing and undoing them stirs the very links whose
 * events wake the interface: without this it would be tried again at once and for ever, and each try is felt by a running guest.
 */
import { isDeepStrictEqual } from 'node:util'
import type { GuestInterface } from '../../api/guest-interface.ts'
import { nameOf } from '../../core/identity.ts'
import { backOffMs } from '../../reconcile/back-off.ts'
import type { Store } from '../../store/store.ts'

/** Milliseconds until the same change is tried again. */
const HOLD_MS = 10_000
/** How often in a row a step is refused before wakes no longer bring it forward: what stood in the way may go in between. */
const FREE_TRIES = 2

interface Failure {
  /** What the manifests said then. */
  desired: unknown
  /** By performance.now(). */
  until: number
  /** In a row. */
  times: number
}

export class FailedChanges {
  readonly #store: Store
  readonly #failures = new Map<string, Failure>()

  constructor(store: Store) {
    this.#store = store
  }

  /** A change was undone. Gives the milliseconds until it is to be tried again. */
  remember(resource: GuestInterface): number {
    this.#remember(resource, () => HOLD_MS)
    return HOLD_MS
  }

  /** libvirt refused a step. Whoever tries again backs off by himself; wakes bring it forward no more after some tries. */
  rememberRefused(resource: GuestInterface): void {
    this.#remember(resource, (times) => (times > FREE_TRIES ? Math.min(HOLD_MS, backOffMs(times)) : 0))
  }

  /** Nothing failed. */
  forget(resource: GuestInterface): void {
    this.#failures.delete(nameOf(resource))
  }

  /** Milliseconds until the change that failed last is to be tried again; undefined when nothing holds it back, or another change is wanted. */
  holds(resource: GuestInterface): number | undefined {
    const failure = this.#failures.get(nameOf(resource))
    if (!failure) return undefined
    const left = failure.until - performance.now()
    const gone = resource.metadata.deletionTimestamp !== undefined
    if (gone || !isDeepStrictEqual(failure.desired, this.#desired(resource))) this.forget(resource)
    else if (left > 0) return left
    return undefined
  }

  #remember(resource: GuestInterface, holdMs: (times: number) => number): void {
    const desired = this.#desired(resource)
    const times = (this.#failures.get(nameOf(resource))?.times ?? 0) + 1
    this.#failures.set(nameOf(resource), { desired, until: performance.now() + holdMs(times), times })
  }

  /** Everything that a person can have edited since, and whether it is to move. */
  #desired({ spec, status }: GuestInterface): unknown {
    const specs = (['Network', 'PortGroup', 'GuestGrant'] as const).map((kind) =>
      this.#store.list(kind).map((resource) => resource.spec),
    )
    return structuredClone([spec, status?.nextHostName, specs])
  }
}
