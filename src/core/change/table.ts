/**
 * The change table: what may differ between a NIC in a running guest and what the manifests want, and what becomes of it. The
 * first row that fits holds. A guest that is off has no such limits.
 */
import type { VirtualPortType } from '../../api/settings.ts'
import { type Capabilities, versionText } from '../capabilities.ts'
import type { InterfaceDefinition } from '../definition.ts'
import type { Port } from '../port.ts'
import type { ComparedField, FieldDifference } from './differences.ts'

export type ChangeCapabilities = Pick<
  Capabilities,
  | 'libvirt'
  | 'trustGuestRxFiltersLive'
  | 'openVswitchBridgeChange'
  | 'virtualPortChange'
  | 'updateAsNetwork'
  | 'bridgeVlan'
>

export type LiveVerdict = 'None' | 'InPlace' | 'Reattach' | 'Refused'

/** One difference, with all that the rows look at. */
export interface Change {
  difference: FieldDifference
  from: Plugged
  to: Plugged
  capabilities: ChangeCapabilities
}

/** Where a definition plugs the NIC in. */
interface Plugged {
  port: Port
  /** Of a NIC on a bridge: what kind of switch libvirt takes it for, as the virtual port says. */
  switch?: 'linux' | 'openvswitch' | 'midonet'
  /** libvirt itself took the device from the pool of a network. */
  fromLibvirt?: boolean
}

export interface Row {
  /** For people: what differs. */
  what: string
  /** Of which settings the row speaks; all where it is absent. */
  settings?: readonly ComparedField[]
  where?: (change: Change) => boolean
  verdict: LiveVerdict
  /** What this libvirt must be able to do for the verdict; else the change is refused. */
  needs?: Need
  reason: string
}

interface Need {
  /** libvirt from which on it can. */
  since: string
  isThere: (change: Change) => boolean
  /** What an older one does: libvirt 9.0.0 ... */
  before: string
}

const refused = (what: string, settings: ComparedField[] | undefined, reason: string): Row => ({
  what,
  settings,
  verdict: 'Refused',
  reason,
})

const movesAnywhere: Need = {
  since: '10.8',
  isThere: ({ capabilities }) => capabilities.openVswitchBridgeChange,
  before: 'moves a running NIC only from one Linux bridge to another',
}

export const changeTable: readonly Row[] = [
  {
    ...refused(
      'plugged kind (bridge, direct, hostdev, ...)',
      ['source'],
      'QEMU cannot swap the back end of a running NIC',
    ),
    where: ({ from, to }) => from.port.kind !== to.port.kind && !bothOnBridges(from, to),
  },
  {
    ...refused(
      'anything of a hostdev, vdpa or vhostuser NIC, link state too',
      undefined,
      'Nothing of such a NIC can be changed while the guest runs',
    ),
    where: ({ from: { port } }) => ['hostdev', 'vdpa', 'vhostuser'].includes(port.kind),
  },
  refused('MAC address', ['mac'], 'The MAC address is fixed when the NIC is plugged'),
  refused('model', ['model'], 'The device model is fixed when the NIC is plugged'),
  refused('driver options', ['driver'], "The driver's options are fixed when the NIC is plugged"),
  refused('MTU', ['mtu'], 'The MTU is fixed when the NIC is plugged'),
  refused('target device', ['targetDevice'], 'The name of the tap is fixed when the NIC is plugged'),
  refused('PCI address', ['address'], 'The PCI address is fixed when the NIC is plugged'),
  refused('boot order', ['bootOrder'], 'The boot order is read when the guest starts'),
  refused('option ROM', ['rom'], 'The option ROM is fixed when the NIC is plugged'),

  {
    what: "both sides the same bridge; only the network's or the source type's name differs",
    settings: ['source'],
    where: ({ from, to }) => from.switch === to.switch && sameBridge(from.port, to.port),
    verdict: 'None',
    reason: 'It is plugged into that bridge already: nothing to do on the host',
  },
  {
    ...refused(
      "port group that a libvirt network's definition names",
      ['source'],
      'libvirt reads the port group when the NIC is plugged',
    ),
    where: ({ difference, from, to }) =>
      difference.field === 'source.portGroup' && sameNetwork(from.port, to.port),
  },
  {
    what: 'both sides a Linux bridge, other bridge',
    settings: ['source'],
    where: ({ from, to }) => from.switch === 'linux' && to.switch === 'linux',
    verdict: 'Reattach',
    reason: 'The tap is taken from one bridge to the other; the guest keeps its carrier',
  },
  {
    what: 'both sides a bridge, one of them of Open vSwitch; other bridge',
    settings: ['source'],
    where: ({ from, to }) => bothOnBridges(from, to),
    verdict: 'Reattach',
    needs: movesAnywhere,
    reason: 'The tap is taken from one bridge to the other; the guest keeps its carrier',
  },
  refused('direct: device or mode', ['source'], 'A macvtap cannot change its device or mode once made'),

  {
    what: 'both sides a bridge, virtual port',
    settings: ['virtualPort'],
    where: ({ from, to }) => bothOnBridges(from, to),
    verdict: 'Reattach',
    needs: {
      since: '10.8',
      isThere: ({ capabilities }) => capabilities.virtualPortChange,
      before: 'cannot change the virtual port of a running NIC',
    },
    reason: 'The tap is plugged into its bridge again with the new virtual port; the guest keeps its carrier',
  },
  {
    ...refused('direct: virtual port', ['virtualPort'], 'A macvtap cannot change its virtual port once made'),
    where: ({ from }) => from.port.kind === 'direct',
  },

  {
    what: 'VLAN, while the NIC moves from or to Open vSwitch',
    settings: ['vlan'],
    where: ({ from, to }) => bothOnBridges(from, to) && from.switch !== to.switch,
    verdict: 'Reattach',
    needs: movesAnywhere,
    reason: 'It goes along as the tap is taken to the other bridge',
  },
  {
    what: 'VLAN on Open vSwitch',
    settings: ['vlan'],
    where: ({ to }) => to.switch === 'openvswitch',
    verdict: 'InPlace',
    reason: "The port's VLANs are changed on the switch",
  },
  {
    what: 'VLAN on a Linux bridge that has vlan_filtering',
    settings: ['vlan'],
    where: ({ to }) => to.switch === 'linux',
    verdict: 'InPlace',
    needs: {
      since: '11.0',
      isThere: ({ capabilities }) => capabilities.bridgeVlan,
      before: 'sets no VLAN on a Linux bridge',
    },
    reason: "The port's VLANs are changed on the bridge",
  },
  {
    what: 'bandwidth',
    settings: ['bandwidth'],
    where: ({ to }) => ['network', 'bridge', 'direct', 'ethernet'].includes(to.port.kind),
    verdict: 'InPlace',
    reason: 'Both directions are set again; the rate holds at once',
  },
  {
    what: 'filter',
    settings: ['filter'],
    where: ({ to }) => ['network', 'bridge', 'ethernet'].includes(to.port.kind),
    verdict: 'InPlace',
    reason: 'The rules of the tap are changed; connections that they allow go on',
  },
  {
    what: 'isolation, on a Linux bridge',
    settings: ['portIsolation'],
    where: ({ from, to }) => from.switch === 'linux' || to.switch === 'linux',
    verdict: 'InPlace',
    reason: "The bridge's port is changed",
  },
  {
    what: 'coalescing',
    settings: ['coalesce'],
    where: ({ to }) => to.switch !== undefined,
    verdict: 'InPlace',
    reason: 'The tap is changed',
  },
  {
    what: 'trust in receive filters, of a device that libvirt itself took from a pool',
    settings: ['trustGuestRxFilters'],
    where: ({ from }) => from.fromLibvirt === true,
    verdict: 'InPlace',
    needs: {
      since: '10.8',
      isThere: ({ capabilities }) => capabilities.updateAsNetwork,
      before: 'would give the device back to its pool, for the next guest to take',
    },
    reason: "The guest's receive filters are followed from now on, or no more",
  },
  {
    what: 'trust in receive filters',
    settings: ['trustGuestRxFilters'],
    where: ({ to }) => to.port.kind === 'direct' || to.switch !== undefined,
    verdict: 'InPlace',
    needs: {
      since: '10.0',
      isThere: ({ capabilities }) => capabilities.trustGuestRxFiltersLive,
      before: 'says yes and applies nothing',
    },
    reason: "The guest's receive filters are followed from now on, or no more",
  },
  {
    what: 'link state',
    settings: ['link'],
    verdict: 'InPlace',
    reason: 'The guest sees its carrier change',
  },
  refused('anything else', undefined, 'The setting is not possible on this kind of port'),
]

/** What becomes of a difference, and why. */
export function judge(change: Change): { verdict: LiveVerdict; reason: string } {
  const { setting } = change.difference
  const row = changeTable.find(
    ({ settings, where }) => (settings?.includes(setting) ?? true) && (where?.(change) ?? true),
  ) as Row
  if (!row.needs || row.needs.isThere(change)) return row
  const { before, since } = row.needs
  return {
    verdict: 'Refused',
    reason: `libvirt ${versionText(change.capabilities.libvirt)} ${before}; it can from ${since} on`,
  }
}

export function plugged({ port, settings, portId }: InterfaceDefinition): Plugged {
  const of = switchOf(port, settings.virtualPort?.type)
  if (of !== undefined) return { port, switch: of }
  return portId === undefined ? { port } : { port, fromLibvirt: true }
}

/** libvirt plugs into Open vSwitch when the virtual port says so; it doesn't look at the bridge. */
function switchOf({ kind }: Port, virtualPort: VirtualPortType | undefined): Plugged['switch'] {
  if (kind === 'network') return 'linux'
  if (kind !== 'bridge') return undefined
  return virtualPort === 'openvswitch' || virtualPort === 'midonet' ? virtualPort : 'linux'
}

function bothOnBridges(from: Plugged, to: Plugged): boolean {
  return from.switch !== undefined && to.switch !== undefined
}

/** A network whose bridge nobody knows is taken for another one. */
function sameBridge(from: Port, to: Port): boolean {
  const [was, wanted] = [bridgeOf(from), bridgeOf(to)]
  return was !== undefined && was === wanted && !sameNetwork(from, to)
}

function sameNetwork(from: Port, to: Port): boolean {
  return from.kind === 'network' && to.kind === 'network' && from.network === to.network
}

function bridgeOf(port: Port): string | undefined {
  return port.kind === 'network' || port.kind === 'bridge' ? port.bridge : undefined
}
