/** One pass over a Network: gather, plan, apply, verify, report. */
import type { Check } from '../../core/interface-status.ts'
import { isMadeByLibvirt } from '../../core/network/definition.ts'
import { networkNameOf } from '../../core/resolve/applicable.ts'
import { done, type Outcome, requeueAfter } from '../../reconcile/outcome.ts'
import type { Reconcile } from '../../reconcile/runner.ts'
import type { Key } from '../../store/store.ts'
import type { Context } from '../context.ts'
import { FailedRestarts } from './failed-restarts.ts'
import { FirewallHold } from './firewall.ts'
import { type Kept, keep, type Memory } from './keep.ts'
import { abandoned, letGo } from './remove.ts'
import { accepted, failureOf, writeReadiness } from './report.ts'
import { RestartedDnsmasqs } from './restarted-dnsmasqs.ts'
import { selectsHost } from './selects-host.ts'
import { PluggedBridges } from './taps.ts'
import type { NetworkWork } from './work.ts'

/** Milliseconds until it is seen whether a network that is to go is used still; not every change of a guest is an event. */
const ASK_AGAIN_MS = 10_000

export function networkReconciler(context: Context): Reconcile<Key & { kind: 'Network' }> {
  const memory: Memory = {
    failedRestarts: new FailedRestarts(),
    dnsmasqs: new RestartedDnsmasqs(),
    pluggedBridges: new PluggedBridges(),
    firewall: new FirewallHold(),
  }
  return async (key, { log, signal }) => {
    const network = context.store.get('Network', key.name)
    if (!network) return done
    const work: NetworkWork = { key, network, log, signal }
    if (isMadeByLibvirt(network.spec)) await memory.firewall.releaseLeft(work)
    const say = async (check: Check) => {
      const changed = await writeReadiness(context, key, network, check)
      // The host's inventory counts it.
      if (changed) context.wake(context.wakes.ofInventory())
    }
    try {
      if (network.metadata.deletionTimestamp) return await remove(context, work, say)
      const { check, lookAgainMs } = await pass(context, work, memory, say)
      await say(check)
      return lookAgainMs === undefined ? done : requeueAfter(lookAgainMs)
    } catch (error) {
      await say(failureOf(error))
      throw error
    }
  }
}

async function pass(
  context: Context,
  work: NetworkWork,
  memory: Memory,
  say: (check: Check) => Promise<void>,
): Promise<Kept> {
  const { network } = work
  const selected = selectsHost(network, context)
  const wanted = selected ? networkNameOf(network) : undefined
  const held = await letGo(await abandoned(context, work, wanted), context, work)
  const kept: Kept = selected
    ? await keep(context, work, memory, say)
    : { check: accepted(`Does not select host ${context.host.name}`) }
  if (!held) return kept
  const lookAgainMs = kept.lookAgainMs ?? ASK_AGAIN_MS
  // Both are told: what has to go may be what the other waits for.
  return kept.check.status === 'True'
    ? { check: held, lookAgainMs }
    : { check: { ...kept.check, message: `${kept.check.message}\n${held.message}` }, lookAgainMs }
}

/** Nothing is left of it on the host by the time it is forgotten. */
async function remove(
  context: Context,
  work: NetworkWork,
  say: (check: Check) => Promise<void>,
): Promise<Outcome> {
  const held = await letGo(await abandoned(context, work), context, work)
  if (held) {
    await say(held)
    return requeueAfter(ASK_AGAIN_MS)
  }
  context.wakes.forgetBridge(work.key)
  await context.store.release(work.key)
  context.wake(context.wakes.ofStore(work.key))
  return done
}
