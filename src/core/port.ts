/** A port: the concrete place an interface is plugged into. */
import type { PortStatus } from '../api/guest-interface.ts'
import type { DirectMode } from '../api/settings.ts'

export type Port =
  /** A bridge that a libvirt network made; `bridge` is known only where a live definition shows it. */
  | { kind: 'network'; network: string; bridge?: string }
  | { kind: 'bridge'; bridge: string }
  /** `network`: name of the Network from whose pool the device came. */
  | { kind: 'direct'; dev: string; mode: DirectMode; network?: string }
  | { kind: 'hostdev'; address: string; managed?: boolean; network?: string }
  | { kind: 'vhostuser'; path: string; mode: 'client' | 'server' }
  | { kind: 'vdpa'; dev: string }
  | { kind: 'user' }
  | { kind: 'ethernet' }

/** The port for people: what stands in the tables' PORT column. */
export function portName(port: Port): string {
  switch (port.kind) {
    case 'network':
      return port.bridge ?? port.network
    case 'bridge':
      return port.bridge
    case 'direct':
      return `${port.dev} (${port.mode})`
    case 'hostdev':
      return port.address
    case 'vhostuser':
      return port.path
    case 'vdpa':
      return port.dev
    default:
      return port.kind
  }
}

export function portToStatus(port: Port, hostName: string): PortStatus {
  return { ...port, name: portName(port), hostName }
}

/** Back from status. Throws on a status that no agent of ours wrote (a field of its kind is missing). */
export function portFromStatus(status: PortStatus): Port {
  const { name, hostName: _, ...rest } = status
  const needed = {
    network: ['network'],
    bridge: ['bridge'],
    direct: ['dev', 'mode'],
    hostdev: ['address'],
    vhostuser: ['path', 'mode'],
    vdpa: ['dev'],
    user: [],
    ethernet: [],
  }
  for (const field of needed[status.kind]) {
    if (rest[field as keyof typeof rest] === undefined) {
      throw new Error(`status.port ${name} of kind ${status.kind} has no ${field}`)
    }
  }
  return rest as Port
}

/** All that the manifests say of a port; the bridge that libvirt adds to a network of its own is left out. */
export function portText(port: Port): string {
  switch (port.kind) {
    case 'network':
      return `network ${port.network}`
    case 'hostdev':
      return `hostdev ${port.address}${port.managed ? ' (managed)' : ''}`
    case 'vhostuser':
      return `vhostuser ${port.path} (${port.mode})`
    case 'user':
    case 'ethernet':
      return port.kind
    default:
      return `${port.kind} ${portName(port)}`
  }
}

/** The same place, had in the same way: a device of a pool isn't the same port when an interface names it itself. */
export function samePort(a: Port, b: Port): boolean {
  return portText(a) === portText(b) && poolOf(a) === poolOf(b)
}

function poolOf(port: Port): string | undefined {
  return port.kind === 'direct' || port.kind === 'hostdev' ? port.network : undefined
}
