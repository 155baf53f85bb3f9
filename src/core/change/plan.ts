/**
 * From an interface as it is and as it is wanted to the steps between the two, or to the refusals in the way. Live and saved
 * definition are each planned from their own state; all or nothing: one refused setting of the running guest and no step is left.
 */
import type { Difference, Verdict } from '../../api/guest-interface.ts'
import type { EffectiveDefinition, InterfaceDefinition } from '../definition.ts'
import { type ComparedField, differencesOf, type FieldDifference, settingOf } from './differences.ts'
import { type ChangeCapabilities, judge, plugged } from './table.ts'

export type Target = 'live' | 'saved'

/** Each step is safe to repeat: the loop reads and plans again after any interruption. */
export type Step = { action: 'Attach'; target: Target } | ChangeStep | { action: 'Detach'; target: Target }

/** Changes these fields of an interface that stays. Reattach: its tap is plugged into another bridge, or anew. */
export interface ChangeStep {
  action: 'Update' | 'Reattach'
  target: Target
  /** Paths such as virtualPort.profileID. */
  fields: string[]
}

export interface ChangePlan {
  verdict: Verdict
  steps: Step[]
  differences: Difference[]
}

export interface ChangeInput {
  /** The guest runs. */
  running: boolean
  /** The guest has a saved definition: it is not transient. */
  persistent: boolean
  live?: InterfaceDefinition
  saved?: InterfaceDefinition
  effective: EffectiveDefinition
  updatePolicy: 'Live' | 'Replug' | 'NextBoot'
  capabilities: ChangeCapabilities
}

export function planChange(input: ChangeInput): ChangePlan {
  const saved = input.persistent ? planSaved(input) : { steps: [], found: [] }
  if (!input.running) {
    const verdict: Verdict = saved.steps.length === 0 ? 'None' : input.saved ? 'InPlace' : 'Attach'
    return {
      verdict,
      steps: saved.steps,
      differences: saved.found.map((each) =>
        judged(each, 'InPlace', 'The guest is off: its saved definition is changed'),
      ),
    }
  }
  if (input.live) return planLive({ ...input, live: input.live }, saved)
  if (input.updatePolicy === 'NextBoot' && input.persistent) return atNextBoot(saved, [])
  return {
    verdict: 'Attach',
    steps: [{ action: 'Attach', target: 'live' }, ...saved.steps],
    differences: savedOnly(saved, []),
  }
}

interface Side {
  steps: Step[]
  found: FieldDifference[]
}

function planSaved({ saved, effective }: ChangeInput): Side {
  if (!saved) return { steps: [{ action: 'Attach', target: 'saved' }], found: [] }
  const found = differencesOf(saved, effective.asSaved ?? effective)
  if (found.length === 0) return { steps: [], found }
  // libvirt finds the interface that an update is meant for by its MAC and PCI address: those need a new one in its place.
  if (found.some(({ setting }) => setting === 'mac' || setting === 'address')) {
    return {
      steps: [
        { action: 'Detach', target: 'saved' },
        { action: 'Attach', target: 'saved' },
      ],
      found,
    }
  }
  return { steps: [{ action: 'Update', target: 'saved', fields: found.map(({ field }) => field) }], found }
}

function planLive(input: ChangeInput & { live: InterfaceDefinition }, saved: Side): ChangePlan {
  const { live, effective, updatePolicy, persistent, capabilities } = input
  const found = differencesOf(live, effective)
  const sides = { from: plugged(live), to: plugged(effective), capabilities }
  const judgements = found.map((difference) => ({ difference, ...judge({ difference, ...sides }) }))
  const isRefused = judgements.some(({ verdict }) => verdict === 'Refused')
  if (isRefused && updatePolicy === 'NextBoot' && persistent) return atNextBoot(saved, found)
  if (isRefused && updatePolicy === 'Replug') return replugged(saved, found)
  const differences = [
    ...judgements.map(({ difference, verdict, reason }) =>
      judged(difference, verdict, verdict === 'Refused' ? `${reason}; ${insteadOf(persistent)}` : reason),
    ),
    ...savedOnly(saved, found),
  ]
  if (isRefused) return { verdict: 'Refused', steps: [], differences }
  const movesSwitch = sides.from.switch !== sides.to.switch
  const steps = [...liveSteps(judgements, movesSwitch), ...saved.steps]
  const reattaches = steps.some(({ action }) => action === 'Reattach')
  return {
    verdict: reattaches ? 'Reattach' : steps.length > 0 ? 'InPlace' : 'None',
    steps,
    differences,
  }
}

/** What is changed by one update each, in this order. */
const separately: readonly (readonly ComparedField[])[] = [
  // What fails most often comes first, when there is little to undo yet.
  ['bandwidth'],
  ['filter'],
  ['portIsolation'],
  ['coalesce'],
  ['trustGuestRxFilters'],
  ['source', 'virtualPort', 'vlan'],
  // A guest sees carrier only once all else is as it should be.
  ['link'],
]
/** Moving to another kind of switch takes away what that has not, and brings what this has not: no definition in between has both. */
const withMove: readonly ComparedField[] = ['filter', 'portIsolation', 'coalesce']

/**
 * libvirt carries out an update of several settings one by one and stops where one fails, its definition as before and the host
 * half-way. One update for each leaves nothing behind that its definition doesn't show, and nothing that cannot be undone by another.
 */
function liveSteps(
  judgements: { difference: FieldDifference; verdict: Verdict }[],
  movesSwitch: boolean,
): ChangeStep[] {
  const changes = judgements.filter(({ verdict }) => verdict !== 'None')
  const groupOf = ({ setting }: FieldDifference) =>
    separately.findIndex((group) =>
      group.includes(movesSwitch && withMove.includes(setting) ? 'source' : setting),
    )
  return separately.flatMap((_, group): ChangeStep[] => {
    const own = changes.filter(({ difference }) => groupOf(difference) === group)
    if (own.length === 0) return []
    const action = own.some(({ verdict }) => verdict === 'Reattach') ? 'Reattach' : 'Update'
    return [{ action, target: 'live', fields: own.map(({ difference }) => difference.field) }]
  })
}

/** A running interface as it is once these fields of it are changed. */
export function changed(
  live: InterfaceDefinition,
  effective: InterfaceDefinition,
  { fields }: ChangeStep,
): InterfaceDefinition {
  const next = { ...live, settings: { ...live.settings } }
  for (const setting of new Set(fields.map(settingOf))) {
    if (setting !== 'source') Object.assign(next.settings, { [setting]: effective.settings[setting] })
  }
  if (!fields.some((field) => settingOf(field) === 'source')) return next
  // The port that libvirt itself had allocated belonged to what it leaves.
  const { portId: _, network: __, portGroup: ___, ...rest } = next
  return { ...rest, port: effective.port, ...(effective.portGroup && { portGroup: effective.portGroup }) }
}

function replugged(saved: Side, found: FieldDifference[]): ChangePlan {
  const reason = 'The NIC is unplugged and plugged again: the guest loses it for a moment'
  return {
    verdict: 'Replug',
    steps: [{ action: 'Detach', target: 'live' }, { action: 'Attach', target: 'live' }, ...saved.steps],
    differences: [...found.map((each) => judged(each, 'Replug', reason)), ...savedOnly(saved, found)],
  }
}

function atNextBoot(saved: Side, found: FieldDifference[]): ChangePlan {
  const reason = 'The saved definition is changed; the guest takes it over at its next start'
  return {
    verdict: 'NextBoot',
    steps: saved.steps,
    differences: [...found.map((each) => judged(each, 'NextBoot', reason)), ...savedOnly(saved, found)],
  }
}

function savedOnly(saved: Side, found: FieldDifference[]): Difference[] {
  const ofLive = new Set(found.map(({ field }) => field))
  return saved.found
    .filter(({ field }) => !ofLive.has(field))
    .map((each) => judged(each, 'InPlace', 'Only the saved definition differs'))
}

/** A transient guest has no next start. */
function insteadOf(persistent: boolean): string {
  const nextBoot = persistent ? 'set updatePolicy: NextBoot to change it at the next start, ' : 'set '
  return `${nextBoot}updatePolicy: Replug to unplug and plug the NIC, or take the change back`
}

/** Unplugging: the saved definition first, so that a guest that doesn't let go has lost the interface after its next start. */
export function planRemoval({ live, saved }: { live?: unknown; saved?: unknown }): ChangePlan {
  const steps: Step[] = []
  if (saved) steps.push({ action: 'Detach', target: 'saved' })
  if (live) steps.push({ action: 'Detach', target: 'live' })
  return { verdict: steps.length > 0 ? 'Detach' : 'None', steps, differences: [] }
}

function judged(
  { field, observed, effective }: FieldDifference,
  verdict: Verdict,
  reason: string,
): Difference {
  return { field, observed: cut(observed), effective: cut(effective), verdict, reason }
}

/** Characters that status takes for a value: all tags of a trunk, all parameters of a filter can be more. */
const maxValue = 8_192

function cut(value: string): string {
  return value.length > maxValue ? `${value.slice(0, maxValue - 1)}…` : value
}
