/**
 * From an interface as it is and as it is wanted to the steps between the two, or to the refusals in the way. Live and saved
 * definition are each planned from their own state; all or nothing: one refused setting of the running guest and no step is left.
 */
import type { Difference, Verdict } from '../api/guest-interface.ts'
import type { InterfaceDefinition } from './definition.ts'
import { type ComparedField, differencesOf, type FieldDifference } from './differences.ts'
import type { Port } from './port.ts'

export type Target = 'live' | 'saved'

/** Each step is safe to repeat: the loop reads and plans again after any interruption. */
export type Step =
  | { action: 'Attach'; target: Target }
  | { action: 'Update'; target: Target; fields: string[] }
  | { action: 'Detach'; target: Target }

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
  effective: InterfaceDefinition
  updatePolicy: 'Live' | 'Replug' | 'NextBoot'
}

/** What a running guest's interface allows: a row of the change table. */
interface Row {
  verdict: 'InPlace' | 'Refused'
  reason: string
}

const fixedAtPlug: Partial<Record<ComparedField, string>> = {
  mac: 'The MAC address is fixed when the NIC is plugged',
  model: 'The device model is fixed when the NIC is plugged',
  driver: "The driver's options are fixed when the NIC is plugged",
  mtu: 'The MTU is fixed when the NIC is plugged',
  targetDevice: 'The name of the tap is fixed when the NIC is plugged',
  address: 'The PCI address is fixed when the NIC is plugged',
  bootOrder: 'The boot order is read when the guest starts',
  rom: 'The option ROM is fixed when the NIC is plugged',
}

const notByThisVersion: Partial<Record<ComparedField, string>> = {
  virtualPort: 'This version does not change a virtual port on a running NIC',
  vlan: 'This version does not change the VLAN of a running NIC',
  bandwidth: 'This version does not change the bandwidth of a running NIC',
  filter: 'This version does not change the filter of a running NIC',
  coalesce: 'This version does not change the coalescing of a running NIC',
  portIsolation: 'This version does not change the isolation of a running NIC',
  trustGuestRxFilters: 'This version does not change the receive filters of a running NIC',
}

/** Kinds of ports of which nothing can be changed once they are plugged, not even the link state. */
const untouchable: ReadonlySet<Port['kind']> = new Set(['hostdev', 'vdpa', 'vhostuser'])

function rowFor({ setting, field }: FieldDifference, from: Port, to: Port): Row {
  if (setting === 'source') return { verdict: 'Refused', reason: whyNotMoved(field, from, to) }
  const plugged = fixedAtPlug[setting]
  if (plugged) return { verdict: 'Refused', reason: plugged }
  if (untouchable.has(from.kind)) {
    return { verdict: 'Refused', reason: `Nothing of a ${from.kind} NIC can be changed while the guest runs` }
  }
  const later = notByThisVersion[setting]
  return later
    ? { verdict: 'Refused', reason: later }
    : { verdict: 'InPlace', reason: 'The guest sees its carrier change' }
}

function whyNotMoved(field: string, from: Port, to: Port): string {
  if (field === 'source.portGroup') return 'libvirt reads the port group when the NIC is plugged'
  if (onBridge(from) && onBridge(to)) return 'This version does not move a running NIC to another bridge'
  return from.kind === 'direct' && to.kind === 'direct'
    ? 'A macvtap cannot change its device or mode once made'
    : 'QEMU cannot swap the back end of a running NIC'
}

function onBridge({ kind }: Port): boolean {
  return kind === 'bridge' || kind === 'network'
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
  const found = differencesOf(saved, effective)
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
  const { live, effective, updatePolicy, persistent } = input
  const found = differencesOf(live, effective)
  const rows = found.map((difference) => ({
    difference,
    row: rowFor(difference, live.port, effective.port),
  }))
  const refused = rows.some(({ row }) => row.verdict === 'Refused')
  if (refused && updatePolicy === 'NextBoot' && persistent) return atNextBoot(saved, found)
  if (refused && updatePolicy === 'Replug') return replugged(saved, found)
  const differences = [
    ...rows.map(({ difference, row }) => {
      const reason = row.verdict === 'Refused' ? `${row.reason}; ${insteadOf(persistent)}` : row.reason
      return judged(difference, row.verdict, reason)
    }),
    ...savedOnly(saved, found),
  ]
  if (refused) return { verdict: 'Refused', steps: [], differences }
  const change: Step[] =
    found.length > 0 ? [{ action: 'Update', target: 'live', fields: found.map(({ field }) => field) }] : []
  const steps = [...change, ...saved.steps]
  return { verdict: steps.length > 0 ? 'InPlace' : 'None', steps, differences }
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
