/**
 * The host didn't show what was asked. `interrupted`: the caller's signal aborted; everything else may go away by itself,
 * a missing tool by being installed.
 */
export class HostError extends Error {
  override readonly name = 'HostError'
  readonly sort: 'retryable' | 'interrupted'

  constructor(message: string, sort: 'retryable' | 'interrupted', cause?: unknown) {
    super(message, { cause })
    this.sort = sort
  }
}
