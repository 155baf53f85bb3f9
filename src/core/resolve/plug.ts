/** What plugs into what: where an interface goes by its source, and the virtual ports that are possible there. */
import type { Network, NetworkSpec } from '../../api/network.ts'
import type { DirectMode, Source, VirtualPortType } from '../../api/settings.ts'
import type { Port } from '../port.ts'
import { networkNameOf } from './applicable.ts'

export type ForwardMode = NonNullable<NetworkSpec['forward']>['mode']
export type PoolMode = Exclude<ForwardMode, 'nat' | 'route' | 'open'>

export interface Pool {
  /** networkName. */
  network: string
  mode: DirectMode | 'hostdev'
  /** Links or PCI addresses, in order of preference. */
  devices: string[]
  /** A device has one user at a time. */
  exclusive: boolean
  /** hostdev: libvirt detaches the host's driver itself. */
  managed?: boolean
}

/** A pool as the manifests describe it; its devices are yet to be looked at on the host. */
export interface PoolPlug extends Pool {
  kind: 'pool'
  forwardMode: PoolMode
  /** A physical function all of whose virtual functions follow `devices`, in order of their index. */
  pf?: string
}

export type Plug =
  /** The port is known without looking at who uses what. */
  { kind: 'fixed'; port: Port } | PoolPlug

export interface Socket {
  plug: Plug
  /** The virtual port types that it takes. */
  virtualPorts: readonly VirtualPortType[]
}

const none: readonly VirtualPortType[] = []
const vepaTypes: readonly VirtualPortType[] = ['802.1Qbg', '802.1Qbh']

/** Where an interface of that Network goes; whether it needs a device to itself hangs on its virtual port. */
export function socketOfNetwork(network: Network, virtualPort?: VirtualPortType): Socket {
  const { forward, bridge } = network.spec
  const name = networkNameOf(network)
  switch (forward?.mode) {
    case undefined:
    case 'nat':
    case 'route':
    case 'open':
      return { plug: { kind: 'fixed', port: { kind: 'network', network: name } }, virtualPorts: none }
    case 'bridge':
      if (bridge?.name !== undefined) {
        const port: Port = { kind: 'bridge', bridge: bridge.name }
        return { plug: { kind: 'fixed', port }, virtualPorts: ['openvswitch'] }
      }
      return { plug: macvtapPool(name, forward, 'bridge', false), virtualPorts: vepaTypes }
    case 'vepa':
      return { plug: macvtapPool(name, forward, 'vepa', false), virtualPorts: vepaTypes }
    case 'private':
      return {
        plug: macvtapPool(name, forward, 'private', virtualPort === '802.1Qbh'),
        virtualPorts: vepaTypes,
      }
    case 'passthrough':
      return { plug: macvtapPool(name, forward, 'passthrough', true), virtualPorts: vepaTypes }
    case 'hostdev':
      return {
        plug: {
          kind: 'pool',
          network: name,
          forwardMode: 'hostdev',
          mode: 'hostdev',
          devices: forward.addresses ?? [],
          exclusive: true,
          ...(forward.pf && { pf: forward.pf.dev }),
          ...(forward.managed !== undefined && { managed: forward.managed }),
        },
        virtualPorts: vepaTypes,
      }
  }
}

/** Where an interface with a source of its own goes, as the source says it. */
export function socketOfSource(source: Omit<Source, 'network'>): Socket {
  const { bridge, direct, hostdev, vhostuser, vdpa, ethernet } = source
  if (bridge) {
    return { ...fixed({ kind: 'bridge', bridge: bridge.name }), virtualPorts: ['openvswitch', 'midonet'] }
  }
  if (direct) return { ...fixed({ kind: 'direct', ...direct }), virtualPorts: vepaTypes }
  if (hostdev) return { ...fixed({ kind: 'hostdev', ...hostdev }), virtualPorts: vepaTypes }
  if (vhostuser) return fixed({ kind: 'vhostuser', ...vhostuser })
  if (vdpa) return fixed({ kind: 'vdpa', ...vdpa })
  if (ethernet) return fixed({ kind: 'ethernet' })
  return fixed({ kind: 'user' })
}

function fixed(port: Port): Socket {
  return { plug: { kind: 'fixed', port }, virtualPorts: none }
}

function macvtapPool(
  network: string,
  { dev, interfaces = [], pf }: NonNullable<NetworkSpec['forward']>,
  mode: Exclude<PoolMode, 'hostdev'>,
  exclusive: boolean,
): PoolPlug {
  // libvirt repeats the first interface in forward's own dev.
  const devices = new Set([...(dev === undefined ? [] : [dev]), ...interfaces.map((each) => each.dev)])
  return {
    kind: 'pool',
    network,
    forwardMode: mode,
    mode,
    devices: [...devices],
    exclusive,
    ...(pf && { pf: pf.dev }),
  }
}
