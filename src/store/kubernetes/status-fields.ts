/** Which fields of a status the agent writes, and which are the controller's. */
import type { Condition } from '../../api/conditions.ts'
import type { GuestInterfaceStatus } from '../../api/guest-interface.ts'
import { heldCondition, stages } from '../../core/interface-status.ts'
import type { StoredKind } from '../store.ts'

/** On all hosts: an interface that moves goes from one agent to the other without a conflict. */
export const agentsManager = 'patchbay-agent'

/** Written by the controller alone; an apply of ours that named them would take them over. */
const controllersFields = [
  'hostName',
  'nextHostName',
  'guestUUID',
] as const satisfies readonly (keyof GuestInterfaceStatus)[]

/** All that a pass sets; a condition of another type is somebody else's. */
const agentsConditions: ReadonlySet<string> = new Set([
  ...stages,
  'RestartRequired',
  'Ready',
  'Reconciling',
  'Stalled',
])

/** What the API server keeps of our status. Of Networks and PortGroups every host has one of its own: it stays in memory. */
export function isKeptByServer(kind: StoredKind): boolean {
  return kind === 'GuestInterface' || kind === 'Host'
}

/** The agent's part of a status that is as JSON has it; its conditions by their types, since the server keeps an order of its own. */
export function agentsPart(status: object | undefined): Record<string, unknown> {
  const part: Record<string, unknown> & { conditions?: Condition[] } = { ...status }
  for (const field of controllersFields) delete part[field]
  if (part.conditions) {
    part.conditions = part.conditions
      .filter(({ type }) => agentsConditions.has(type))
      .sort((a, b) => (a.type < b.type ? -1 : 1))
  }
  return part
}

/** What an agent goes by of the controller's part of a status. */
export function controllersPart(status: object | undefined): Record<string, unknown> {
  const given = (status ?? {}) as Record<string, unknown> & { conditions?: Condition[] }
  const held = given.conditions?.find(({ type }) => type === heldCondition)
  return Object.fromEntries([
    ...controllersFields.flatMap((field) => (field in given ? [[field, given[field]]] : [])),
    ...(held ? [[heldCondition, held]] : []),
  ])
}
