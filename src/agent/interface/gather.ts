/** Everything that a pass over an interface decides by, read afresh from libvirt. */
import type { GuestInterface } from '../../api/guest-interface.ts'
import { aliasOf, namespaceOf } from '../../core/identity.ts'
import type { Domain, DomainInterface } from '../../libvirt/xml/domain.ts'
import type { Context } from '../context.ts'
import type { ObservedGuest } from '../guest.ts'

export interface Observed {
  guest: ObservedGuest
  live?: DomainInterface
  saved?: DomainInterface
}

/** The guest that the interface names, and the interface in it as far as it is there; undefined when there is no such guest. */
export async function gather(
  context: Context,
  resource: GuestInterface,
  signal: AbortSignal,
): Promise<Observed | undefined> {
  const guest = await findGuest(context, resource, signal)
  if (!guest) return undefined
  const alias = aliasOf(namespaceOf(resource), resource.metadata.name)
  return {
    guest,
    live: guest.live && withAlias(guest.live, alias),
    saved: guest.saved && withAlias(guest.saved, alias),
  }
}

/**
 * By the UUID that status remembers where that still fits the reference, since a look-up by name costs a call more. An interface
 * that is going is taken out of the guest that has it, also of one that was renamed.
 */
async function findGuest(
  { libvirt, guests }: Context,
  { metadata, spec, status }: GuestInterface,
  signal: AbortSignal,
) {
  const { name, uuid } = spec.guest
  const remembered = uuid ?? status?.guestUUID
  // libvirt finds a domain by its UUID alone; name and id go along unread.
  const guest = remembered && (await guests.read({ uuid: remembered, name: name ?? '', id: -1 }, signal))
  if (guest && (uuid || metadata.deletionTimestamp || guest.ref.name === name)) return guest
  if (!name) return undefined
  const ref = await libvirt.domainByName(name, { signal })
  return ref && guests.read(ref, signal)
}

/** Looks at the text first: a guest may have many interfaces, and parsing is what costs. */
function withAlias(domain: Domain, alias: string): DomainInterface | undefined {
  return domain.interfaces.find((each) => each.xml.includes(alias) && each.definition.alias === alias)
}
