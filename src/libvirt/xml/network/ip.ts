/** libvirt's `ip` and `route` elements of a network <-> Ip and Route. */
import { isIPv6 } from 'node:net'
import type { Ip, Route } from '../../../api/network-addresses.ts'
import type { SectionEntry } from '../../../core/network/plan/change.ts'
import { attribute, type Codec, child, integer, oneOf, shape, text, yesNo } from '../codec.ts'
import { entries, macSpelling, unescaped, whole } from './codec.ts'

type Range = SectionEntry['ip-dhcp-range']
type Host = SectionEntry['ip-dhcp-host']
type Dhcp = NonNullable<Ip['dhcp']>

const prefix = attribute('prefix', integer)
const netmask = attribute('netmask', text)
const family = attribute('family', oneOf('ipv4', 'ipv6'))

const lease = child(
  'lease',
  whole<NonNullable<Range['lease']>>(
    { expiry: attribute('expiry', integer), unit: attribute('unit', oneOf('seconds', 'minutes', 'hours')) },
    ['expiry'],
  ),
)

export const dhcpRange = whole<Range>(
  { start: attribute('start', text), end: attribute('end', text), lease },
  ['start', 'end'],
)

export const dhcpHost = whole<Host>(
  {
    mac: attribute('mac', macSpelling),
    id: attribute('id', text),
    name: attribute('name', unescaped('name of a dhcp host')),
    ip: attribute('ip', text),
    lease,
  },
  ['ip'],
)

const dhcp = shape<Dhcp>({
  ranges: entries('range', dhcpRange, ({ start, end }) => [start, end]),
  hosts: entries('host', dhcpHost, ({ ip }) => ip),
  bootp: child(
    'bootp',
    whole<NonNullable<Dhcp['bootp']>>({ file: attribute('file', text), server: attribute('server', text) }, [
      'file',
    ]),
  ),
})

export const ip = withFamily(
  whole<Ip>(
    {
      address: attribute('address', text),
      netmask,
      prefix,
      family,
      localPtr: attribute('localPtr', yesNo),
      tftp: child('tftp', whole({ root: attribute('root', text) }, ['root'])),
      dhcp: child('dhcp', dhcp),
    },
    ['address'],
  ),
)

export const route = withFamily(
  whole<Route>(
    {
      family,
      address: attribute('address', text),
      netmask,
      prefix,
      gateway: attribute('gateway', text),
      metric: attribute('metric', integer),
    },
    ['address', 'gateway'],
  ),
)

/** libvirt takes an IPv6 address only where the family is said. */
function withFamily<T extends Pick<Ip, 'address' | 'family'>>(codec: Codec<T>): Codec<T> {
  const familyOf = ({ address }: T) => (isIPv6(address) ? 'ipv6' : undefined)
  return {
    ...codec,
    write: (to, value) => codec.write(to, value && { ...value, family: value.family ?? familyOf(value) }),
  }
}
