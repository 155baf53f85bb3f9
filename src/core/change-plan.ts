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

const cannotSwap = 'QEMU cannot swap the back end of a running NIC'
const fixedAtPlug = 'is fixed when the NIC is plugged'

const refusals: Record<ComparedField, string> = {
  source: cannotSwap,
  mac: `The MAC address ${fixedAtPlug}`,
  model: `The device model ${fixedAtPlug}`,
  driver: `The driver's options are ${fixedAtPlug.slice(3)}`,
  mtu: `The MTU ${fixedAtPlug}`,
  targetDevice: `The name of the tap ${fixedAtPlug}`,
  address: `The PCI address ${fixedAtPlug}`,
  bootOrder: 'The boot order is read when the guest starts',
  rom: `The option ROM ${fixedAtPlug}`,
  virtualPort: 'This version does not change a virtual port on a running NIC',
  vlan: 'This version does not change the VLAN of a running NIC',
  bandwidth: 'This version does not change the bandwidth of a running NIC',
  filter: 'This version does not change the filter of a running NIC',
  coalesce: 'This version does not change the coalescing of a running NIC',
  portIsolation: 'This version does not change the isolation of a running NIC',
  trustGuestRxFilters: 'This version does not change the receive filters of a running NIC',
  link: 'QEMU has no link state to change on this kind of port',
}

const insteadOf =
  'set updatePolicy: NextBoot to change it at the next start, updatePolicy: Replug to unplug and plug the NIC, or take the change back'

function rowFor(setting: ComparedField, port: Port): Row {
  if (setting === 'link' && !['hostdev', 'vdpa', 'vhostuser'].includes(port.kind)) {
    return { verdict: 'InPlace', reason: 'The guest sees its carrier change' }
  }
  if (setting === 'source' && port.kind === 'direct')
    return { verdict: 'Refused', reason: 'A macvtap cannot change its device or mode once made' }
  return { verdict: 'Refused', reason: refusals[setting] }
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
  if (!input.live) {
    if (input.updatePolicy === 'NextBoot' && input.persistent) return atNextBoot(saved, [])
    return {
      verdict: 'Attach',
      steps: [{ action: 'Attach', target: 'live' }, ...saved.steps],
      differences: [],
    }
  }
  return planLive({ ...input, live: input.live }, saved)
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
  const found = differencesOf(input.live, input.effective)
  const rows = found.map((difference) => ({ difference, row: rowFor(difference.setting, input.live.port) }))
  const refused = rows.some(({ row }) => row.verdict === 'Refused')
  if (refused && input.updatePolicy === 'NextBoot' && input.persistent) return atNextBoot(saved, found)
  if (refused && input.updatePolicy === 'Replug') {
    return {
      verdict: 'Replug',
      steps: [{ action: 'Detach', target: 'live' }, { action: 'Attach', target: 'live' }, ...saved.steps],
      differences: found.map((each) =>
        judged(each, 'Replug', 'The NIC is unplugged and plugged again: the guest loses it for a moment'),
      ),
    }
  }
  const differences = rows.map(({ difference, row }) =>
    judged(difference, row.verdict, row.verdict === 'Refused' ? `${row.reason}; ${insteadOf}` : row.reason),
  )
  if (refused) return { verdict: 'Refused', steps: [], differences }
  const live: Step[] =
    found.length > 0 ? [{ action: 'Update', target: 'live', fields: found.map(({ field }) => field) }] : []
  const steps = [...live, ...saved.steps]
  const savedOnly = saved.found.filter((each) => !found.some(({ field }) => field === each.field))
  return {
    verdict: steps.length > 0 ? 'InPlace' : 'None',
    steps,
    differences: [
      ...differences,
      ...savedOnly.map((each) => judged(each, 'InPlace', 'Only the saved definition is changed')),
    ],
  }
}

function atNextBoot(saved: Side, found: FieldDifference[]): ChangePlan {
  return {
    verdict: 'NextBoot',
    steps: saved.steps,
    differences: found.map((each) =>
      judged(each, 'NextBoot', 'The saved definition is changed; the guest takes it over at its next start'),
    ),
  }
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
  return { field, observed, effective, verdict, reason }
}
