/**
 * The ledger: which device is held by whom on this host. Rebuilt from three witnesses that are read afresh (definitions,
 * kernel, status); a device is free only when none of them shows a user. libvirt's own connection counters are never asked.
 */
import type { VirtualPortType } from '../../api/settings.ts'
import type { InterfaceDefinition } from '../definition.ts'
import { ownerOf } from '../identity.ts'
import type { Link } from '../link.ts'
import type { Port } from '../port.ts'

/** Who holds a device: an interface of ours by namespace/name, a guest of somebody else, or a link nobody explains. */
export type Holder = { kind: 'interface' | 'guest' | 'link'; name: string }

export interface Use {
  /** Name of a link, or a PCI address. A function of the host that is a link too stands here under both. */
  device: string
  holder: Holder
  /** Nobody else may be on the device. */
  exclusive: boolean
  /** Names of running guests that have it plugged in at this moment; absent when there is none. */
  runningIn?: string[]
}

export interface WitnessedGuest {
  name: string
  uuid: string
  /** Those of its live and its saved definition. */
  interfaces: InterfaceDefinition[]
  /** Those of the live one. */
  live?: InterfaceDefinition[]
  /** PCI functions that it has as plain host devices. */
  assignedDevices: string[]
}

export interface Witnesses {
  /** Every guest of the host, ours or not. */
  guests: WitnessedGuest[]
  links: Link[]
  /** The ports that status records, by namespace/name. `mac`: of the interface; libvirt makes its macvtap with it. */
  recorded: { key: string; port: Port; mac?: string; virtualPortType?: VirtualPortType }[]
  /** Which guest each interface belongs to: by the UUID that status remembers, else as its manifest names the guest. */
  belonging: { key: string; guest: { uuid?: string; name?: string } }[]
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

export function usesOf({ guests, links, recorded, belonging }: Witnesses): Use[] {
  const uses = new Map<string, Use>()
  const otherNames = otherNamesOf(links)
  const add = (device: string, holder: Holder, exclusive: boolean, runningIn?: string) => {
    for (const name of [device, ...(otherNames.get(device) ?? [])]) {
      const id = `${name} ${holder.kind} ${holder.name}`
      const known = uses.get(id)
      const use = known ?? { device: name, holder, exclusive }
      use.exclusive ||= exclusive
      if (runningIn !== undefined) use.runningIn = [...new Set([...(use.runningIn ?? []), runningIn])]
      if (!known) uses.set(id, use)
    }
  }

  const guestOf = new Map(belonging.map(({ key, guest }) => [key, guest]))
  const explained = new Set<string>()
  const plugged = new Set<string>()
  for (const guest of guests) {
    const live = new Set(guest.live)
    for (const definition of guest.interfaces) {
      const { port, device: link, settings } = definition
      const device = deviceOf(port)
      if (!device) continue
      const ours = keyOf(definition)
      // A guest that was copied from one of ours has our alias or mark too, and is somebody else's.
      const copied = ours !== undefined && !isNamedBy(guestOf.get(ours), guest)
      const holder: Holder =
        ours !== undefined && !copied
          ? { kind: 'interface', name: ours }
          : { kind: 'guest', name: guest.name }
      const runningIn = live.has(definition) ? guest.name : undefined
      add(device, holder, isExclusive(port, settings.virtualPort?.type), runningIn)
      if (!link) continue
      explained.add(`${link} ${device}`)
      if (holder.kind === 'interface') plugged.add(holder.name)
    }
    for (const address of guest.assignedDevices) add(address, { kind: 'guest', name: guest.name }, true)
  }

  const pending: { device: string; mac?: string }[] = []
  for (const { key, port, mac, virtualPortType } of recorded) {
    const device = deviceOf(port)
    if (!device) continue
    add(device, { kind: 'interface', name: key }, isExclusive(port, virtualPortType))
    if (!plugged.has(key)) pending.push({ device, mac })
  }

  for (const { name, lower, mode, mac } of links) {
    // What a definition says of a link explains it only where the kernel shows it on the same device.
    if (!lower || explained.has(`${name} ${lower}`)) continue
    // libvirt makes the macvtap before its definition shows the interface: one that is recorded but not yet plugged explains
    // it, by its MAC address, since another one can be left there by an interface that was moved meanwhile.
    const own = pending.findIndex((each) => each.device === lower && (!each.mac || each.mac === mac))
    if (own >= 0) pending.splice(own, 1)
    else add(lower, { kind: 'link', name }, mode === 'passthrough')
  }
  return [...uses.values()]
}

/** Of an interface that no manifest tells of any more nobody knows whose it is: its alias is taken at its word. */
function isNamedBy(named: { uuid?: string; name?: string } | undefined, guest: WitnessedGuest): boolean {
  if (named?.uuid !== undefined) return named.uuid.toLowerCase() === guest.uuid
  return named?.name === undefined || named.name === guest.name
}

/** A link by its PCI address and a function by its links (a card may have two at one address). */
function otherNamesOf(links: Link[]): Map<string, string[]> {
  const names = new Map<string, string[]>()
  for (const { name, pciAddress } of links) {
    if (!pciAddress) continue
    names.set(name, [pciAddress])
    names.set(pciAddress, [...(names.get(pciAddress) ?? []), name])
  }
  return names
}

/**
 * The running guests that share a device which one of them should have to itself; empty when all is well. libvirt does that when
 * it has lost count of what it gave away, as after a live update of the network.
 */
export function sharedBy(device: string, uses: readonly Use[]): string[] {
  const running = uses.filter((use) => use.device === device && use.runningIn)
  const guests = new Set(running.flatMap(({ runningIn = [] }) => runningIn))
  return guests.size > 1 && running.some(({ exclusive }) => exclusive) ? [...guests].sort() : []
}

function keyOf(definition: InterfaceDefinition): string | undefined {
  const ours = ownerOf(definition)
  return ours && `${ours.namespace}/${ours.name}`
}
