/** What can go where. libvirt often accepts a setting and ignores it: we refuse it, by field, before libvirt is asked. */
import type { Layer } from '../../api/guest-interface.ts'
import type { InterfaceSettings, VirtualPortType } from '../../api/settings.ts'
import { type Capabilities, versionText } from '../capabilities.ts'
import type { Port } from '../port.ts'
import type { Refusal } from '../refusal.ts'

/** What a bridge of the host is, as the kernel and Open vSwitch show it. */
export interface BridgeFacts {
  type: 'linux' | 'openvswitch'
  /** Of a Linux bridge: vlan_filtering=1. */
  vlanFiltering?: boolean
}

export type SupportCapabilities = Pick<Capabilities, 'libvirt' | 'bridgeVlan'>

/** Where an interface is plugged, with all that decides what can be set there. */
export interface Place {
  kind: Port['kind']
  /** The bridge's name, where it is known. */
  bridge?: string
  /** Absent where nobody has looked: then the virtual port tells the bridge's type. */
  bridgeFacts?: BridgeFacts
  /** Type of the merged virtual port. */
  virtualPort?: VirtualPortType
  /** The types that this place takes. */
  virtualPorts: readonly VirtualPortType[]
  /** The Network itself has bandwidth.inbound.average, a part of which a floor can guarantee. */
  inboundRate?: boolean
  /** Of this libvirt; absent where there is none to ask: then it is thought to have them all. */
  capabilities?: SupportCapabilities
  /** The guest's definition has `<os><boot>`. */
  guestHasOsBoot?: boolean
}

export interface SupportRow {
  field: string
  /** What is set; undefined when nothing is. */
  setting: (settings: InterfaceSettings) => unknown
  /** For people. */
  possibleOn: string
  /** Why it is not possible there, in a few words (`notThere` says it all where the table does); undefined when it is. */
  obstacle: (place: Place, settings: InterfaceSettings) => string | undefined
}

const notThere = ''

/** A row a setting. What has no row can be set anywhere. */
export const supportTable: readonly SupportRow[] = [
  {
    field: 'mtu',
    setting: ({ mtu }) => mtu,
    possibleOn: 'network, bridge, ethernet and vhostuser',
    obstacle: unlessOn('network', 'bridge', 'ethernet', 'vhostuser'),
  },
  {
    field: 'coalesce',
    setting: ({ coalesce }) => coalesce,
    possibleOn: 'network and bridge',
    obstacle: unlessOn('network', 'bridge'),
  },
  {
    field: 'portIsolation',
    // false asks for nothing, it only takes back what a port group or a network says.
    setting: ({ portIsolation }) => portIsolation || undefined,
    possibleOn: 'Linux bridges',
    obstacle: (place) => (switchOf(place) === 'linux' ? undefined : notThere),
  },
  {
    field: 'bandwidth',
    setting: ({ bandwidth }) => bandwidth,
    possibleOn: 'network, bridge, direct and ethernet',
    obstacle: unlessOn('network', 'bridge', 'direct', 'ethernet'),
  },
  {
    field: 'bandwidth.inbound.floor',
    setting: ({ bandwidth }) => bandwidth?.inbound?.floor,
    possibleOn: 'networks that libvirt makes, with a bandwidth.inbound.average of their own',
    obstacle: floorObstacle,
  },
  {
    field: 'filter',
    setting: ({ filter }) => filter,
    possibleOn: 'network, bridge and ethernet, without a virtual port',
    obstacle: (place) => (isTap(place) && place.virtualPort === undefined ? undefined : notThere),
  },
  {
    field: 'vlan',
    setting: ({ vlan }) => vlan,
    possibleOn:
      'Open vSwitch, hostdev without a virtual port (one untrunked tag), and Linux bridges with vlan_filtering=1 from libvirt 11.0',
    obstacle: vlanObstacle,
  },
  {
    field: 'link',
    setting: ({ link }) => link?.state,
    possibleOn: 'all but hostdev, vdpa and vhostuser',
    obstacle: unlessOn('network', 'bridge', 'direct', 'user', 'ethernet'),
  },
  {
    field: 'targetDevice',
    setting: ({ targetDevice }) => targetDevice,
    possibleOn: 'network, bridge and ethernet, beginning neither vnet, macvtap nor macvlan',
    obstacle: targetDeviceObstacle,
  },
  {
    field: 'bootOrder',
    setting: ({ bootOrder }) => bootOrder,
    possibleOn: 'guests without <os><boot>',
    obstacle: ({ guestHasOsBoot }) => (guestHasOsBoot ? 'the guest has <os><boot>' : undefined),
  },
  {
    field: 'driver',
    setting: ({ driver }) => driver,
    possibleOn: 'the models virtio, virtio-transitional and virtio-non-transitional, all but hostdev',
    obstacle: driverObstacle,
  },
]

/** Everything that cannot be set at that place, with its field, and the virtual port if it doesn't fit. */
export function unsupported(
  settings: InterfaceSettings,
  sources: Readonly<Record<string, Layer>>,
  place: Place,
): Refusal[] {
  const refusals = supportTable.flatMap(({ field, setting, possibleOn, obstacle }): Refusal[] => {
    const value = setting(settings)
    const why = value === undefined ? undefined : obstacle(place, settings)
    if (why === undefined) return []
    return [
      {
        reason: 'SettingNotSupported',
        field,
        message:
          `${field}: ${shown(value)}${from(sources[field.split('.')[0]!])} is not possible on ${described(place)}${why && `: ${why}`}. ` +
          `Possible on: ${possibleOn}. Take it away, or plug the interface in elsewhere`,
      },
    ]
  })
  const misfit = virtualPortMisfit(place)
  return misfit === undefined ? refusals : [...refusals, misfit]
}

/** Network's own settings that only a network which libvirt makes can have. */
export function unsupportedOfNetwork(
  spec: { bandwidth?: unknown; bridge?: { name?: unknown; macTableManager?: unknown } },
  kind: Port['kind'],
): Refusal[] {
  if (kind === 'network') return []
  const settings = { bandwidth: spec.bandwidth, 'bridge.macTableManager': spec.bridge?.macTableManager }
  return Object.entries(settings)
    .filter(([, value]) => value !== undefined)
    .map(([field, value]) => ({
      reason: 'SettingNotSupported',
      field: `network.${field}`,
      message:
        `network.${field}: ${shown(value)} is not possible on an existing bridge or a pool, only on networks that libvirt makes ` +
        '(forward mode none, nat, route or open). Take it away from the Network',
    }))
}

function unlessOn(...kinds: Port['kind'][]) {
  return (place: Place) => (kinds.includes(place.kind) ? undefined : notThere)
}

function floorObstacle(place: Place): string | undefined {
  if (place.kind !== 'network') return notThere
  return place.inboundRate ? undefined : 'the Network has no bandwidth.inbound.average'
}

function vlanObstacle(place: Place, { vlan }: InterfaceSettings): string | undefined {
  if (place.kind === 'hostdev') {
    if (place.virtualPort !== undefined)
      return `the virtual port of type ${place.virtualPort} decides on VLANs`
    return vlan?.trunk || (vlan?.tags.length ?? 0) > 1
      ? 'a virtual function takes one tag and no trunk'
      : undefined
  }
  switch (switchOf(place)) {
    case 'openvswitch':
      return undefined
    case 'linux':
      if (place.capabilities === undefined) return undefined
      if (!place.capabilities.bridgeVlan) {
        return `libvirt ${versionText(place.capabilities.libvirt)} sets no VLAN there, 11.0 does`
      }
      return place.bridgeFacts?.vlanFiltering ? undefined : 'it has not vlan_filtering=1'
    default:
      return notThere
  }
}

function targetDeviceObstacle(place: Place, { targetDevice = '' }: InterfaceSettings): string | undefined {
  // Not on a macvtap: libvirt before 9.1 removes one of that name which it did not make when a guest fails to start.
  if (!isTap(place)) return notThere
  const prefix = ['vnet', 'macvtap', 'macvlan'].find((each) => targetDevice.startsWith(each))
  return prefix && `libvirt drops names that begin ${prefix}`
}

function driverObstacle({ kind }: Place, { model }: InterfaceSettings): string | undefined {
  if (kind === 'hostdev') return notThere
  const isVirtio = /^virtio(-(non-)?transitional)?$/i.test(model ?? '')
  return isVirtio
    ? undefined
    : `libvirt drops it from a NIC of ${model ? `model ${model}` : 'no given model'}`
}

function virtualPortMisfit(place: Place): Refusal | undefined {
  const { virtualPort, virtualPorts, bridgeFacts } = place
  const refuse = (message: string): Refusal => ({
    reason: 'VirtualPortNotAllowed',
    field: 'virtualPort.type',
    message: `virtualPort.type: ${message}`,
  })
  if (virtualPort !== undefined && !virtualPorts.includes(virtualPort)) {
    const possible = virtualPorts.length > 0 ? `possible is ${virtualPorts.join(' or ')}` : 'none is possible'
    return refuse(
      `${virtualPort} is not possible on ${described({ ...place, virtualPort: undefined })}, ${possible} there. Change the type, or plug the interface in elsewhere`,
    )
  }
  if (place.kind !== 'bridge' || bridgeFacts === undefined) return undefined
  if (bridgeFacts.type === 'openvswitch' && virtualPort === undefined) {
    return refuse(`absent, but ${place.bridge} is an Open vSwitch bridge. Give the type openvswitch`)
  }
  if (bridgeFacts.type === 'linux' && virtualPort === 'openvswitch') {
    return refuse(
      `openvswitch, but ${place.bridge} is a Linux bridge. Take the type away, or name an Open vSwitch bridge`,
    )
  }
  return undefined
}

/** libvirt plugs into Open vSwitch when the virtual port says so; it doesn't look at the bridge. */
function switchOf(place: Place): 'linux' | 'openvswitch' | 'midonet' | undefined {
  if (place.kind === 'network') return 'linux'
  if (place.kind !== 'bridge') return undefined
  if (place.virtualPort === 'openvswitch' || place.virtualPort === 'midonet') return place.virtualPort
  return place.bridgeFacts?.type ?? 'linux'
}

function isTap({ kind }: Place): boolean {
  return kind === 'network' || kind === 'bridge' || kind === 'ethernet'
}

function described(place: Place): string {
  const bridge = place.bridge === undefined ? '' : ` ${place.bridge}`
  const virtualPort =
    place.virtualPort === undefined ? '' : ` with a virtual port of type ${place.virtualPort}`
  switch (place.kind) {
    case 'network':
      return `a network that libvirt makes${virtualPort}`
    case 'bridge':
      return `${{ linux: 'Linux bridge', openvswitch: 'Open vSwitch bridge', midonet: 'bridge' }[switchOf(place) ?? 'linux']}${bridge}${virtualPort}`
    case 'direct':
      return `a macvtap${virtualPort}`
    case 'hostdev':
      return `an assigned PCI function${virtualPort}`
    default:
      return `an interface of type ${place.kind}${virtualPort}`
  }
}

function from(layer: Layer | undefined): string {
  if (layer === 'portGroup') return ' (from the port group)'
  return layer === 'network' ? ' (from the Network)' : ''
}

function shown(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
