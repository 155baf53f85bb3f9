/** How an object stands, in one line: what its Ready says, and whether somebody has to do something. */
import type { Condition } from '../api/conditions.ts'
import type { Stance } from '../api/reasons.ts'

export interface Standing {
  ready: Condition['status']
  reason: string
  stance: Exclude<Stance, 'Passing'>
}

/** Of an object that nobody has looked at yet: Unknown, NotReached, Reconciling. */
export function standingOf(conditions: readonly Condition[] = []): Standing {
  const ready = conditions.find(({ type }) => type === 'Ready')
  if (!ready) return { ready: 'Unknown', reason: 'NotReached', stance: 'Reconciling' }
  const stalled = conditions.some(({ type, status }) => type === 'Stalled' && status === 'True')
  const stance = ready.status === 'True' ? 'Done' : stalled ? 'Stalled' : 'Reconciling'
  return { ready: ready.status, reason: ready.reason, stance }
}
