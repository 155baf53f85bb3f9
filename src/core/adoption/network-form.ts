/**
 * The saved definition of an interface that was taken over and that names a libvirt network (`type='network'`): it is kept so, since a device
 * that libvirt itself takes from its pool at each start must not be named beside that (docs/decisions/0008).
 */
import type { Layer } from '../../api/guest-interface.ts'
import type { NetworkSpec } from '../../api/network.ts'
import type { InterfaceSettings, VirtualPort } from '../../api/settings.ts'
import { differencesOf } from '../change/differences.ts'
import type { InterfaceDefinition } from '../definition.ts'
import { ownPortGroup } from '../network/definition.ts'
import type { Plug } from '../resolve/plug.ts'
import type { Resolved } from '../resolve/resolve.ts'

type Forward = NetworkSpec['forward']

export interface KeptForm {
  saved: InterfaceDefinition
  /** Absent while the guest is off. */
  live?: InterfaceDefinition
  /** What the manifest itself gives. */
  own: { portGroup?: string; virtualPort?: VirtualPort }
  resolved: Pick<Resolved, 'effective' | 'sources'>
}

/**
 * What the saved definition is to say: the manifest's own settings, and of those from port group and network only what libvirt would
 * not come to by itself, as the running guest shows.
 */
export function networkForm({ saved, live, own, resolved }: KeptForm): InterfaceDefinition {
  const { effective, sources } = resolved
  const portGroup = own.portGroup ?? (saved.portGroup === undefined ? undefined : ownPortGroup)
  const merged = portGroup === saved.portGroup
  const differing = new Set(
    live ? differencesOf(live, { port: live.port, settings: effective }).map(({ setting }) => setting) : [],
  )
  const isSaid = (field: string, layer: Layer | undefined) =>
    !merged ||
    layer === undefined ||
    layer === 'interface' ||
    layer === 'generated' ||
    field in saved.settings ||
    differing.has(field as keyof InterfaceSettings)
  const { virtualPort, ...others } = effective
  const said = Object.entries(others).filter(([field]) => isSaid(field, sources[field]))
  const port = merged && !differing.has('virtualPort') ? ownVirtualPort(own.virtualPort, saved) : virtualPort
  return {
    port: saved.port,
    settings: { ...(Object.fromEntries(said) as InterfaceSettings), ...(port && { virtualPort: port }) },
    ...(portGroup !== undefined && { portGroup }),
  }
}

/** With the ids that libvirt made up when the guest was defined. */
function ownVirtualPort(
  own: VirtualPort | undefined,
  { settings }: InterfaceDefinition,
): VirtualPort | undefined {
  const { interfaceID, instanceID } = settings.virtualPort ?? {}
  return own && { ...(interfaceID && { interfaceID }), ...(instanceID && { instanceID }), ...own }
}

/** Whether a libvirt network can hand this device (link or PCI address) to a guest that starts. */
export function poolHolds(forward: Forward, device: string): boolean {
  if (!forward) return false
  const { dev, interfaces = [], addresses = [], pf } = forward
  // Which functions those are, libvirt alone knows while the network is stopped.
  return (
    pf !== undefined ||
    dev === device ||
    interfaces.some((each) => each.dev === device) ||
    addresses.includes(device)
  )
}

/** Whether a libvirt network plugs an interface in as the Network of the manifests would. */
export function isSamePlace(plug: Plug, network: { forward?: Forward; bridge?: { name?: string } }): boolean {
  const mode = network.forward?.mode
  if (plug.kind === 'pool') return mode === plug.forwardMode && network.bridge?.name === undefined
  if (plug.port.kind === 'bridge') return mode === 'bridge' && network.bridge?.name === plug.port.bridge
  return plug.port.kind === 'network'
}
