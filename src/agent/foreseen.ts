/** What would become of a resource on this host. */
import type { Difference, Verdict } from '../api/guest-interface.ts'
import type { Refusal } from '../core/refusal.ts'

export interface Foreseen {
  verdict: Verdict
  /** Each as status shows it, such as Update live: link.state */
  steps: string[]
  differences: Difference[]
}

/** Nothing would be touched: something stands in the way before there is anything to compare. */
export function refusedBy(refusals: readonly Pick<Refusal, 'field' | 'message'>[]): Foreseen {
  const differences = refusals.map(({ field = 'source', message }) => ({
    field,
    observed: '',
    effective: '',
    verdict: 'Refused' as const,
    reason: message,
  }))
  return { verdict: 'Refused', steps: [], differences }
}
