/** What came of one pass over a key: a reconciler returns one of these, or throws. */
export type Outcome = { next: 'done' } | { next: 'requeueAfter'; ms: number }

/** Nothing is left to do until something wakes the key. */
export const done: Outcome = { next: 'done' }

/** Look again after `ms` milliseconds, for what no event tells. Not a failure: nothing is logged as one. */
export function requeueAfter(ms: number): Outcome {
  return { next: 'requeueAfter', ms }
}

/**
 * How a thrown error is met: `retryable` is tried again with back-off; `terminal` waits for a wake, since the same
 * try would fail the same way; `interrupted` may or may not have happened and is tried again too.
 */
export type FailureSort = 'retryable' | 'terminal' | 'interrupted'

/** Errors are sorted where they arise, by their property `sort`; one without it may go away by itself. */
export function failureSort(error: unknown): FailureSort {
  const sort = typeof error === 'object' && error !== null && 'sort' in error ? error.sort : undefined
  return sort === 'terminal' || sort === 'interrupted' ? sort : 'retryable'
}
