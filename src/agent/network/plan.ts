/** What is to be done for a Network on this host: everything is read, and nothing touched. */
import type { Network } from '../../api/network.ts'
import { networkConflict } from '../../core/network/conflict.ts'
import {
  definitionOf,
  isMadeByLibvirt,
  type NetworkDefinition,
  ownPortGroup,
  withOwnPortGroup,
} from '../../core/network/definition.ts'
import { type NetworkStep, type NetworkStepsPlan, planNetworkSteps } from '../../core/network/steps.ts'
import type { Refusal } from '../../core/refusal.ts'
import { networkNameOf, portGroupsOn } from '../../core/resolve/applicable.ts'
import type { Context } from '../context.ts'
import { gatherNetwork, type ObservedNetwork } from './gather.ts'
import { leaseObstacle, restartObstacle, startObstacle } from './obstacle.ts'

export type Decision =
  /** There is no libvirt network to keep: interfaces are given devices of the host, or a bridge that is there. */
  | { kind: 'none' }
  | { kind: 'refused'; refusal: Refusal }
  | {
      kind: 'planned'
      observed: ObservedNetwork | undefined
      wanted: NetworkDefinition
      plan: NetworkStepsPlan
      /** Stands in the way of what the plan has. */
      obstacle?: Refusal
    }

const absent = { autostart: false, dnsmasqDied: false, bridgeGone: false }

/** Of a Network that selects this host. */
export async function planFor(context: Context, network: Network, signal: AbortSignal): Promise<Decision> {
  const { libvirt, host, store } = context
  const manifests = { networks: store.list('Network'), portGroups: store.list('PortGroup') }
  const conflict = networkConflict(network, host, manifests)
  if (conflict) return { kind: 'refused', refusal: conflict }
  const name = networkNameOf(network)
  const observed = await gatherNetwork(libvirt, name, signal)
  const ours = observed?.owner !== undefined || (observed !== undefined && network.spec.adopt === true)
  if (!ours && !isMadeByLibvirt(network.spec)) return { kind: 'none' }
  if (observed && !ours) return { kind: 'refused', refusal: notOwned(name) }
  const described = definitionOf(network, portGroupsOn(name, host, store.list('PortGroup')))
  const wanted = !observed || hasOwnPortGroup(observed) ? withOwnPortGroup(described) : described
  const plan = planNetworkSteps(observed?.state ?? absent, wanted, {
    onRestartRequired: network.spec.onRestartRequired ?? 'Refuse',
  })
  const has = (wanted: NetworkStep['action']) => plan.steps.some(({ action }) => action === wanted)
  const obstacle =
    (has('Start') ? await startObstacle(context, wanted, observed, signal) : undefined) ??
    (has('Stop') ? await restartObstacle(context, wanted, observed, signal) : undefined) ??
    (await leaseObstacle(plan.steps, wanted, observed))
  return { kind: 'planned', observed, wanted, plan, ...(obstacle && { obstacle }) }
}

/** What somebody else made and was taken over is not changed for it. */
function hasOwnPortGroup({ state: { saved, live } }: ObservedNetwork): boolean {
  return (saved ?? live)?.portGroups.some(({ name }) => name === ownPortGroup) ?? false
}

function notOwned(name: string): Refusal {
  return {
    reason: 'NetworkNotOwned',
    field: 'networkName',
    message: `networkName: libvirt has a network ${name} that somebody else made, and it is left alone. Set adopt: true to have it kept as this object says, or choose another networkName`,
  }
}
