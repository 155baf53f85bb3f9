import type { Reason } from '../api/reasons.ts'

/** Why something is not done: said to people, and acted on by nobody. */
export interface Refusal {
  /** One word in CamelCase, as conditions carry it. */
  reason: Reason
  /** Names the field, the old and the new value, and what the user can do. */
  message: string
  /** Path of the setting, such as vlan or virtualPort.managerID. */
  field?: string
}
