/**
 * What a libvirtd leaves behind that dies while it plugs an interface in: a macvtap that no definition ever showed. It keeps
 * the device from the interface it was made for, and nobody but us can know whose it is.
 */
import type { Link } from '../link.ts'
import type { Port } from '../port.ts'
import type { Use } from './ledger.ts'

export interface Plugging {
  /** namespace/name of the interface. */
  self: string
  /** Recorded for it before anything was plugged. */
  port: Port
  mac: string
  /** Nobody else can have made a link like it: we made the MAC up, or the device had no link on it when it was recorded. */
  unmistakable: boolean
}

/**
 * The leftover of plugging that interface; undefined when there is none, or it could be somebody else's: of another name than
 * libvirt gives, or explained by any definition. `uses`: without what status records for the interface.
 */
export function leftoverOf(
  { self, port, mac, unmistakable }: Plugging,
  { uses, links }: { uses: Use[]; links: Link[] },
): Link | undefined {
  if (port.kind !== 'direct' || !unmistakable) return undefined
  // Where a definition shows the interface its macvtap is about to be shown, or is what the definition means; a guest of
  // somebody else on the device may be a copy that starts at this moment, with the same MAC.
  const defined = uses.some(
    ({ device, holder }) =>
      (holder.kind === 'interface' && holder.name === self) ||
      (holder.kind === 'guest' && device === port.dev),
  )
  if (defined) return undefined
  const unexplained = new Set(
    uses.flatMap(({ device, holder }) =>
      device === port.dev && holder.kind === 'link' ? [holder.name] : [],
    ),
  )
  return links.find(
    (link) =>
      unexplained.has(link.name) &&
      link.kind === 'macvtap' &&
      /^macvtap\d+$/.test(link.name) &&
      link.mac === mac &&
      link.mode === port.mode,
  )
}
