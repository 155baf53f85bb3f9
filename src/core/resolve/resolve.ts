/**
 * What the manifests come to for one interface on one host: its settings, the layer that supplied each, and where it
 * is plugged in; or everything that stands in the way.
 */
import type { GuestInterface, GuestInterfaceSpec, Layer } from '../../api/guest-interface.ts'
import type { Network } from '../../api/network.ts'
import type { PortGroup } from '../../api/port-group.ts'
import type { InterfaceSettings, Vlan } from '../../api/settings.ts'
import type { HostIdentity } from '../host-selector.ts'
import { namespaceOf } from '../identity.ts'
import type { Refusal } from '../refusal.ts'
import { type Applicable, applicable, groupNameOf, networkNameOf } from './applicable.ts'
import { type GeneratedFrom, generateMac } from './generated.ts'
import { type Plug, type Socket, socketOfNetwork, socketOfSource } from './plug.ts'
import {
  type BridgeFacts,
  type Place,
  type SupportCapabilities,
  unsupported,
  unsupportedOfNetwork,
} from './support.ts'
import { type KeptIDs, mergeVirtualPorts } from './virtual-port.ts'

/** What a host shows that decides what can be set there. */
export interface HostFacts {
  capabilities: SupportCapabilities
  /** By name. */
  bridges: ReadonlyMap<string, BridgeFacts>
  /** The guest's definition has `<os><boot>`. */
  guestHasOsBoot?: boolean
}

export interface ResolveInput {
  guestInterface: GuestInterface
  /** Absent where no libvirt is asked: then generated values are made from the guest's name. */
  guestUUID?: string
  /** All there are; those that hold on the host are picked here. */
  networks: readonly Network[]
  portGroups: readonly PortGroup[]
  host: HostIdentity
  /** Of an interface that was taken over. */
  keptIDs?: KeptIDs
  /** Absent where there is no host to look at: then what is possible on some host is taken as possible. */
  facts?: HostFacts
}

export interface Resolved {
  effective: InterfaceSettings & { mac: string }
  /** The layer that supplied each setting; keys such as mac, bandwidth, virtualPort.managerID. */
  sources: Record<string, Layer>
  plug: Plug
  /** Parameters that are given and not in effect, such as virtualPort.profileID. */
  unused: string[]
  /** networkName and groupName in force; absent where there is none. */
  network?: string
  portGroup?: string
  /** A value was generated from the guest's name, since nobody knows its UUID: on a host it will be another. */
  generatedFromName: boolean
}

export function resolve(input: ResolveInput): Resolved | { refusals: Refusal[] } {
  const { guestInterface, facts } = input
  const { spec, metadata } = guestInterface
  const namespace = namespaceOf(guestInterface)

  const layers = layersOf(input, namespace)
  if ('refusals' in layers) return layers
  const { network, portGroup } = layers

  const uuid = input.guestUUID ?? spec.guest.uuid
  const from: GeneratedFrom = { guest: uuid ?? spec.guest.name ?? '', namespace, name: metadata.name }
  const merged = mergeVirtualPorts(
    {
      interface: spec.virtualPort,
      portGroup: portGroup?.spec.virtualPort,
      network: network?.spec.virtualPort,
    },
    from,
    input.keptIDs,
  )
  if ('refusals' in merged) return merged

  const { effective, sources } = settle(spec, layers, from)
  if (merged.virtualPort) effective.virtualPort = merged.virtualPort
  Object.assign(sources, merged.sources)

  const type = merged.virtualPort?.type
  const socket = network ? socketOfNetwork(network, type) : socketOfSource(spec.source)
  const place = placeOf(socket, { type, network, facts })
  const refusals = [
    ...unsupported(effective, sources, place),
    ...(network ? unsupportedOfNetwork(network.spec, place.kind) : []),
    ...emptyPool(socket.plug),
  ]
  if (refusals.length > 0) return { refusals }
  return {
    effective,
    sources,
    plug: socket.plug,
    unused: merged.unused,
    ...(network && { network: networkNameOf(network) }),
    ...(portGroup && { portGroup: groupNameOf(portGroup) }),
    generatedFromName: uuid === undefined && Object.values(sources).includes('generated'),
  }
}

/** An interface with a source of its own has no layers but itself. */
function layersOf(
  { guestInterface, host, networks, portGroups }: ResolveInput,
  namespace: string,
): Partial<Applicable> | { refusals: Refusal[] } {
  const wanted = guestInterface.spec.source.network
  return wanted === undefined ? {} : applicable({ wanted, namespace, host, networks, portGroups })
}

/** Each setting from the first layer that has it, as a whole: a VLAN or a rate is never made up of two layers. */
function settle(spec: GuestInterfaceSpec, { network, portGroup }: Partial<Applicable>, from: GeneratedFrom) {
  const settings: InterfaceSettings = {}
  const sources: Record<string, Layer> = {}
  const take = <K extends keyof InterfaceSettings>(
    field: K,
    ...values: (readonly [layer: Layer, value: InterfaceSettings[K] | undefined])[]
  ) => {
    const found = values.find(([, value]) => value !== undefined && !isEmpty(value))
    if (found === undefined) return
    settings[field] = found[1]
    sources[field] = found[0]
  }

  const given: Record<GivenLayer, InterfaceSettings | undefined> = {
    interface: spec,
    portGroup: portGroup?.spec,
    network: network?.spec,
  }
  for (const field of Object.keys(givenBy) as (keyof typeof givenBy)[]) {
    take(field, ...givenBy[field].map((layer) => [layer, given[layer]?.[field]] as const))
  }
  if (settings.vlan) settings.vlan = asTrunk(settings.vlan)

  sources.mac = spec.mac === undefined ? 'generated' : 'interface'
  return { effective: { ...settings, mac: spec.mac ?? generateMac(from) }, sources }
}

/** An object without a field says nothing, so that the next layer is asked: libvirt reads an empty element so too. */
function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}

type GivenLayer = Exclude<Layer, 'generated'>

/** Who can give a setting, the first that does so wins. MAC address and virtual port go by rules of their own. */
export const givenBy: Readonly<
  Record<Exclude<keyof InterfaceSettings, 'mac' | 'virtualPort'>, readonly GivenLayer[]>
> = {
  model: ['interface'],
  driver: ['interface'],
  link: ['interface'],
  mtu: ['interface'],
  filter: ['interface'],
  coalesce: ['interface'],
  targetDevice: ['interface'],
  bootOrder: ['interface'],
  rom: ['interface'],
  address: ['interface'],
  bandwidth: ['interface', 'portGroup'],
  vlan: ['interface', 'portGroup', 'network'],
  trustGuestRxFilters: ['interface', 'portGroup', 'network'],
  portIsolation: ['interface', 'portGroup', 'network'],
}

/**
 * As libvirt has it: several tags are always a trunk. One native tag alone is not: Open vSwitch is given no list of VLANs
 * then, and lets all of them through.
 */
function asTrunk(vlan: Vlan): Vlan {
  return vlan.tags.length > 1 ? { ...vlan, trunk: true } : vlan
}

function placeOf(
  { plug, virtualPorts }: Socket,
  { type, network, facts }: { type: Place['virtualPort']; network?: Network; facts?: HostFacts },
): Place {
  const kind = plug.kind === 'fixed' ? plug.port.kind : plug.mode === 'hostdev' ? 'hostdev' : 'direct'
  const bridge =
    plug.kind === 'fixed' && plug.port.kind === 'bridge' ? plug.port.bridge : network?.spec.bridge?.name
  return {
    kind,
    bridge,
    virtualPort: type,
    virtualPorts,
    bridgeFacts: bridge === undefined ? undefined : facts?.bridges.get(bridge),
    inboundRate: network?.spec.bandwidth?.inbound?.average !== undefined,
    capabilities: facts?.capabilities,
    guestHasOsBoot: facts?.guestHasOsBoot,
  }
}

function emptyPool(plug: Plug): Refusal[] {
  if (plug.kind !== 'pool' || plug.devices.length > 0 || plug.pf !== undefined) return []
  const devices =
    plug.mode === 'hostdev'
      ? 'forward.addresses or forward.pf'
      : 'forward.interfaces, forward.dev or forward.pf'
  return [
    {
      reason: 'PoolEmpty',
      field: 'network.forward',
      message:
        `network.forward: Network ${plug.network} has forward mode ${plug.forwardMode} and no device. ` +
        `Give it ${devices}${plug.forwardMode === 'bridge' ? ', or name a bridge in bridge.name' : ''}`,
    },
  ]
}
