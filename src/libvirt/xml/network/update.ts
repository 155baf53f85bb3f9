/** A planned live update as libvirt takes it: `virsh net-update NETWORK COMMAND SECTION --parent-index N XML`. */
import type { NetworkChange, Section, SectionEntry } from '../../../core/network/plan/change.ts'
import type { NetworkUpdate } from '../../client.ts'
import type { Codec } from '../codec.ts'
import { buildXml, element } from '../document.ts'
import { dnsHost, dnsSrv, dnsTxt } from './dns.ts'
import { forwardInterface } from './forward.ts'
import { dhcpHost, dhcpRange } from './ip.ts'
import { portGroup } from './network.ts'

interface SectionXml<T> {
  element: string
  codec: Codec<T>
  /**
   * What libvirt is told to find the entry that is to be deleted. More would hit another one: of DHCP hosts it takes the first that
   * shares any of mac, name and ip.
   */
  identify(entry: T): Partial<T>
}

const sections: { [S in Section]: SectionXml<SectionEntry[S]> } = {
  'ip-dhcp-host': { element: 'host', codec: dhcpHost, identify: ({ ip }) => ({ ip }) },
  'ip-dhcp-range': { element: 'range', codec: dhcpRange, identify: ({ start, end }) => ({ start, end }) },
  'forward-interface': { element: 'interface', codec: forwardInterface, identify: ({ dev }) => ({ dev }) },
  portgroup: { element: 'portgroup', codec: portGroup, identify: ({ name }) => ({ name }) },
  'dns-host': { element: 'host', codec: dnsHost, identify: ({ ip }) => ({ ip }) },
  'dns-txt': { element: 'txt', codec: dnsTxt, identify: ({ name }) => ({ name }) },
  'dns-srv': {
    element: 'srv',
    codec: dnsSrv,
    identify: ({ service, protocol, domain, target }) => ({ service, protocol, domain, target }),
  },
}

/** Throws XmlError naming the place of a value that XML cannot carry. */
export function updateOf({ command, section, parentIndex, entry }: NetworkChange): NetworkUpdate {
  // TypeScript does not see that the entry is of the section's type.
  const { element: name, codec, identify } = sections[section] as SectionXml<typeof entry>
  const to = element(name)
  codec.write(to, command === 'delete' ? (identify(entry) as typeof entry) : entry)
  return { command, section, parentIndex, xml: buildXml(to) }
}
