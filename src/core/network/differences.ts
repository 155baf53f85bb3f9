/** What a plan for a network comes from, field by field, as status and `patchbay plan` show it. */
import type { Difference, Verdict } from '../../api/guest-interface.ts'
import type { NetworkDefinition } from './definition.ts'
import type { NetworkChange, NetworkPlan } from './plan/change.ts'
import { entryText, fieldOf, finderIn } from './plan/entry-text.ts'

export interface Found {
  field: string
  observed: string
  effective: string
  /** Why no live update makes it what it is to be; absent where one does. */
  reason?: string
}

export function foundIn(from: NetworkDefinition, { updates, restartRequired }: NetworkPlan): Found[] {
  return [
    ...restartRequired.map(({ field, from: observed, to: effective, reason }) => ({
      field,
      observed,
      effective,
      reason,
    })),
    ...updated(from, updates),
  ]
}

/** What is deleted and added again under the same name is one difference. */
function updated(from: NetworkDefinition, updates: readonly NetworkChange[]): Iterable<Found> {
  const entryBefore = finderIn(from)
  const byField = new Map<string, Found>()
  for (const change of updates) {
    const field = fieldOf(change)
    const known = byField.get(field) ?? { field, observed: '', effective: '' }
    if (change.command === 'delete') byField.set(field, { ...known, observed: entryText(change.entry) })
    else {
      const before = change.command === 'modify' ? entryBefore(change) : undefined
      const observed = before ? entryText(before) : known.observed
      byField.set(field, { field, observed, effective: entryText(change.entry) })
    }
  }
  return byField.values()
}

/** Characters that a value in status may have. */
const maxValue = 8_192

export function judged({ field, observed, effective }: Found, verdict: Verdict, reason: string): Difference {
  const cut = (value: string) => (value.length > maxValue ? `${value.slice(0, maxValue - 1)}…` : value)
  return { field, observed: cut(observed), effective: cut(effective), verdict, reason }
}
