/** What live updates of a network are about. */
import { parseNetwork } from '../../../../../src/libvirt/xml/network/network.ts'

/** Of all sections, as a network's XML says them. */
export function entriesOf(xml: string): unknown[] {
  const { settings, portGroups } = parseNetwork(xml)
  const { dhcp } = settings.ips?.[0] ?? {}
  const { dns, forward } = settings
  const lists: (readonly unknown[] | undefined)[] = [
    dhcp?.hosts,
    dhcp?.ranges,
    forward?.interfaces,
    portGroups,
    dns?.hosts,
    dns?.txts,
    dns?.srvs,
  ]
  return lists.flatMap((list) => list ?? [])
}
