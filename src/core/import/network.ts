/** A libvirt network as somebody made it, to the manifests that say the same of it. */
import type { Network } from '../../api/network.ts'
import type { PortGroup } from '../../api/port-group.ts'
import { apiVersion } from '../../api/resource.ts'
import { validate } from '../../api/validate.ts'
import { type NetworkDefinition, ownPortGroup, type PortGroupSettings } from '../network/definition.ts'
import { objectNameOf } from './object-name.ts'

export interface ImportedNetwork {
  network: Network
  /** In the definition's order. */
  portGroups: PortGroup[]
  /** Field and reason of each thing that manifests cannot say. Not empty: the objects must not be used. */
  refusals: string[]
}

/** A network with our mark gets the name of the object that it is kept for. */
export function importNetwork({ name, settings, portGroups, owner }: NetworkDefinition): ImportedNetwork {
  const object = owner ?? objectNameOf(name)
  const network: Network = {
    apiVersion,
    kind: 'Network',
    metadata: { name: object },
    spec: { ...(object !== name && { networkName: name }), adopt: true, ...settings },
  }
  const groups = portGroups
    .filter((group) => group.name !== ownPortGroup)
    .map((group) => importPortGroup(name, group))
  return {
    network,
    portGroups: groups,
    refusals: [
      ...invalid(network),
      ...groups.flatMap((group) =>
        invalid(group).map((found) => `portgroup ${group.spec.groupName}: ${found}`),
      ),
      ...contradictions(portGroups),
    ],
  }
}

function importPortGroup(networkName: string, { name, ...settings }: PortGroupSettings): PortGroup {
  return {
    apiVersion,
    kind: 'PortGroup',
    metadata: { name: objectNameOf(networkName, name) },
    spec: { networkName, groupName: name, ...settings },
  }
}

/** What manifests are checked by. */
function invalid(object: Network | PortGroup): string[] {
  return validate(object).problems.map(({ field, reason }) => `${field}: ${reason}`)
}

/** What is wrong between port groups. libvirt refuses the first two itself; files can hold what it never saw. */
export function contradictions(portGroups: readonly PortGroupSettings[]): string[] {
  const names = portGroups.map(({ name }) => name)
  const twice = new Set(names.filter((name, n) => names.indexOf(name) !== n))
  const defaults = portGroups.filter((group) => group.default === true)
  const ours = portGroups.find(({ name }) => name === ownPortGroup)
  return [
    ...[...twice].map((name) => `portgroup ${name}: is there twice`),
    ...(defaults.length > 1
      ? [`portgroup: more than one is the default: ${defaults.map(({ name }) => name).join(', ')}`]
      : []),
    ...(ours !== undefined && Object.keys(ours).length > 1
      ? [`portgroup ${ownPortGroup}: Patchbay keeps an empty group of this name for itself; rename yours`]
      : []),
  ]
}
