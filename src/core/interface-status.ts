/** From what a pass found to the conditions of a GuestInterface. */
import type { Condition } from '../api/conditions.ts'
import type { GuestInterfaceStatus } from '../api/guest-interface.ts'
import { type Reason, reasons } from '../api/reasons.ts'

/** One step of the way from a manifest to a NIC in sync, as a pass found it. */
export interface Check {
  status: 'True' | 'False' | 'Unknown'
  reason: Reason
  message: string
}

/** In the order in which they build on one another; Ready is the first that is not True. */
export const stages = ['Bound', 'Resolved', 'PortAllocated', 'Synced'] as const
export type Stage = (typeof stages)[number]

/** By the controller, and only while it is True: nothing of a bound interface is changed. */
export const heldCondition = 'Held'
/** By the controller, and only while it is True: another interface of the cluster has the MAC address. */
export const macDuplicateCondition = 'MacDuplicate'

/** Why the controller holds the interface; undefined when it doesn't. */
export function heldBy(conditions: Condition[] | undefined): Check | undefined {
  const held = conditions?.find(({ type, status }) => type === heldCondition && status === 'True')
  if (!held) return undefined
  // A controller that is newer than we are may know more reasons.
  const reason = Object.hasOwn(reasons, held.reason) ? (held.reason as Reason) : 'NotReached'
  return { status: 'False', reason, message: held.message }
}

export interface Findings {
  /** The stages a pass has come through; those behind the first that isn't True were not reached. */
  stages: Partial<Record<Stage, Check>>
  restartRequired?: Check
}

/** `now`: RFC 3339. A condition keeps its transition time as long as its status stands. */
export function conditionsOf(
  findings: Findings,
  generation: number,
  previous: Condition[],
  now: string,
): Condition[] {
  const checks = new Map<string, Check>()
  let stopped: { stage: Stage; check: Check } | undefined
  for (const stage of stages) {
    const check: Check = (!stopped && findings.stages[stage]) || notReached(stopped?.stage)
    if (!stopped && check.status !== 'True') stopped = { stage, check }
    checks.set(stage, check)
  }
  checks.set(
    'RestartRequired',
    findings.restartRequired ?? { status: 'False', reason: 'NoRestartNeeded', message: '' },
  )
  const ready = stopped?.check ?? { ...(checks.get('Synced') as Check), status: 'True' as const }
  return [
    ...[...checks].map(([type, check]) => withTransition(type, check, generation, previous, now)),
    ...readiness(ready, generation, previous, now),
  ]
}

/**
 * Of an interface that was given a port and is not in sync with it yet: what Ready says, and nothing that was not said before.
 * The rest follows with the result: each condition is work for the API server. `now`: RFC 3339.
 */
export function portTaken(port: string, generation: number, previous: Condition[], now: string): Condition[] {
  const holds: Check = { status: 'True', reason: 'PortAllocated', message: `Holds ${port}` }
  const ready: Check = { status: 'Unknown', reason: 'NotReached', message: `Holds ${port}; the rest follows` }
  const anew: Record<string, Check> = { PortAllocated: holds, Synced: ready }
  const agents: readonly string[] = [...stages, 'RestartRequired']
  const there = previous.filter(({ type }) => agents.includes(type))
  return [
    ...there.map((each) => {
      const check = anew[each.type]
      return check ? withTransition(each.type, check, generation, previous, now) : each
    }),
    ...readiness(ready, generation, previous, now),
  ]
}

/**
 * Ready, and the two conditions by which kstatus tells waiting from being stuck: absent where nothing is abnormal, and once
 * they were True said to be False, since another manager of the status may have applied them too. `now`: RFC 3339.
 */
export function readiness(ready: Check, generation: number, previous: Condition[], now: string): Condition[] {
  const meant = ready.status === 'True' ? 'Done' : reasons[ready.reason].stance
  // What is on its way is not known; a NotReached that is False is the word of a controller which knows more reasons.
  const stance = meant === 'Passing' && ready.status === 'False' ? 'Reconciling' : meant
  const normal: Check = { status: 'False', reason: ready.reason, message: '' }
  const abnormal = (['Reconciling', 'Stalled'] as const).flatMap((type): [string, Check][] => {
    if (stance === type) return [[type, { ...ready, status: 'True' }]]
    return previous.some((each) => each.type === type) ? [[type, normal]] : []
  })
  const checks: [string, Check][] = [['Ready', ready], ...abnormal]
  return checks.map(([type, check]) => withTransition(type, check, generation, previous, now))
}

/** Characters; a longer message and kube-apiserver would refuse the whole status. */
const maxMessage = 32_768

/** The condition of this type; its transition time stands as long as its status does. `now`: RFC 3339. */
export function withTransition(
  type: string,
  check: Check,
  generation: number,
  previous: Condition[],
  now: string,
): Condition {
  const before = previous.find((each) => each.type === type)
  const lastTransitionTime = before?.status === check.status ? before.lastTransitionTime : now
  const message = check.message.slice(0, maxMessage)
  return { type, ...check, message, lastTransitionTime, observedGeneration: generation }
}

function notReached(stage: Stage | undefined): Check {
  return { status: 'Unknown', reason: 'NotReached', message: stage ? `Waits for ${stage}` : '' }
}

export function isReady(conditions: Condition[] | undefined): boolean {
  return conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false
}

/** Ready is True or False. */
export function isReadyKnown(conditions: Condition[] | undefined): boolean {
  return conditions?.some(({ type, status }) => type === 'Ready' && status !== 'Unknown') ?? false
}

/**
 * It is bound, and nobody can tell whether it is plugged in there: it has no port on that host, and Ready is Unknown. So it is
 * from the binding until its agent's first word, and an agent may have been killed in between.
 */
export function isUnanswered({ hostName, port, conditions }: GuestInterfaceStatus = {}): boolean {
  return hostName !== undefined && port?.hostName !== hostName && !isReadyKnown(conditions)
}
