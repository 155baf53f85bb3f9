/** Keeps the libvirt network of a Network as the manifests say: plan, apply, verify, report. */
import type { Check } from '../../core/interface-status.ts'
import type { NetworkDefinition } from '../../core/network/definition.ts'
import { type NetworkStep, revivalSteps } from '../../core/network/steps.ts'
import { networkNameOf } from '../../core/resolve/applicable.ts'
import type { Context } from '../context.ts'
import { apply, RestartFailed } from './apply.ts'
import { changedText, changingText, inForceText, restartText } from './change-text.ts'
import type { FailedRestarts } from './failed-restarts.ts'
import type { FirewallHold } from './firewall.ts'
import { gatherNetwork } from './gather.ts'
import { type Decision, planFor } from './plan.ts'
import { accepted, refusedFor } from './report.ts'
import type { RestartedDnsmasqs } from './restarted-dnsmasqs.ts'
import type { PluggedBridges } from './taps.ts'
import { dnsmasqLacks, verify } from './verify.ts'
import type { NetworkWork } from './work.ts'

export interface Kept {
  check: Check
  /** Milliseconds until it is to be looked at again, for what no event tells. */
  lookAgainMs?: number
}

/** What is remembered from pass to pass: not to do again what guests feel, not to ask for what was seen, not to forget what is held. */
export interface Memory {
  failedRestarts: FailedRestarts
  dnsmasqs: RestartedDnsmasqs
  pluggedBridges: PluggedBridges
  firewall: FirewallHold
}

/** Milliseconds until a change that libvirt reported and that doesn't show is looked at again. */
const LOOK_AGAIN_MS = 5_000

/** `announce` writes what is about to be done into status. */
export async function keep(
  context: Context,
  work: NetworkWork,
  memory: Memory,
  announce: (check: Check) => Promise<void>,
): Promise<Kept> {
  const { network, signal } = work
  const { host } = context
  const decision = await planFor(context, network, signal)
  if (decision.kind === 'refused') return { check: refusedFor(decision.refusal) }
  if (decision.kind === 'none') return { check: accepted(`In force on host ${host.name}`) }
  const { observed, wanted } = decision
  context.onPlan?.('Network', decision.plan.verdict)
  const hindrance = hindranceOf(decision, memory.failedRestarts.of(wanted.name, wanted))
  const live = observed?.state.live
  // What makes good what was there before is done whatever else is in the way.
  const planned = hindrance ? mending(decision) : decision.plan.steps
  const untold = planned.length === 0 && live ? await dnsmasqLacks(live) : []
  const telling = memory.dnsmasqs.isNew(wanted.name, untold)
  const steps = live && telling ? revivalSteps(live) : planned
  let failed: string | undefined
  if (steps.length > 0) {
    await announce({ status: 'False', reason: 'NetworkChanging', message: changingText(steps, live) })
    failed = await change(steps, decision, context, work, memory)
    if (telling) memory.dnsmasqs.remember(wanted.name, untold)
  }
  await plugTaps(context, work, memory, steps.length > 0 ? await readLive(context, work) : live)
  if (failed !== undefined) return { check: restartFailed(failed) }
  if (hindrance) return hindrance
  const problems = steps.length > 0 ? await verify(context, work) : untold
  if (problems.length > 0) {
    const check: Check = { status: 'False', reason: 'NotVerified', message: problems.join('\n') }
    return { check, lookAgainMs: LOOK_AGAIN_MS }
  }
  const message = steps.length > 0 ? changedText(host.name, steps, live) : inForceText(network, host.name)
  return { check: { status: 'True', reason: 'InSync', message } }
}

type Planned = Decision & { kind: 'planned' }

/** Why the network is left as it is. */
function hindranceOf({ plan, observed, obstacle }: Planned, failedRestart?: string): Kept | undefined {
  // Without its bridge nobody on it is left to be disturbed.
  const wouldDisturb = plan.verdict === 'RestartRequired' && !observed?.state.bridgeGone
  if (failedRestart !== undefined && wouldDisturb) return { check: restartFailed(failedRestart) }
  if (obstacle) return { check: refusedFor(obstacle), lookAgainMs: LOOK_AGAIN_MS }
  if (plan.verdict !== 'Refused') return undefined
  return { check: { status: 'False', reason: 'RestartRequired', message: restartText(plan) } }
}

function restartFailed(message: string): Check {
  return { status: 'False', reason: 'ApplyRejected', message }
}

function mending({ observed }: Planned): NetworkStep[] {
  const { live, dnsmasqDied } = observed?.state ?? {}
  return live && dnsmasqDied ? revivalSteps(live) : []
}

/** Why a restart failed, which was undone then; undefined when all steps are done. */
async function change(
  steps: readonly NetworkStep[],
  { wanted, observed }: Planned,
  context: Context,
  work: NetworkWork,
  { firewall, failedRestarts }: Memory,
): Promise<string | undefined> {
  const live = observed?.state.live
  try {
    await firewall.during(steps, live, work, () => apply(steps, wanted, observed, context.libvirt, work))
    return undefined
  } catch (error) {
    if (!(error instanceof RestartFailed)) throw error
    failedRestarts.remember(wanted.name, wanted, error.message)
    return error.message
  }
}

/** Whoever restarted the network, and however far an agent before this one came. `live`: as it is now. */
async function plugTaps(
  context: Context,
  work: NetworkWork,
  { pluggedBridges }: Memory,
  live: NetworkDefinition | undefined,
): Promise<void> {
  const bridge = live?.settings.bridge?.name
  context.wakes.rememberBridge(work.key, bridge)
  if (live && bridge !== undefined) await pluggedBridges.keep(live.name, bridge, context, work)
}

async function readLive(context: Context, { network, signal }: NetworkWork) {
  return (await gatherNetwork(context.libvirt, networkNameOf(network), signal))?.state.live
}
