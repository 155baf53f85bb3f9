/** Whether a Network or a PortGroup holds on this host, and whether the manifests say one thing of it. */
import type { Network } from '../../api/network.ts'
import type { PortGroup } from '../../api/port-group.ts'
import { labelsOf, selects } from '../../core/host-selector.ts'
import { ownPortGroup } from '../../core/network/definition.ts'
import type { Refusal } from '../../core/refusal.ts'
import {
  groupNameOf,
  networkNameOf,
  networksOn,
  portGroupConflict,
  portGroupsOn,
} from '../../core/resolve/applicable.ts'
import type { Context } from '../context.ts'

type Surroundings = Pick<Context, 'host' | 'store'>

export function selectsHost(resource: Network | PortGroup, { host }: Surroundings): boolean {
  return selects(resource.spec.hostSelector, labelsOf(host))
}

/** Why a Network that selects this host cannot be kept here. */
export function networkConflict(network: Network, { host, store }: Surroundings): Refusal | undefined {
  const name = networkNameOf(network)
  const same = networksOn(name, host, store.list('Network'))
  if (same.length > 1) {
    const names = same.map(({ metadata }) => metadata.name).sort()
    return {
      reason: 'NetworkAmbiguous',
      field: 'networkName',
      message: `${name} is on host ${host.name} more than one Network: ${names.join(', ')}. Leave one, or tell them apart by hostSelector`,
    }
  }
  const portGroups = store.list('PortGroup')
  return portGroupsOn(name, host, portGroups)
    .map((group) => portGroupRefusal(group, { host, store }))
    .find((refusal) => refusal !== undefined)
}

/** Why a PortGroup that selects this host cannot be in force here. */
export function portGroupRefusal(portGroup: PortGroup, { host, store }: Surroundings): Refusal | undefined {
  if (groupNameOf(portGroup) === ownPortGroup) {
    return {
      reason: 'PortGroupReserved',
      field: 'groupName',
      message: `groupName: ${ownPortGroup} is an empty port group that networks of ours have. Choose another name`,
    }
  }
  return portGroupConflict(portGroup, host, store.list('PortGroup'))
}
