/** Everything that a pass over an interface decides by, read afresh from libvirt. */
import type { GuestInterface } from '../../api/guest-interface.ts'
import { aliasOf, namespaceOf } from '../../core/identity.ts'
import type { DomainRef, LibvirtClient } from '../../libvirt/client.ts'
import { isLibvirtError } from '../../libvirt/rpc/error.ts'
import { type Domain, type DomainInterface, readDomain } from '../../libvirt/xml/domain.ts'

/** A guest as its two definitions show it. */
export interface ObservedGuest {
  ref: DomainRef
  running: boolean
  /** It has a saved definition. */
  persistent: boolean
  live?: Domain
  saved?: Domain
}

export interface Observed {
  guest: ObservedGuest
  live?: DomainInterface
  saved?: DomainInterface
}

/** The guest that the interface names, and the interface in it as far as it is there; undefined when there is no such guest. */
export async function gather(
  libvirt: LibvirtClient,
  resource: GuestInterface,
  signal: AbortSignal,
): Promise<Observed | undefined> {
  const guest = await readGuest(libvirt, resource, signal)
  if (!guest) return undefined
  const alias = aliasOf(namespaceOf(resource), resource.metadata.name)
  return {
    guest,
    live: guest.live && withAlias(guest.live, alias),
    saved: guest.saved && withAlias(guest.saved, alias),
  }
}

/** By the UUID that status remembers where that still fits the reference, since a look-up by name costs a call more. */
async function readGuest(libvirt: LibvirtClient, { spec, status }: GuestInterface, signal: AbortSignal) {
  const { name, uuid } = spec.guest
  const remembered = uuid ?? status?.guestUUID
  // libvirt finds a domain by its UUID alone; name and id go along unread.
  const guest =
    remembered && (await readDomains(libvirt, { uuid: remembered, name: name ?? '', id: -1 }, signal))
  if (guest && (uuid || guest.ref.name === name)) return guest
  if (!name) return undefined
  const ref = await libvirt.domainByName(name, { signal })
  return ref && readDomains(libvirt, ref, signal)
}

/** A guest by its two definitions; undefined when it is gone. */
export async function readDomains(
  libvirt: LibvirtClient,
  ref: DomainRef,
  signal: AbortSignal,
): Promise<ObservedGuest | undefined> {
  try {
    const [current, inactive, persistent] = await Promise.all([
      libvirt.domainXML(ref, { signal }),
      libvirt.domainXML(ref, { signal, inactive: true }),
      libvirt.domainIsPersistent(ref, { signal }),
    ])
    const now = readDomain(current)
    const saved = now.running ? readDomain(inactive) : now
    return {
      ref: { ...ref, name: now.name },
      running: now.running,
      persistent,
      ...(now.running && { live: now }),
      ...(persistent && { saved }),
    }
  } catch (error) {
    if (isLibvirtError(error, 'VIR_ERR_NO_DOMAIN')) return undefined
    throw error
  }
}

/** Looks at the text first: a guest may have many interfaces, and parsing is what costs. */
function withAlias(domain: Domain, alias: string): DomainInterface | undefined {
  return domain.interfaces.find((each) => each.xml.includes(alias) && each.definition.alias === alias)
}
