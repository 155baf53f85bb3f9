/**
 * Interfaces that somebody else made and we keep: which they are. libvirt gives a running interface no alias, so that a mark in
 * the guest's metadata says it: the interface of ours that took over, and by what the other is known.
 */
import { isDeepStrictEqual } from 'node:util'
import type { GuestInterface } from '../../api/guest-interface.ts'
import type { InterfaceDefinition } from '../definition.ts'
import { aliasOf, namespaceOf, ownerOf } from '../identity.ts'
import type { Refusal } from '../refusal.ts'

export interface AdoptionMark {
  /** Of the GuestInterface. */
  namespace: string
  name: string
  /** Of the interface in that definition. */
  mac: string
  /** PCI address: two interfaces of a guest may have one MAC address. Absent where it has none. */
  address?: string
}

interface Defined {
  definition: InterfaceDefinition
}

export function markOf(
  { namespace, name }: { namespace: string; name: string },
  { settings }: InterfaceDefinition,
): AdoptionMark {
  const { mac = '', address } = settings
  return { namespace, name, mac, ...(address !== undefined && { address }) }
}

/**
 * The interfaces of one definition, those that a mark means with `adoptedBy`. The one at the mark's PCI address is meant, else the only one
 * with its MAC address; where several are left, none.
 */
export function withOwners<T extends Defined>(interfaces: readonly T[], marks: readonly AdoptionMark[]): T[] {
  const result = [...interfaces]
  const claim = (mark: AdoptionMark, exact: boolean) => {
    const meant = result.filter(({ definition }) => isMeant(mark, definition, exact))
    if (meant.length !== 1) return false
    const { namespace, name } = mark
    const [found] = meant as [T]
    result[result.indexOf(found)] = {
      ...found,
      definition: { ...found.definition, adoptedBy: { namespace, name } },
    }
    return true
  }
  const rest = marks.filter((mark) => mark.address === undefined || !claim(mark, true))
  for (const mark of rest) claim(mark, false)
  return result
}

function isMeant(mark: AdoptionMark, definition: InterfaceDefinition, exact: boolean): boolean {
  const { mac, address } = definition.settings
  return ownerOf(definition) === undefined && mac === mark.mac && (!exact || address === mark.address)
}

/** What one definition of the guest (live or saved) has of an interface of ours. */
export interface Found<T> {
  found?: T
  /** It is somebody else's work, or stands in the place of what was. */
  adopted: boolean
  /** To be written before anything is changed: it is not marked yet, or otherwise. */
  toMark?: AdoptionMark
  /** Nobody can tell which interface is meant. */
  conflict?: Refusal
}

interface Self {
  namespace: string
  name: string
}

/**
 * By its alias, else by its mark, else, where `adopts`, by the MAC address of its manifest. `interfaces`: those of one definition,
 * with owners.
 */
export function findInterface<T extends Defined>(
  {
    interfaces,
    marks,
    name: guest,
  }: { interfaces: readonly T[]; marks: readonly AdoptionMark[]; name: string },
  resource: GuestInterface,
  adopts: boolean,
): Found<T> {
  const self = { namespace: namespaceOf(resource), name: resource.metadata.name }
  const alias = aliasOf(self.namespace, self.name)
  const mark = marks.find((each) => isSame(each, self))
  const adopted = mark !== undefined
  const ours = interfaces.find(({ definition }) => definition.alias === alias)
  if (ours) return { found: ours, adopted }
  const marked = interfaces.find(({ definition }) => isSame(definition.adoptedBy, self))
  if (marked) {
    const toMark = markOf(self, marked.definition)
    return { found: marked, adopted, ...(!isDeepStrictEqual(mark, toMark) && { toMark }) }
  }
  const withMac = (mac: string) => interfaces.filter(({ definition }) => definition.settings.mac === mac)
  if (mark && withMac(mark.mac).some(isFree)) {
    return { adopted, conflict: severalWith(mark.mac, guest, 'was taken over') }
  }
  const { adopt, mac } = resource.spec
  if (!adopts || !adopt || mac === undefined) return { adopted }
  return takeOver(withMac(mac), resource.spec.address, { guest, mac, self })
}

function takeOver<T extends Defined>(
  same: readonly T[],
  address: string | undefined,
  { guest, mac, self }: { guest: string; mac: string; self: Self },
): Found<T> {
  const free = same.filter(isFree)
  if (free.length === 0) {
    return same.length === 0 ? { adopted: false } : { adopted: false, conflict: taken(guest, mac, same) }
  }
  const [found, ...more] =
    free.length === 1 ? free : free.filter(({ definition }) => definition.settings.address === address)
  if (!found || more.length > 0) {
    return { adopted: false, conflict: severalWith(mac, guest, 'is to be taken over') }
  }
  return { found, adopted: true, toMark: markOf(self, found.definition) }
}

function isFree({ definition }: Defined): boolean {
  return ownerOf(definition) === undefined
}

function taken(guest: string, mac: string, same: readonly Defined[]): Refusal {
  const owners = same.flatMap(({ definition }) => ownerOf(definition) ?? [])
  const names = owners.map(({ namespace, name }) => `${namespace}/${name}`).join(', ')
  return {
    reason: 'MacConflict',
    field: 'mac',
    message: `mac: the interface of guest ${guest} with ${mac} is kept by ${names} already. Leave it to that manifest, or remove it there first`,
  }
}

function severalWith(mac: string, guest: string, meant: string): Refusal {
  return {
    reason: 'MacConflict',
    field: 'mac',
    message: `mac: guest ${guest} has more than one interface with ${mac}, and nothing tells which of them ${meant}. Give address, the PCI address of the one that is meant`,
  }
}

/** The marks with this one in place of any other of the same interface. */
export function withMark(marks: readonly AdoptionMark[], mark: AdoptionMark): AdoptionMark[] {
  return [...withoutMark(marks, mark), mark]
}

export function withoutMark(marks: readonly AdoptionMark[], of: Self): AdoptionMark[] {
  return marks.filter((each) => !isSame(each, of))
}

/** Whether another interface of ours has taken over what this mark means. */
export function takenBefore(marks: readonly AdoptionMark[], mark: AdoptionMark): AdoptionMark | undefined {
  return marks.find(
    (each) =>
      !isSame(each, mark) &&
      each.mac === mark.mac &&
      (each.address === mark.address || each.address === undefined || mark.address === undefined),
  )
}

function isSame(a: Self | undefined, b: Self): boolean {
  return a !== undefined && a.namespace === b.namespace && a.name === b.name
}
