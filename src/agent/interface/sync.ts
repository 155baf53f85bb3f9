/** Plans, applies, and verifies what was applied. */
import type { Step } from '../../core/change/plan.ts'
import type { EffectiveDefinition } from '../../core/definition.ts'
import { portName } from '../../core/port.ts'
import { isLibvirtError } from '../../libvirt/rpc/error.ts'
import { done, type Outcome, requeueAfter } from '../../reconcile/outcome.ts'
import type { Context } from '../context.ts'
import { apply } from './apply.ts'
import { gather, type Observed } from './gather.ts'
import { clearLeftover } from './leftover.ts'
import { nextSteps } from './next-steps.ts'
import { planFor } from './plan.ts'
import { isNewInBoth, savedAnew } from './plug.ts'
import { putBack } from './put-back.ts'
import { leftPort, takePortBack } from './settle-port.ts'
import { ChangeFailed } from './undo.ts'
import { verifyOnHost } from './verify.ts'
import type { Work } from './work.ts'

/** Milliseconds until a change that libvirt reported and the host doesn't show is looked at again. */
const LOOK_AGAIN_MS = 5_000

/** undefined when the guest went away meanwhile. */
export async function bringInSync(
  context: Context,
  work: Work,
  before: Observed,
  effective: EffectiveDefinition,
): Promise<Outcome | undefined> {
  const { report } = work
  const next = await nextSteps(context, work, before, effective)
  if (!next) return done
  const { steps, forNextBoot } = next
  if (before.toMark && !(await takeOver(context, work, before, before.toMark))) return done
  const after =
    steps.length > 0
      ? await context.wakes.during(work.key, () => applied(context, work, steps, before, effective))
      : before
  if (forNextBoot) {
    report.restartRequired(forNextBoot)
    return done
  }
  return after && verify(context, work, after, effective)
}

/** What is there after these steps, read afresh. */
async function applied(
  context: Context,
  work: Work,
  steps: Step[],
  before: Observed,
  effective: EffectiveDefinition,
): Promise<Observed | undefined> {
  const { resource, log, signal } = work
  const read = () => gather(context, resource, signal)
  const to = { context, gather: read, log, signal }
  try {
    await apply(steps, before, effective, to)
  } catch (error) {
    if (error instanceof ChangeFailed) takePortBack(context, work, await read())
    // libvirt answered: of this interface it is plugging nothing any more.
    if (isLibvirtError(error) && error.domain !== 'client') {
      work.refused = true
      await clearLeftover(context, work)
    }
    throw error
  }
  // Whoever waits for a port may take the one that was left.
  if (leftPort(work)) context.wake(context.wakes.ofPort())
  const after = await read()
  const isMoved = after && isNewInBoth(steps) && (await savedAnew(after, effective, to))
  return isMoved ? read() : after
}

/** false when another interface of ours was faster, as the report says. */
async function takeOver(
  context: Context,
  { report, log, signal }: Work,
  { guest }: Observed,
  marks: NonNullable<Observed['toMark']>,
): Promise<boolean> {
  const other = await context.adoptionMarks.write(guest, marks, signal)
  if (!other) {
    log.info('interface taken over')
    return true
  }
  delete report.facts.port
  const message = `mac: the interface of guest ${guest.ref.name} with ${other.mac} was taken over by ${other.namespace}/${other.name}. Leave it to that manifest, or remove it there first`
  report.refused('Synced', [{ reason: 'MacConflict', field: 'mac', message }])
  return false
}

async function verify(
  context: Context,
  work: Work,
  after: Observed,
  effective: EffectiveDefinition,
): Promise<Outcome> {
  const { report } = work
  const left = planFor(work, after, effective, await context.capabilities())
  report.planned(left)
  // With a change that waits for the next start the running guest keeps the port that it is plugged into.
  const inForce = left.verdict === 'NextBoot' && after.live ? after.live.definition : effective
  if (after.live) {
    context.wakes.rememberLink(work.key, after.live.definition.device)
    if (left.verdict === 'None') await putBack(after.live.definition, work)
  }
  const problems = after.live ? await verifyOnHost(after.live.definition, inForce, context, work.signal) : []
  if (left.steps.length > 0) {
    const fields = left.differences.map(({ field }) => field).join(', ') || left.verdict
    problems.push(`libvirt reported success, but its definition still differs: ${fields}`)
  }
  const shared = after.live && (await context.ledger.sharedText(inForce.port, work.signal))
  if (shared) {
    report.stopped('Synced', 'DeviceInUse', [`${portName(inForce.port)}: ${shared}`, ...problems].join('\n'))
    return done
  }
  if (problems.length > 0) {
    report.stopped('Synced', 'NotVerified', problems.join('\n'))
    return requeueAfter(LOOK_AGAIN_MS)
  }
  if (left.verdict === 'NextBoot') {
    report.restartRequired(`Guest ${after.guest.ref.name} takes the saved definition over at its next start`)
  }
  report.reached('Synced', 'InSync', `${portName(effective.port)} as the manifests say`)
  return done
}
