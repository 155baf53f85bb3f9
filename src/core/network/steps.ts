/** The steps by which a libvirt network becomes what a Network says, or why it has to be restarted for that. */
import type { Difference, Verdict } from '../../api/guest-interface.ts'
import type { NetworkDefinition } from './definition.ts'
import { type Found, foundIn, judged } from './differences.ts'
import type { NetworkChange, NetworkPlan } from './plan/change.ts'
import { courseOf } from './plan/dnsmasq-course.ts'
import { fieldOf } from './plan/entry-text.ts'
import { planNetwork } from './plan/plan.ts'
import { revival } from './plan/revival.ts'

/** In words of virsh: net-define, net-autostart, net-start, net-update --live, net-destroy, net-undefine. */
export type NetworkStep =
  | { action: 'Define' }
  /** A net-define that adds our mark and changes nothing else. */
  | { action: 'Mark' }
  | { action: 'Autostart' }
  | { action: 'Start' }
  | { action: 'Update'; change: NetworkChange }
  | { action: 'Stop' }
  | { action: 'Undefine' }

export interface NetworkState {
  /** Absent when libvirt doesn't have the network, or has it only until it stops. */
  saved?: NetworkDefinition
  /** Present while it is active. */
  live?: NetworkDefinition
  autostart: boolean
  dnsmasqDied: boolean
  /** Somebody removed the bridge of a network that libvirt believes to run: its guests are cut off. */
  bridgeGone: boolean
}

export interface NetworkStepsPlan {
  verdict: Verdict
  steps: NetworkStep[]
  differences: Difference[]
}

export interface NetworkPolicy {
  onRestartRequired: 'Refuse' | 'Restart'
}

/**
 * All or nothing: with a difference that takes a restart and `Refuse` nothing of it is a step. A dnsmasq that died is started again
 * whatever differs, and a network whose bridge is gone is restarted: nobody is left to be disturbed.
 */
export function planNetworkSteps(
  state: NetworkState,
  wanted: NetworkDefinition,
  { onRestartRequired }: NetworkPolicy,
): NetworkStepsPlan {
  const { live } = state
  const saving = planSaving(state, wanted)
  if (!live) return planStart(saving)
  const updating = planNetwork(live, wanted, { live: true })
  if (state.bridgeGone) return planRestart(live, updating, saving)
  const reviving = state.dnsmasqDied ? revivalSteps(live) : []
  if (updating.restartRequired.length === 0) return planUpdates(live, updating.updates, reviving, saving)
  return onRestartRequired === 'Restart'
    ? planRestart(live, updating, saving)
    : refuse(live, updating, reviving)
}

/** What makes the saved definition what is wanted, and the network start with the host. */
interface Saving {
  steps: NetworkStep[]
  found: Found[]
}

function planSaving({ saved, autostart }: NetworkState, wanted: NetworkDefinition): Saving {
  const plan = saved && planNetwork(saved, wanted, { live: false })
  const differs = !plan || plan.updates.length + plan.restartRequired.length > 0
  const steps: NetworkStep[] = []
  if (differs) steps.push({ action: 'Define' })
  else if (saved?.owner !== wanted.owner) steps.push({ action: 'Mark' })
  if (!autostart) steps.push({ action: 'Autostart' })
  return { steps, found: saved && plan ? foundIn(saved, plan) : [] }
}

function planStart({ steps, found }: Saving): NetworkStepsPlan {
  return {
    verdict: 'Attach',
    steps: [...steps, { action: 'Start' }],
    differences: found.map((each) => judged(each, 'Attach', 'The network does not run yet')),
  }
}

/** The running network is changed before the saved definition, so that what libvirt refuses is not saved. */
function planUpdates(
  live: NetworkDefinition,
  updates: readonly NetworkChange[],
  reviving: readonly NetworkStep[],
  saving: Saving,
): NetworkStepsPlan {
  // Behind the updates: they may be what lets dnsmasq start again, and most of them start it.
  const started = courseOf(live.settings.ips ?? [], updates).effects.includes('restart')
  const steps = [...updates.map(toStep), ...(started ? [] : reviving), ...saving.steps]
  const ofLive = foundIn(live, { updates, restartRequired: [] })
  const fields = new Set(ofLive.map(({ field }) => field))
  const ofSaved = saving.found.filter(({ field }) => !fields.has(field))
  return {
    verdict: steps.some(({ action }) => action !== 'Mark') ? 'InPlace' : 'None',
    steps,
    differences: [
      ...ofLive.map((each) => judged(each, 'InPlace', 'Changed while the network runs')),
      ...ofSaved.map((each) => judged(each, 'InPlace', 'Only the saved definition differs')),
    ],
  }
}

function planRestart(live: NetworkDefinition, updating: NetworkPlan, saving: Saving): NetworkStepsPlan {
  return {
    verdict: 'RestartRequired',
    steps: [...saving.steps, { action: 'Stop' }, { action: 'Start' }],
    differences: foundIn(live, updating).map((each) =>
      judged(each, 'RestartRequired', each.reason ?? withTheRest),
    ),
  }
}

function refuse(
  live: NetworkDefinition,
  updating: NetworkPlan,
  reviving: readonly NetworkStep[],
): NetworkStepsPlan {
  return {
    verdict: 'Refused',
    steps: [...reviving],
    differences: foundIn(live, updating).map((each) =>
      each.reason === undefined
        ? judged(each, 'InPlace', withTheRest)
        : judged(each, 'Refused', `${each.reason}; ${instead}`),
    ),
  }
}

const withTheRest = 'Changed with the rest'
const instead =
  'set onRestartRequired: Restart to have the network restarted and its guests plugged in again, or take the change back'

/** Has libvirt start the dnsmasq of a running network anew. */
export function revivalSteps(live: NetworkDefinition): NetworkStep[] {
  return revival(live).map(toStep)
}

/** Stopping and undefining a network that nobody uses. */
export function planNetworkRemoval(state: Pick<NetworkState, 'saved' | 'live'>): NetworkStep[] {
  return [
    ...(state.live ? [{ action: 'Stop' } as const] : []),
    ...(state.saved ? [{ action: 'Undefine' } as const] : []),
  ]
}

/** A step for people: Update live: add-last dns.hosts[10.0.0.1] */
export function networkStepText(step: NetworkStep): string {
  switch (step.action) {
    case 'Update':
      return `Update live: ${step.change.command} ${fieldOf(step.change)}`
    case 'Define':
      return 'Define'
    case 'Mark':
      return 'Mark as ours'
    case 'Autostart':
      return 'Set autostart'
    default:
      return step.action
  }
}

const toStep = (change: NetworkChange): NetworkStep => ({ action: 'Update', change })
