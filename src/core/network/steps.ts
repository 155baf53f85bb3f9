/** The steps by which a libvirt network becomes what a Network says, or why it has to be restarted for that. */
import type { Difference, Verdict } from '../../api/guest-interface.ts'
import type { NetworkDefinition } from './definition.ts'
import type { NetworkChange, RestartReason } from './plan/change.ts'
import { courseOf } from './plan/dnsmasq-course.ts'
import { entryText, fieldOf, finderIn } from './plan/entry-text.ts'
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
}

export interface NetworkStepsPlan {
  verdict: Verdict
  steps: NetworkStep[]
  differences: Difference[]
  /** Why the running network cannot become what is wanted without a restart. */
  restartRequired: RestartReason[]
}

export interface NetworkPolicy {
  onRestartRequired: 'Refuse' | 'Restart'
  /** This libvirt modifies DNS hosts and TXT records in place. */
  canModifyDns: boolean
}

/**
 * All or nothing: with a difference that takes a restart and `Refuse` nothing of it is a step. A dnsmasq that died is started again
 * whatever differs. The running network is changed before
 * the saved definition, so that what libvirt refuses is not saved.
 */
export function planNetworkSteps(
  state: NetworkState,
  wanted: NetworkDefinition,
  policy: NetworkPolicy,
): NetworkStepsPlan {
  const { saved, live } = state
  const ofSaved = saved && planNetwork(saved, wanted, { live: false, canModifyDns: policy.canModifyDns })
  const savedDiffers = !ofSaved || ofSaved.updates.length + ofSaved.restartRequired.length > 0
  const marked = saved?.owner === wanted.owner
  const saving: NetworkStep[] = [
    ...(savedDiffers ? [{ action: 'Define' } as const] : marked ? [] : [{ action: 'Mark' } as const]),
    ...(state.autostart ? [] : [{ action: 'Autostart' } as const]),
  ]
  const ofDefinition = saved && ofSaved ? differencesOf(saved, ofSaved.updates, ofSaved.restartRequired) : []
  if (!live) {
    return {
      verdict: 'Attach',
      steps: [...saving, { action: 'Start' }],
      differences: ofDefinition.map((each) => judged(each, 'Attach', 'The network does not run yet')),
      restartRequired: [],
    }
  }
  const { updates, restartRequired } = planNetwork(live, wanted, {
    live: true,
    canModifyDns: policy.canModifyDns,
  })
  const reviving = state.dnsmasqDied ? revival(live).map(toStep) : []
  const found = differencesOf(live, updates, restartRequired)
  if (restartRequired.length > 0) {
    const restarting = policy.onRestartRequired === 'Restart'
    const differences = found.map((each) =>
      'reason' in each
        ? judged(
            each,
            restarting ? 'RestartRequired' : 'Refused',
            restarting ? each.reason : `${each.reason}; ${instead}`,
          )
        : judged(each, restarting ? 'RestartRequired' : 'InPlace', 'Changed with the rest'),
    )
    return restarting
      ? {
          verdict: 'RestartRequired',
          steps: [...saving, { action: 'Stop' }, { action: 'Start' }],
          differences,
          restartRequired,
        }
      : { verdict: 'Refused', steps: reviving, differences, restartRequired }
  }
  // Behind the updates: they may be what lets dnsmasq start again, and most of them start it.
  const started = courseOf(live.settings.ips ?? [], updates).effects.includes('restart')
  const steps: NetworkStep[] = [...updates.map(toStep), ...(started ? [] : reviving), ...saving]
  const ofLive = new Set(found.map(({ field }) => field))
  return {
    verdict: steps.some(({ action }) => action !== 'Mark') ? 'InPlace' : 'None',
    steps,
    differences: [
      ...found.map((each) => judged(each, 'InPlace', 'Changed while the network runs')),
      ...ofDefinition
        .filter(({ field }) => !ofLive.has(field))
        .map((each) => judged(each, 'InPlace', 'Only the saved definition differs')),
    ],
    restartRequired: [],
  }
}

const instead =
  'set onRestartRequired: Restart to have the network restarted and its guests plugged in again, or take the change back'

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

interface Found {
  field: string
  observed: string
  effective: string
}

/** What is deleted and added again under the same name is one difference. */
function differencesOf(
  from: NetworkDefinition,
  updates: readonly NetworkChange[],
  restartRequired: readonly RestartReason[],
): (Found | (Found & { reason: string }))[] {
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
  return [
    ...restartRequired.map(({ field, from: observed, to: effective, reason }) => ({
      field,
      observed,
      effective,
      reason,
    })),
    ...byField.values(),
  ]
}

/** Characters that a value in status may have. */
const maxValue = 8_192

function judged({ field, observed, effective }: Found, verdict: Verdict, reason: string): Difference {
  const cut = (value: string) => (value.length > maxValue ? `${value.slice(0, maxValue - 1)}…` : value)
  return { field, observed: cut(observed), effective: cut(effective), verdict, reason }
}
