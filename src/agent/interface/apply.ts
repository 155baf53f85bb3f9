/** Carries out the steps of a plan, in order. Each is safe to repeat, and each boundary is a line in the log. */
import { type ChangeStep, changed, type Step } from '../../core/change/plan.ts'
import type { EffectiveDefinition, InterfaceDefinition } from '../../core/definition.ts'
import { isPciAddressTaken, takeSamePciAddresses } from '../../libvirt/xml/domain.ts'
import { renderInterface } from '../../libvirt/xml/interface.ts'
import type { Application } from './application.ts'
import { changeLive, type LiveChange } from './change-live.ts'
import type { Observed } from './gather.ts'
import { stepText } from './report.ts'
import { undone } from './undo.ts'

/** The guest was asked to let go of a NIC and still has it: it doesn't answer, or has no operating system that would. */
export class GuestNotReleasing extends Error {
  override name = 'GuestNotReleasing'

  constructor(guest: string) {
    super(
      `Guest ${guest} was asked to let go of the NIC and still has it: it does not answer. The port is held until it does, or is shut down`,
    )
  }
}

/**
 * Throws ChangeFailed when a change of an interface that stays failed: then all of it was undone, as far as that could be.
 * Throws LibvirtError as libvirt says it, and GuestNotReleasing, when plugging or unplugging failed, or nobody knows what was
 * done: it stands, to be read and planned anew.
 */
export async function apply(
  steps: Step[],
  observed: Observed,
  effective: EffectiveDefinition,
  to: Application,
): Promise<void> {
  if (isOneCall(steps, observed)) return logged(steps, to, () => plugIntoBoth(observed, effective, to))
  const made: LiveChange[] = []
  for (const step of steps) {
    await logged([step], to, () =>
      step.action === 'Attach' || step.action === 'Detach'
        ? plug(step, observed, effective, to)
        : change(step, made, observed, effective, to),
    )
  }
}

async function logged(steps: Step[], { log }: Application, work: () => Promise<void>): Promise<void> {
  const step = steps.map(stepText).join(', ')
  log.info({ step }, 'step begins')
  await work()
  log.info({ step }, 'step done')
}

/**
 * A NIC that is plugged into both definitions, neither of which had it. libvirt then does both or nothing, and finds it the same slot in both as
 * long as the same ones are taken.
 */
function isOneCall(steps: Step[], { guest }: Observed): boolean {
  const isNew = steps.length === 2 && steps.every(({ action }) => action === 'Attach')
  return isNew && takeSamePciAddresses(guest.xml, guest.savedXml)
}

async function plugIntoBoth(
  { guest }: Observed,
  effective: EffectiveDefinition,
  { context, signal }: Application,
): Promise<void> {
  const xml = renderInterface(effective.asSaved ?? effective)
  await context.libvirt.attachDevice(guest.ref, xml, { live: true, saved: true }, { signal })
}

/** `made` takes up what was changed in the running guest. */
async function change(
  step: ChangeStep,
  made: LiveChange[],
  observed: Observed,
  effective: EffectiveDefinition,
  to: Application,
): Promise<void> {
  const { context, signal } = to
  const guest = observed.guest.ref
  const { live, saved } = observed
  const before = made.at(-1)?.after ?? live?.definition
  const next = step.target === 'live' && before && { step, before, after: changed(before, effective, step) }
  try {
    if (next && live) {
      await changeLive(next, { guest, xml: live.xml }, context, signal)
      made.push(next)
    } else {
      // Whoever gave it an alias knows it by that; one of ours has ours already.
      const xml = renderInterface({ ...(effective.asSaved ?? effective), alias: undefined }, saved?.xml)
      await context.libvirt.updateDevice(guest, xml, { live: false, saved: true }, { signal })
    }
  } catch (error) {
    throw await undone(error, { made, ...(next && { failed: next }) }, observed, to)
  }
}

async function plug(
  step: Step & { action: 'Attach' | 'Detach' },
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
