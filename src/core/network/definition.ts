/** A libvirt network as one definition of it (live or saved) has it, in the manifests' shapes. */
import type { Network, NetworkSpec } from '../../api/network.ts'
import type { PortGroup, PortGroupSpec } from '../../api/port-group.ts'
import { groupNameOf, networkNameOf } from '../resolve/applicable.ts'

/** What libvirt's network XML says, of what a Network says. */
const settingNames = [
  'forward',
  'bridge',
  'mac',
  'mtu',
  'domain',
  'dns',
  'ips',
  'routes',
  'bandwidth',
  'vlan',
  'virtualPort',
  'trustGuestRxFilters',
  'portIsolation',
  'ipv6',
  'dnsmasqOptions',
] as const

export type NetworkSettings = Pick<NetworkSpec, (typeof settingNames)[number]>

/** A `portgroup` element. Isolation is missing: libvirt drops it there, so that only interfaces carry it. */
export type PortGroupSettings = { name: string } & Pick<
  PortGroupSpec,
  'default' | 'virtualPort' | 'bandwidth' | 'vlan' | 'trustGuestRxFilters'
>

export interface NetworkDefinition {
  /** libvirt's name of the network: networkName. */
  name: string
  /** Absent until libvirt knows the network. */
  uuid?: string
  settings: NetworkSettings
  /** In libvirt's order; ours come by name. */
  portGroups: PortGroupSettings[]
  /** The mark in its metadata: name of the Network object that it is kept for. Absent on what isn't ours. */
  owner?: string
}

/**
 * An empty group that every network has which we made. Interfaces of ours name it, so that libvirt merges no default group into
 * settings which are resolved already; a network that was taken over may lack it, since libvirt takes the name of a group
 * that isn't there for no group. It is never imported and no difference in a plan.
 */
export const ownPortGroup = 'patchbay'

/** What libvirt is to have of a Network: `portGroups` are those that apply to it on this host. */
export function definitionOf(network: Network, portGroups: readonly PortGroup[]): NetworkDefinition {
  const { spec, metadata } = network
  const groups = portGroups.map(settingsOfGroup).sort((a, b) => (a.name < b.name ? -1 : 1))
  return {
    name: networkNameOf(network),
    settings: pick(spec, settingNames),
    portGroups: groups,
    owner: metadata.name,
  }
}

export function withOwnPortGroup(definition: NetworkDefinition): NetworkDefinition {
  return { ...definition, portGroups: [...definition.portGroups, { name: ownPortGroup }] }
}

function settingsOfGroup(portGroup: PortGroup): PortGroupSettings {
  const { spec } = portGroup
  const settings = pick(spec, ['default', 'virtualPort', 'bandwidth', 'vlan', 'trustGuestRxFilters'] as const)
  return { name: groupNameOf(portGroup), ...settings }
}

/** Isolated, nat, route or open: libvirt makes a bridge for it. */
export function isMadeByLibvirt({ forward }: Pick<NetworkSettings, 'forward'>): boolean {
  return forward === undefined || ['nat', 'route', 'open'].includes(forward.mode)
}

/** Only what is there: an absent field and one that is undefined must not differ. */
function pick<T extends object, K extends keyof T>(from: T, names: readonly K[]): Pick<T, K> {
  const entries = names.filter((name) => from[name] !== undefined).map((name) => [name, from[name]])
  return Object.fromEntries(entries) as Pick<T, K>
}
