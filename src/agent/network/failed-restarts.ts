/** Remembers restarts that failed and were undone: each try is felt by all guests on the network, and would fail the same way. */
import { isDeepStrictEqual } from 'node:util'
import type { NetworkDefinition } from '../../core/network/definition.ts'

export class FailedRestarts {
  readonly #failures = new Map<string, { wanted: NetworkDefinition; message: string }>()

  remember(network: string, wanted: NetworkDefinition, message: string): void {
    this.#failures.set(network, { wanted, message })
  }

  /** What was said when it failed; undefined when it did not, or something else is wanted by now. */
  of(network: string, wanted: NetworkDefinition): string | undefined {
    const failure = this.#failures.get(network)
    if (failure && isDeepStrictEqual(failure.wanted, wanted)) return failure.message
    this.#failures.delete(network)
    return undefined
  }
}
