/** Carries out the steps of a plan, in order. Each is safe to repeat, and each boundary is a line in the log. */
import { type ChangeStep, changed, type Step } from '../../core/change/plan.ts'
import type { EffectiveDefinition } from '../../core/definition.ts'
import { renderInterface } from '../../libvirt/xml/interface.ts'
import type { Application } from './application.ts'
import { changeLive, type LiveChange } from './change-live.ts'
import type { Observed } from './gather.ts'
import { logged } from './log-steps.ts'
import { isNewInBoth, plug, plugIntoBoth } from './plug.ts'
import { undone } from './undo.ts'

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
  if (isNewInBoth(steps)) return plugIntoBoth(steps, observed, effective, to)
  const made: LiveChange[] = []
  for (const step of steps) {
    await logged([step], to, () =>
      step.action === 'Attach' || step.action === 'Detach'
        ? plug(step, observed, effective, to)
        : change(step, made, observed, effective, to),
    )
  }
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
