/** Keeps the libvirt network of a Network as the manifests say: decide, apply, read back, report. */
import type { Check } from '../../core/interface-status.ts'
import { isMadeByLibvirt, type NetworkDefinition } from '../../core/network/definition.ts'
import { dnsmasqProblems, needsDnsmasq } from '../../core/network/dnsmasq.ts'
import { revival } from '../../core/network/plan/revival.ts'
import type { NetworkStep } from '../../core/network/steps.ts'
import { networkNameOf } from '../../core/resolve/applicable.ts'
import { readDnsmasqFiles } from '../../host/dnsmasq.ts'
import type { Context } from '../context.ts'
import { apply, RestartFailed } from './apply.ts'
import { accepted, refusedFor } from './check.ts'
import type { FailedRestarts } from './failed-restarts.ts'
import { withFirewallHeld } from './firewall.ts'
import { gatherNetwork } from './gather.ts'
import { type Decision, decide } from './plan.ts'
import { changedText, changingText, inForceText, restartText } from './report.ts'
import type { RestartedDnsmasqs } from './restarted-dnsmasqs.ts'
import { putBackTaps } from './taps.ts'
import type { NetworkWork } from './work.ts'

export interface Kept {
  check: Check
  /** Milliseconds until it is to be looked at again, for what no event tells. */
  lookAgainMs?: number
}

/** What was tried before and is not to be tried again and again, since guests feel it. */
export interface Memory {
  failedRestarts: FailedRestarts
  dnsmasqs: RestartedDnsmasqs
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
  const decision = await decide(context, network, signal)
  if (decision.kind === 'refused') return { check: refusedFor(decision.refusal) }
  if (decision.kind === 'none') return { check: accepted(`In force on host ${host.name}`) }
  const { observed, wanted } = decision
  const hindrance = hindranceOf(decision, memory.failedRestarts.of(wanted.name, wanted))
  const live = observed?.state.live
  // What makes good what was there before is done whatever else is in the way.
  const planned = hindrance ? mending(decision) : decision.plan.steps
  const untold = planned.length === 0 && live ? await dnsmasqLacks(live) : []
  const steps = live && memory.dnsmasqs.isNew(wanted.name, untold) ? revivalSteps(live) : planned
  if (steps.length > 0) {
    await announce({ status: 'False', reason: 'NetworkChanging', message: changingText(steps, live) })
    try {
      await withFirewallHeld(steps, live, work, () => apply(steps, wanted, observed, context.libvirt, work))
    } catch (error) {
      if (!(error instanceof RestartFailed)) throw error
      memory.failedRestarts.remember(wanted.name, wanted, error.message)
      await plugTaps(context, work)
      return { check: restartFailed(error.message) }
    }
  }
  await plugTaps(context, work)
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
function hindranceOf({ plan, obstacle }: Planned, failedRestart: string | undefined): Kept | undefined {
  if (failedRestart !== undefined) return { check: restartFailed(failedRestart) }
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

function revivalSteps(live: NetworkDefinition): NetworkStep[] {
  return revival(live).map((change) => ({ action: 'Update', change }))
}

/** What dnsmasq was not told of a network that runs: an update was interrupted before dnsmasq had it. In sentences. */
async function dnsmasqLacks(live: NetworkDefinition): Promise<string[]> {
  return needsDnsmasq(live) ? dnsmasqProblems(live, await readDnsmasqFiles(live.name)) : []
}

/** Whoever restarted the network, and however far an agent before this one came. */
async function plugTaps(context: Context, work: NetworkWork): Promise<void> {
  const name = networkNameOf(work.network)
  const live = (await gatherNetwork(context.libvirt, name, work.signal))?.state.live
  const bridge = live && isMadeByLibvirt(live.settings) ? live.settings.bridge?.name : undefined
  context.wakes.rememberBridge(work.key, bridge)
  if (bridge !== undefined) await putBackTaps(name, bridge, context, work)
}

/** What libvirt and dnsmasq show otherwise than was asked for, in sentences. */
async function verify(context: Context, { network, signal }: NetworkWork): Promise<string[]> {
  const decision = await decide(context, network, signal)
  if (decision.kind !== 'planned') return []
  const { plan, observed, wanted } = decision
  const live = observed?.state.live
  if (plan.steps.length > 0 || plan.verdict !== 'None') {
    const fields = plan.differences.map(({ field }) => field).join(', ') || plan.verdict
    return [`libvirt reported success, but its network ${wanted.name} still differs: ${fields}`]
  }
  return live ? dnsmasqLacks(live) : []
}
