/** Differences that no live update makes. */
import type { Ip } from '../../../api/network-addresses.ts'
import type { NetworkDefinition, NetworkSettings } from '../definition.ts'
import type { RestartReason } from './change.ts'

const atStart = 'libvirt sets it up when the network starts'
const inDnsmasq = 'libvirt writes it for dnsmasq when the network starts'
const forInterfaces =
  'libvirt reads it from the definition that the network started with, which no update reaches'

/** By the beginning of the path; the longest that fits holds. */
const reasons: Record<string, string> = {
  uuid: 'libvirt knows the network by it: the network has to be undefined and defined again',
  forward: 'libvirt makes bridge and firewall rules for it when the network starts',
  'forward.pf': 'libvirt updates no pool that is given by its physical function',
  'forward.addresses': 'libvirt updates links of a pool, no PCI functions',
  'forward.interfaces': "libvirt can't tell the entries apart",
  bridge: 'libvirt makes the bridge when the network starts',
  mac: 'libvirt makes the bridge when the network starts',
  mtu: 'libvirt makes the bridge when the network starts',
  domain: inDnsmasq,
  dns: inDnsmasq,
  'dns.hosts': "libvirt can't tell records of one address apart",
  'dns.txts': "libvirt can't tell records of one name apart",
  'dns.srvs': "libvirt can't tell these records apart, or can't bring them into this order",
  ips: 'libvirt gives the bridge its addresses when the network starts',
  'ips.dhcp': inDnsmasq,
  'ips.dhcp.bootp':
    'libvirt takes it with the definition alone, and forgets it while there is neither range nor host',
  'ips.dhcp.ranges': "libvirt can't tell the entries apart",
  'ips.dhcp.hosts': "libvirt can't tell hosts of one address apart",
  'ips.tftp': inDnsmasq,
  'ips.localPtr': inDnsmasq,
  routes: 'libvirt adds routes when the network starts',
  bandwidth: atStart,
  vlan: forInterfaces,
  virtualPort: forInterfaces,
  trustGuestRxFilters: forInterfaces,
  portIsolation: forInterfaces,
  ipv6: 'libvirt makes firewall rules for it when the network starts',
  dnsmasqOptions: inDnsmasq,
  portGroups: "libvirt can't tell groups of one name apart",
}

/** `field`: a path such as ips[0].dhcp.bootp. */
export function restartReason(field: string, from: unknown, to: unknown): RestartReason {
  const path = field.replaceAll(/\[\d+\]/g, '').split('.')
  const named = path.map((_, n) => reasons[path.slice(0, n + 1).join('.')])
  const reason = named.findLast((each) => each !== undefined) ?? atStart
  return { field, from: valueText(from), to: valueText(to), reason }
}

/** What differs besides the lists that updates reach, in the order of the fields' names. */
export function restartReasons(from: NetworkDefinition, to: NetworkDefinition): RestartReason[] {
  const left = leavesOf(from)
  const right = leavesOf(to)
  return [...new Set([...left.keys(), ...right.keys()])]
    .sort()
    .filter((field) => valueText(left.get(field)) !== valueText(right.get(field)))
    .map((field) => restartReason(field, left.get(field), right.get(field)))
}

/** An `ip` stands under the number that it has in `from`, since libvirt counts so; a new one under its own. */
export function ipReasons(from: readonly Ip[], to: readonly Ip[]): RestartReason[] {
  const wanted = new Map(to.map((ip) => [ip.address, ip]))
  const had = new Set(from.map(({ address }) => address))
  return [
    ...from.flatMap((ip, n) => {
      const other = wanted.get(ip.address)
      return other
        ? ipDifferences(`ips[${n}]`, ip, other)
        : [restartReason(`ips[${n}]`, addressOf(ip), undefined)]
    }),
    ...to.flatMap((ip, n) =>
      had.has(ip.address) ? [] : [restartReason(`ips[${n}]`, undefined, addressOf(ip))],
    ),
  ]
}

const addressOf = ({ address, prefix }: Ip) => `${address}/${prefix}`

function ipDifferences(path: string, from: Ip, to: Ip): RestartReason[] {
  const fields: [string, (ip: Ip) => unknown][] = [
    ['prefix', (ip) => ip.prefix],
    ['localPtr', (ip) => ip.localPtr],
    ['tftp.root', (ip) => ip.tftp?.root],
  ]
  // Without ranges and hosts there is no dhcp element that could have it.
  if (to.dhcp) fields.push(['dhcp.bootp', (ip) => ip.dhcp?.bootp])
  return fields
    .filter(([, read]) => valueText(read(from)) !== valueText(read(to)))
    .map(([field, read]) => restartReason(`${path}.${field}`, read(from), read(to)))
}

/** Lists are one value, since their order may be all that differs. */
function leavesOf({ uuid, settings }: NetworkDefinition): Map<string, unknown> {
  const { ips: _ips, forward, dns, ...rest }: NetworkSettings = settings
  const { interfaces: _interfaces, ...forwardRest } = forward ?? {}
  const { txts: _txts, hosts: _hosts, srvs: _srvs, ...dnsRest } = dns ?? {}
  const leaves = new Map<string, unknown>()
  const add = (path: string, value: unknown) => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [key, each] of Object.entries(value)) add(path ? `${path}.${key}` : key, each)
    } else leaves.set(path, value)
  }
  add('', { uuid, forward: forwardRest, dns: dnsRest, ...rest })
  return leaves
}

/** For people: `address 10.1.0.0 prefix 16, address ...`; empty when absent. */
export function valueText(value: unknown): string {
  if (value === undefined) return ''
  if (Array.isArray(value)) return value.map(valueText).join(', ')
  if (typeof value !== 'object' || value === null) return String(value)
  return Object.entries(value)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, each]) => `${key} ${valueText(each)}`)
    .join(' ')
}
