/** Whether the manifests say one thing of a Network or a PortGroup on a host that it selects. */
import type { Network } from '../../api/network.ts'
import type { PortGroup } from '../../api/port-group.ts'
import type { HostIdentity } from '../host-selector.ts'
import type { Refusal } from '../refusal.ts'
import {
  groupNameOf,
  networkNameOf,
  networksOn,
  portGroupConflict,
  portGroupsOn,
} from '../resolve/applicable.ts'
import { ownPortGroup } from './definition.ts'

/** Why a Network that selects this host cannot be kept there. */
export function networkConflict(
  network: Network,
  host: HostIdentity,
  { networks, portGroups }: { networks: readonly Network[]; portGroups: readonly PortGroup[] },
): Refusal | undefined {
  const name = networkNameOf(network)
  const same = networksOn(name, host, networks)
  if (same.length > 1) {
    const names = same.map(({ metadata }) => metadata.name).sort()
    return {
      reason: 'NetworkAmbiguous',
      field: 'networkName',
      message: `${name} is on host ${host.name} more than one Network: ${names.join(', ')}. Leave one, or tell them apart by hostSelector`,
    }
  }
  return portGroupsOn(name, host, portGroups)
    .map((group) => portGroupRefusal(group, host, portGroups))
    .find((refusal) => refusal !== undefined)
}

/** Why a PortGroup that selects this host cannot be in force there. */
export function portGroupRefusal(
  portGroup: PortGroup,
  host: HostIdentity,
  portGroups: readonly PortGroup[],
): Refusal | undefined {
  if (groupNameOf(portGroup) === ownPortGroup) {
    return {
      reason: 'PortGroupReserved',
      field: 'groupName',
      message: `groupName: ${ownPortGroup} is an empty port group that networks of ours have. Choose another name`,
    }
  }
  return portGroupConflict(portGroup, host, portGroups)
}
