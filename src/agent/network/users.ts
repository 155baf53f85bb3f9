/** Who uses a libvirt network: the interfaces of all guests, ours or not, that name it. */
import type { InterfaceDefinition } from '../../core/definition.ts'
import type { DomainInterface } from '../../libvirt/xml/domain.ts'
import type { Context } from '../context.ts'
import type { ObservedGuest } from '../guest.ts'

export interface NetworkUser {
  guest: ObservedGuest
  /** In the running guest. */
  live: DomainInterface[]
  saved: DomainInterface[]
}

/** libvirt's own counters are never asked: a live update resets them. */
export async function usersOf(
  name: string,
  { libvirt, guests }: Pick<Context, 'libvirt' | 'guests'>,
  signal: AbortSignal,
): Promise<NetworkUser[]> {
  const domains = await libvirt.listDomains({ signal })
  const read = await Promise.all(domains.map((domain) => guests.read(domain, signal)))
  return read.flatMap((guest) => {
    const live = guest?.live?.interfaces.filter(({ definition }) => isOn(name, definition)) ?? []
    const saved = guest?.saved?.interfaces.filter(({ definition }) => isOn(name, definition)) ?? []
    return guest && live.length + saved.length > 0 ? [{ guest, live, saved }] : []
  })
}

/** A port of a pool is a device; that libvirt itself allocated it from this network is said beside it. */
function isOn(name: string, { port, network }: InterfaceDefinition): boolean {
  return network === name || (port.kind === 'network' && port.network === name)
}

/** `vm1 (running), vm2`, at most ten of them. */
export function usersText(users: readonly NetworkUser[]): string {
  const names = users.map(({ guest, live }) => `${guest.ref.name}${live.length > 0 ? ' (running)' : ''}`)
  const more = names.length > 10 ? ` and ${names.length - 10} more` : ''
  return `${names.sort().slice(0, 10).join(', ')}${more}`
}
