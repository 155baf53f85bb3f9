/** Reads back what became of a change: from libvirt, and from what dnsmasq was told. */
import type { NetworkDefinition } from '../../core/network/definition.ts'
import { dnsmasqProblems, needsDnsmasq } from '../../core/network/dnsmasq.ts'
import { readDnsmasqFiles } from '../../host/dnsmasq.ts'
import type { Context } from '../context.ts'
import { planFor } from './plan.ts'
import type { NetworkWork } from './work.ts'

/** What libvirt and dnsmasq show otherwise than was asked for, in sentences. */
export async function verify(context: Context, { network, signal }: NetworkWork): Promise<string[]> {
  const decision = await planFor(context, network, signal)
  if (decision.kind !== 'planned') return []
  const { plan, observed, wanted } = decision
  const live = observed?.state.live
  if (plan.steps.length > 0 || plan.verdict !== 'None') {
    const fields = plan.differences.map(({ field }) => field).join(', ') || plan.verdict
    return [`libvirt reported success, but its network ${wanted.name} still differs: ${fields}`]
  }
  return live ? dnsmasqLacks(live) : []
}

/** What dnsmasq was not told of a network that runs: an update was interrupted before dnsmasq had it. In sentences. */
export async function dnsmasqLacks(live: NetworkDefinition): Promise<string[]> {
  return needsDnsmasq(live) ? dnsmasqProblems(live, await readDnsmasqFiles(live.name)) : []
}
