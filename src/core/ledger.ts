/**
 * The ledger: which device is held by whom on this host. Rebuilt from three witnesses that are read afresh (definitions,
 * kernel, status); a device is free only when none of them shows a user. libvirt's own connection counters are never asked.
 */
import type { VirtualPortType } from '../api/settings.ts'
import type { InterfaceDefinition } from './definition.ts'
import { interfaceOfAlias } from './identity.ts'
import type { Link } from './link.ts'
import type { Port } from './port.ts'

/** Who holds a device: an interface of ours by namespace/name, a guest of somebody else, or a link nobody explains. */
export type Holder = { kind: 'interface' | 'guest' | 'link'; name: string }

export interface Use {
  /** Name of a link, or a PCI address. */
  device: string
  holder: Holder
  /** Nobody else may be on the device. */
  exclusive: boolean
}

export interface Witnesses {
  /** Every guest of the host, ours or not, with the interfaces of its live and its saved definition. */
  guests: { name: string; interfaces: InterfaceDefinition[]; assignedDevices: string[] }[]
  links: Link[]
  /** The ports that status records, by namespace/name. */
  recorded: { key: string; port: Port; virtualPortType?: VirtualPortType }[]
}

/** passthrough, assigned functions, and private with 802.1Qbh have a device to themselves (libvirt's rule for its pools). */
export function isExclusive(port: Port, virtualPortType?: VirtualPortType): boolean {
  if (port.kind === 'hostdev') return true
  if (port.kind !== 'direct') return false
  return port.mode === 'passthrough' || (port.mode === 'private' && virtualPortType === '802.1Qbh')
}

export function deviceOf(port: Port): string | undefined {
  if (port.kind === 'direct') return port.dev
  if (port.kind === 'hostdev') return port.address
  return undefined
}

export function usesOf(witnesses: Witnesses): Use[] {
  const uses = new Map<string, Use>()
  const add = (device: string, holder: Holder, exclusive: boolean) => {
    const id = `${device} ${holder.kind} ${holder.name}`
    const known = uses.get(id)
    if (known) known.exclusive ||= exclusive
    else uses.set(id, { device, holder, exclusive })
  }

  const explained = new Set<string>()
  const plugged = new Set<string>()
  for (const guest of witnesses.guests) {
    for (const definition of guest.interfaces) {
      if (definition.device) explained.add(definition.device)
      const device = deviceOf(definition.port)
      if (!device) continue
      const ours = interfaceOfAlias(definition.alias)
      const holder: Holder = ours
        ? { kind: 'interface', name: `${ours.namespace}/${ours.name}` }
        : { kind: 'guest', name: guest.name }
      if (ours && definition.device) plugged.add(holder.name)
      add(device, holder, isExclusive(definition.port, definition.settings.virtualPort?.type))
    }
    for (const address of guest.assignedDevices) add(address, { kind: 'guest', name: guest.name }, true)
  }

  const pending = new Map<string, string[]>()
  for (const { key, port, virtualPortType } of witnesses.recorded) {
    const device = deviceOf(port)
    if (!device) continue
    add(device, { kind: 'interface', name: key }, isExclusive(port, virtualPortType))
    if (!plugged.has(key)) pending.set(device, [...(pending.get(device) ?? []), key])
  }

  for (const link of witnesses.links) {
    if (!link.lower || explained.has(link.name)) continue
    // libvirt makes the macvtap before its definition shows the interface: one that is recorded but not yet plugged explains it.
    if (pending.get(link.lower)?.pop() !== undefined) continue
    add(link.lower, { kind: 'link', name: link.name }, link.mode === 'passthrough')
  }
  return [...uses.values()]
}
