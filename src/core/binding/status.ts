/** What the controller applies to the status of a GuestInterface: all that it says of it, and nothing of its agent's. */
import type { Condition } from '../../api/conditions.ts'
import type { GuestInterface, GuestInterfaceStatus } from '../../api/guest-interface.ts'
import {
  type Check,
  heldCondition,
  macDuplicateCondition,
  readiness,
  withTransition,
} from '../interface-status.ts'
import type { Decision } from './decide.ts'

/** `now`: RFC 3339. */
export function controllersStatus(
  { metadata, status }: GuestInterface,
  { hostName, nextHostName, guestUUID, bound, held }: Decision,
  duplicate: Check | undefined,
  now: string,
): GuestInterfaceStatus {
  const generation = metadata.generation ?? 0
  const previous = status?.conditions ?? []
  const condition = (type: string, check: Check) => withTransition(type, check, generation, previous, now)
  // While it is bound for the first time Ready alone says so.
  const isToldBound = bound?.status === 'False' || previous.some(({ type }) => type === 'Bound')
  const said = bound
    ? [...(isToldBound ? [condition('Bound', bound)] : []), ...readiness(bound, generation, previous, now)]
    : standing(previous)
  const observedGeneration = bound ? generation : said.length > 0 ? status?.observedGeneration : undefined
  return {
    ...(hostName !== undefined && { hostName }),
    ...(nextHostName !== undefined && { nextHostName }),
    ...(guestUUID !== undefined && { guestUUID }),
    ...(observedGeneration !== undefined && { observedGeneration }),
    conditions: [
      ...said,
      ...(held ? [condition(heldCondition, { ...held, status: 'True' })] : []),
      ...(duplicate ? [condition(macDuplicateCondition, duplicate)] : []),
    ],
  }
}

/** What was said when it was bound, or its host gone, stands until its agent says otherwise: left out, it would be gone. */
function standing(previous: readonly Condition[]): Condition[] {
  return previous.filter(
    ({ type, reason }) =>
      (reason === 'Binding' || reason === 'HostGone') &&
      ['Bound', 'Ready', 'Reconciling', 'Stalled'].includes(type),
  )
}
