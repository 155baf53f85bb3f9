/** What a pass over a Network would do, by the very decisions of the pass, without doing it. */
import type { Network } from '../../api/network.ts'
import { networkStepText, planNetworkRemoval } from '../../core/network/steps.ts'
import type { Context } from '../context.ts'
import { type Foreseen, refusedBy } from '../foreseen.ts'
import { gatherNetwork } from './gather.ts'
import { planFor } from './plan.ts'
import { abandoned } from './remove.ts'
import { selectsHost } from './selects-host.ts'
import { usersOf, usersText } from './users.ts'
import type { NetworkWork } from './work.ts'

/** Reads the host and changes nothing there. */
export async function foreseeNetwork(context: Context, work: NetworkWork): Promise<Foreseen> {
  const { network, signal } = work
  if (!selectsHost(network, context)) return foreseeRemoval(context, work)
  const decision = await planFor(context, network, signal)
  if (decision.kind === 'none') return { verdict: 'None', steps: [], differences: [] }
  if (decision.kind === 'refused') return refusedBy([decision.refusal])
  const { plan, obstacle } = decision
  if (obstacle) return refusedBy([obstacle])
  const { verdict, steps, differences } = plan
  // A mark is no change of the network.
  const told = steps.filter(({ action }) => action !== 'Mark')
  return { verdict, steps: told.map(networkStepText), differences }
}

/** It does not select this host any more. */
async function foreseeRemoval(context: Context, work: NetworkWork): Promise<Foreseen> {
  const nothing: Foreseen = { verdict: 'None', steps: [], differences: [] }
  if (work.network.spec.deletionPolicy === 'Retain') return nothing
  const steps: string[] = []
  for (const name of await abandoned(context, work)) {
    const users = await usersOf(name, context, work.signal)
    if (users.length > 0) return refusedBy([stillUsed(work.network, name, usersText(users))])
    const observed = await gatherNetwork(context.libvirt, name, work.signal)
    steps.push(...planNetworkRemoval(observed?.state ?? {}).map(networkStepText))
  }
  return steps.length > 0 ? { verdict: 'Detach', steps, differences: [] } : nothing
}

function stillUsed({ metadata }: Network, name: string, users: string) {
  return {
    field: 'hostSelector',
    message: `hostSelector: Network ${metadata.name} leaves this host when nobody uses libvirt's network ${name} any more: it is used by ${users}`,
  }
}
