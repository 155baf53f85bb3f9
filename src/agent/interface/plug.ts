/** Plugs a NIC into a guest, and unplugs it. */
import type { Step } from '../../core/change/plan.ts'
import type { EffectiveDefinition, InterfaceDefinition } from '../../core/definition.ts'
import { isPciAddressTaken, takeSamePciAddresses } from '../../libvirt/xml/domain.ts'
import { renderInterface } from '../../libvirt/xml/interface.ts'
import type { Application } from './application.ts'
import type { Observed } from './gather.ts'
import { logged } from './log-steps.ts'

/** The guest was asked to let go of a NIC and still has it: it doesn't answer, or has no operating system that would. */
export class GuestNotReleasing extends Error {
  override name = 'GuestNotReleasing'

  constructor(guest: string) {
    super(
      `Guest ${guest} was asked to let go of the NIC and still has it: it does not answer. The port is held until it does, or is shut down`,
    )
  }
}

type PlugStep = Extract<Step, { action: 'Attach' | 'Detach' }>

/** A running guest gets a NIC of which neither of its definitions has anything. */
export function isNewInBoth(steps: Step[]): steps is PlugStep[] {
  return steps.length === 2 && steps.every(({ action }) => action === 'Attach')
}

/**
 * By one call where that finds the same slot in both. Else one after the other. One NIC of a guest at a time, as libvirt has it too: what
 * another pass has plugged in by half would have taken a slot in one definition only.
 */
export function plugIntoBoth(
  steps: PlugStep[],
  observed: Observed,
  effective: EffectiveDefinition,
  to: Application,
): Promise<void> {
  const { libvirt, plugTurns } = to.context
  const { ref } = observed.guest
  const work = async () => {
    // What was read while another was being plugged in may show that one by half.
    if (findsSameSlot(observed) || findsSameSlot(await to.gather())) {
      const xml = renderInterface(effective.asSaved ?? effective)
      const both = { live: true, saved: true }
      await logged(steps, to, () => libvirt.attachDevice(ref, xml, both, { signal: to.signal }))
    } else {
      await oneByOne(steps, observed, effective, to)
    }
  }
  return plugTurns.take(ref.uuid, work, to.signal)
}

/**
 * Another device came or went between the look and the call, and libvirt saved the NIC in another slot than it plugged it into: it is saved
 * anew where that is free. Says whether.
 */
export async function savedAnew(
  after: Observed,
  effective: EffectiveDefinition,
  to: Application,
): Promise<boolean> {
  const slot = after.live?.definition.settings.address
  const saved = after.saved?.definition.settings.address
  if (!slot || !saved || slot === saved || isPciAddressTaken(after.guest.savedXml, slot)) return false
  const steps: PlugStep[] = [
    { action: 'Detach', target: 'saved' },
    { action: 'Attach', target: 'saved' },
  ]
  const { context, signal } = to
  await context.plugTurns.take(after.guest.ref.uuid, () => oneByOne(steps, after, effective, to), signal)
  return true
}

async function oneByOne(
  steps: PlugStep[],
  observed: Observed,
  effective: EffectiveDefinition,
  to: Application,
): Promise<void> {
  for (const step of steps) await logged([step], to, () => plug(step, observed, effective, to))
}

function findsSameSlot(observed: Observed | undefined): boolean {
  return observed !== undefined && takeSamePciAddresses(observed.guest.xml, observed.guest.savedXml)
}

export async function plug(
  step: PlugStep,
  observed: Observed,
  effective: EffectiveDefinition,
  to: Application,
): Promise<void> {
  const { libvirt } = to.context
  const { ref } = observed.guest
  const scope = { live: step.target === 'live', saved: step.target === 'saved' }
  const present = observed[step.target]
  if (step.action === 'Attach') {
    // A saved one in whose place another comes hands on what our model has no word for.
    const wanted = effective.asSaved ?? effective
    const xml =
      step.target === 'saved'
        ? renderInterface(await withAddressOfLive(wanted, to), present?.xml)
        : renderInterface(wanted)
    return libvirt.attachDevice(ref, xml, scope, { signal: to.signal })
  }
  // Named by all that libvirt shows of it: its MAC alone may stand twice. libvirt waits up to 5 s for the guest's answer.
  if (present) await libvirt.detachDevice(ref, present.xml, scope, { signal: to.signal })
  if (step.target === 'live' && (await to.gather())?.live) throw new GuestNotReleasing(ref.name)
}

/** Where libvirt put it in the running guest, unless something saved is there: the guest is to find its NIC in the same slot after a boot. */
async function withAddressOfLive(
  effective: InterfaceDefinition,
  { gather }: Application,
): Promise<InterfaceDefinition> {
  const observed = await gather()
  const address = observed?.live?.definition.settings.address
  if (!address || effective.settings.address) return effective
  if (isPciAddressTaken(observed.guest.savedXml, address)) return effective
  return { ...effective, settings: { ...effective.settings, address } }
}
