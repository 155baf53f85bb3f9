/**
 * Where we and libvirt's port creation may differ, all of it. A difference that no rule here explains is a fault of ours; why each
 * rule is right stands in docs/decisions/0004-differences-from-libvirt.md.
 */
import type { VirtualPort } from '../../../src/api/settings.ts'
import type { Resolved } from '../../../src/core/resolve/resolve.ts'
import { isPool, type Mode, type Settings } from './triples.ts'

/** One interface with the layers that hold for it. */
export interface Triple {
  mode: Mode
  interface: Settings
  group: Settings | undefined
  network: Settings
}

/**
 * What libvirt's port creation gives but no guest gets: the fields which the guest's own validation refuses when it starts, or
 * which are left out in silence. Seen on 9.0 by starting guests with such interfaces.
 */
export function unusableFields(
  { mode }: Triple,
  { vlan, virtualPort, bandwidth, portIsolation }: Settings,
): string[] {
  const onOpenVswitch = virtualPort?.type === 'openvswitch'
  const fields: string[] = []
  // "vlan tag not supported for this connection type"; on Linux bridges from 11.0, if they filter VLANs. On a passthrough macvtap: "vlan
  // can only be set for SR-IOV VFs". On a function: "vlan trunking is not supported", "not allowed for hostdev devices using 802.1Qbg mode".
  const isTrunk = vlan?.trunk === true || (vlan?.tags.length ?? 0) > 1
  const vlanWorks = onOpenVswitch || (mode === 'hostdev' && !isTrunk && virtualPort === undefined)
  if (vlan !== undefined && !vlanWorks) fields.push('vlan')
  // "<port isolated='yes'/> is not supported for network interfaces with type", or with an Open vSwitch port.
  if (portIsolation && (isPool(mode) || onOpenVswitch)) fields.push('portIsolation')
  // A warning in libvirt's log, no more.
  if (bandwidth !== undefined && mode === 'hostdev') fields.push('bandwidth')
  return fields
}

interface BetterThanLibvirt {
  /** What libvirt says. */
  says: RegExp
  holds: (triple: Triple, resolved: Resolved) => boolean
}

/** What we accept and libvirt refuses: the list of design 6, point 6. */
export const betterThanLibvirt: Record<string, BetterThanLibvirt> = {
  'parameters without any type': {
    says: /<virtualport type='none'> not supported/,
    holds: (_, { effective, unused }) => effective.virtualPort === undefined && unused.length > 0,
  },
  "a network's virtual port without a type": {
    says: /missing required virtualport type/,
    holds: ({ network }) => network.virtualPort !== undefined && network.virtualPort.type === undefined,
  },
  "extra parameters beside a layer's own type": {
    says: /extra (\w+) unsupported in <virtualport type=/,
    holds: (triple, { unused }) =>
      [triple.interface, triple.group, triple.network].some(
        (layer) =>
          layer?.virtualPort?.type !== undefined &&
          parameters.some(
            (parameter) =>
              layer.virtualPort?.[parameter] !== undefined && unused.includes(`virtualPort.${parameter}`),
          ),
      ),
  },
  'bandwidth in a port group of a pool': {
    says: /Unsupported <bandwidth> element in network .* in portgroup/,
    holds: ({ mode, group }) => isPool(mode) && group?.bandwidth !== undefined,
  },
  // libvirt looks for openvswitch in the element that has the VLAN, and on functions takes any virtual port there for an obstacle.
  'a VLAN beside a virtual port whose type another layer names, or none': {
    says: /<vlan> element specified for network .*, whose type doesn't support vlan configuration/,
    holds: ({ mode, network, group }, { effective: { virtualPort } }) =>
      (network.vlan ?? group?.vlan) !== undefined &&
      (virtualPort?.type === 'openvswitch' || (mode === 'hostdev' && virtualPort === undefined)),
  },
}

const parameters: Exclude<keyof VirtualPort, 'type'>[] = [
  'managerID',
  'typeID',
  'typeIDVersion',
  'instanceID',
  'interfaceID',
  'profileID',
]
