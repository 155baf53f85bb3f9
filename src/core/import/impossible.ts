/** What of an imported interface the agent would refuse on any host: libvirt shows it, and drops it or takes no notice of it. */
import type { GuestInterface } from '../../api/guest-interface.ts'
import type { Network } from '../../api/network.ts'
import type { PortGroup } from '../../api/port-group.ts'
import { resolve } from '../resolve/resolve.ts'

/** In sentences. `among`: what was imported with it. */
export function impossible(
  guestInterface: GuestInterface,
  among: { networks: Network[]; portGroups: PortGroup[] },
  guestUUID?: string,
): string[] {
  const resolved = resolve({
    guestInterface,
    ...(guestUUID !== undefined && { guestUUID }),
    ...among,
    host: { name: 'any', labels: {} },
  })
  return 'refusals' in resolved ? resolved.refusals.map(({ message }) => message) : []
}
