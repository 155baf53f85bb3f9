/** Everything that a pass over an interface decides by, read afresh from libvirt. */
import type { GuestInterface } from '../../api/guest-interface.ts'
import { type AdoptionMark, findInterface } from '../../core/adoption/marks.ts'
import type { Refusal } from '../../core/refusal.ts'
import type { DomainInterface } from '../../libvirt/xml/domain.ts'
import type { Context } from '../context.ts'
import type { ObservedGuest } from '../guest.ts'

export interface Observed {
  guest: ObservedGuest
  live?: DomainInterface
  saved?: DomainInterface
  /** Somebody else made it, and we have taken it over or are to. */
  adopted: boolean
  /** To be written into the guest's metadata before anything is changed. */
  toMark?: { live?: AdoptionMark; saved?: AdoptionMark }
  /** Nobody can tell which interface of the guest is meant. */
  conflict?: Refusal
}

/**
 * The guest that the interface names, and the interface in it as far as it is there; undefined when there is no such guest.
 * `adopts`: also one that its manifest wants to take over and that is not marked as ours yet.
 */
export async function gather(
  context: Context,
  resource: GuestInterface,
  signal: AbortSignal,
  { adopts = false }: { adopts?: boolean } = {},
): Promise<Observed | undefined> {
  const guest = await findGuest(context, resource, signal)
  if (!guest) return undefined
  const live = guest.live && findInterface(guest.live, resource, adopts)
  const saved = guest.saved && findInterface(guest.saved, resource, adopts)
  const conflict = live?.conflict ?? saved?.conflict
  return {
    guest,
    live: live?.found,
    saved: saved?.found,
    adopted: (live?.adopted || saved?.adopted) ?? false,
    ...((live?.toMark || saved?.toMark) && { toMark: { live: live?.toMark, saved: saved?.toMark } }),
    ...(conflict && { conflict }),
  }
}

/**
 * In a cluster by the UUID that the controller has bound, and by nothing else. Else by the UUID that status remembers where that still fits the reference, since a look-up by name costs a call more. An interface
 * that is going is taken out of the guest that has it, also of one that was renamed.
 */
async function findGuest(
  { libvirt, guests, binding }: Context,
  { metadata, spec, status }: GuestInterface,
  signal: AbortSignal,
) {
  const { name, uuid } = spec.guest
  if (binding === 'controller') {
    const bound = status?.guestUUID
    return bound && guests.read({ uuid: bound.toLowerCase(), name: name ?? '', id: -1 }, signal)
  }
  const remembered = uuid ?? status?.guestUUID
  // libvirt finds a domain by its UUID alone; name and id go along unread.
  const guest = remembered && (await guests.read({ uuid: remembered, name: name ?? '', id: -1 }, signal))
  if (guest && (uuid || metadata.deletionTimestamp || guest.ref.name === name)) return guest
  if (!name) return undefined
  const ref = await libvirt.domainByName(name, { signal })
  return ref && guests.read(ref, signal)
}
