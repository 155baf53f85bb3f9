/** Which Network and which PortGroup hold for an interface on a host. */
import type { Network } from '../../api/network.ts'
import type { PortGroup } from '../../api/port-group.ts'
import { type HostIdentity, labelsOf, selects } from '../host-selector.ts'
import type { Refusal } from '../refusal.ts'

/** The name that interfaces use for a Network: the object's own unless it says otherwise. */
export function networkNameOf(network: Network): string {
  return network.spec.networkName ?? network.metadata.name
}

/** The name that interfaces use for a PortGroup: the object's own unless it says otherwise. */
export function groupNameOf(portGroup: PortGroup): string {
  return portGroup.spec.groupName ?? portGroup.metadata.name
}

export interface ApplicableInput {
  /** The interface's source.network. */
  wanted: { name: string; portGroup?: string }
  /** The interface's namespace. */
  namespace: string
  host: HostIdentity
  networks: readonly Network[]
  portGroups: readonly PortGroup[]
}

export interface Applicable {
  network: Network
  /** Absent when none is named and the network has no default one. */
  portGroup?: PortGroup
}

/** The one Network and at most one PortGroup, or why there is not exactly that. */
export function applicable(input: ApplicableInput): Applicable | { refusals: Refusal[] } {
  const network = applicableNetwork(input)
  if ('refusals' in network) return network
  const { namespace } = input
  if (!allows(network, namespace)) {
    return refuse(
      'NamespaceNotAllowed',
      `source.network.name: Network ${network.metadata.name} does not allow namespace ${namespace}; ` +
        'add it to spec.allowedNamespaces of the Network or use another one',
      'source.network.name',
    )
  }
  return applicablePortGroup(input, network)
}

/** The Networks with that name on that host: one, unless the manifests contradict one another. */
export function networksOn(name: string, host: HostIdentity, networks: readonly Network[]): Network[] {
  const labels = labelsOf(host)
  const matching = networks.filter(
    (network) => networkNameOf(network) === name && selects(network.spec.hostSelector, labels),
  )
  // One that is going serves its interfaces until they have left, but doesn't quarrel with its successor.
  const staying = matching.filter((network) => network.metadata.deletionTimestamp === undefined)
  return staying.length > 0 ? staying : matching
}

function applicableNetwork({ wanted, namespace, host, networks }: ApplicableInput) {
  const [network, ...others] = networksOn(wanted.name, host, networks)
  if (network === undefined) {
    const labels = labelsOf(host)
    const there = networks.filter(
      (other) => selects(other.spec.hostSelector, labels) && allows(other, namespace),
    )
    return refuse(
      'NetworkNotFound',
      `source.network.name: no Network ${wanted.name} for host ${host.name}; ` +
        `${known(there.map(networkNameOf))}. Correct the name, or the hostSelector of the Network`,
      'source.network.name',
    )
  }
  if (others.length > 0) {
    return refuse(
      'NetworkAmbiguous',
      `source.network.name: ${wanted.name} is on host ${host.name} more than one Network: ` +
        `${objectNames([network, ...others])}. Leave one, or tell them apart by hostSelector`,
      'source.network.name',
    )
  }
  return network
}

/** Why a PortGroup cannot be told from another one on that host; undefined when it can. */
export function portGroupConflict(
  portGroup: PortGroup,
  host: HostIdentity,
  portGroups: readonly PortGroup[],
): Refusal | undefined {
  const there = portGroupsOn(portGroup.spec.networkName, host, portGroups)
  const same = there.filter((other) => groupNameOf(other) === groupNameOf(portGroup))
  if (same.length > 1) return sameGroup(portGroup.spec.networkName, groupNameOf(portGroup), host, same)
  const defaults = there.filter(({ spec }) => spec.default === true)
  return portGroup.spec.default && defaults.length > 1
    ? twoDefaults(portGroup.spec.networkName, host, defaults)
    : undefined
}

/** The PortGroups of that network on that host, conflicting ones too. */
export function portGroupsOn(
  networkName: string,
  host: HostIdentity,
  portGroups: readonly PortGroup[],
): PortGroup[] {
  const labels = labelsOf(host)
  return portGroups.filter(
    ({ spec, metadata }) =>
      spec.networkName === networkName &&
      selects(spec.hostSelector, labels) &&
      metadata.deletionTimestamp === undefined,
  )
}

function applicablePortGroup(
  { wanted, host, portGroups }: ApplicableInput,
  network: Network,
): Applicable | { refusals: Refusal[] } {
  const there = portGroupsOn(wanted.name, host, portGroups)
  const defaults = there.filter((group) => group.spec.default === true)
  const defaultNames = new Set(defaults.map(groupNameOf))
  if (wanted.portGroup === undefined && defaultNames.size > 1) {
    return { refusals: [twoDefaults(wanted.name, host, defaults)] }
  }
  const groupName = wanted.portGroup ?? [...defaultNames][0]
  if (groupName === undefined) return { network }

  const [portGroup, ...others] = there.filter((group) => groupNameOf(group) === groupName)
  if (portGroup === undefined) {
    return refuse(
      'PortGroupNotFound',
      `source.network.portGroup: network ${wanted.name} has no PortGroup ${groupName} on host ${host.name}; ` +
        `${known(there.map(groupNameOf))}. Correct the name, or the hostSelector of the PortGroup`,
      'source.network.portGroup',
    )
  }
  if (others.length > 0) {
    return { refusals: [sameGroup(wanted.name, groupName, host, [portGroup, ...others])] }
  }
  return { network, portGroup }
}

function twoDefaults(networkName: string, host: HostIdentity, defaults: readonly PortGroup[]): Refusal {
  return {
    reason: 'PortGroupAmbiguous',
    message:
      `source.network.portGroup: network ${networkName} has on host ${host.name} more than one default PortGroup: ` +
      `${objectNames(defaults)}. Leave one default, or name the group`,
    field: 'source.network.portGroup',
  }
}

function sameGroup(
  networkName: string,
  group: string,
  host: HostIdentity,
  same: readonly PortGroup[],
): Refusal {
  return {
    reason: 'PortGroupAmbiguous',
    message:
      `source.network.portGroup: ${group} of network ${networkName} is on host ${host.name} more than one PortGroup: ` +
      `${objectNames(same)}. Leave one, or tell them apart by hostSelector`,
    field: 'source.network.portGroup',
  }
}

/** An absent list allows every namespace, an empty one none. */
function allows(network: Network, namespace: string): boolean {
  return network.spec.allowedNamespaces?.includes(namespace) ?? true
}

function objectNames(objects: readonly (Network | PortGroup)[]): string {
  return objects
    .map((object) => object.metadata.name)
    .sort()
    .join(', ')
}

function known(names: readonly string[]): string {
  return names.length > 0 ? `there are ${[...new Set(names)].sort().join(', ')}` : 'there are none'
}

function refuse(reason: Refusal['reason'], message: string, field: string): { refusals: Refusal[] } {
  return { refusals: [{ reason, message, field }] }
}
