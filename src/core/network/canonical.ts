/** A network's definition in one spelling, as libvirt (seen on 9.0) understands it. */
import { isIP, isIPv4, SocketAddress } from 'node:net'
import { ipNumber, prefixOfNetmask } from '../../api/ip-number.ts'
import type { Ip, Route } from '../../api/network-addresses.ts'
import type { Dns } from '../../api/network-dns.ts'
import type { Forward } from '../../api/network-forward.ts'
import type { Bandwidth, VirtualPort, Vlan } from '../../api/settings.ts'
import type { NetworkDefinition, NetworkSettings, PortGroupSettings } from './definition.ts'

type Dhcp = NonNullable<Ip['dhcp']>
type DhcpHost = NonNullable<Dhcp['hosts']>[number]
type DhcpRange = NonNullable<Dhcp['ranges']>[number]
type Lease = DhcpRange['lease']

/** Two definitions that mean the same are equal: `normalForm`, and lists whose order means nothing sorted. */
export function canonical(definition: NetworkDefinition): NetworkDefinition {
  const { settings, portGroups, ...rest } = normalForm(definition)
  const { ips, dns } = settings
  const sortedIp = (ip: Ip): Ip =>
    ip.dhcp?.hosts
      ? { ...ip, dhcp: { ...ip.dhcp, hosts: ip.dhcp.hosts.toSorted(by((host) => host.ip)) } }
      : ip
  return {
    ...rest,
    settings: present({
      ...settings,
      ips: ips?.map(sortedIp).sort(by((ip) => ip.address)),
      dns:
        dns &&
        present({
          ...dns,
          txts: dns.txts?.toSorted(by((txt) => txt.name)),
          hosts: dns.hosts?.toSorted(by((host) => host.ip)),
        }),
    }),
    portGroups: portGroups.toSorted(by((group) => group.name)),
  }
}

/** libvirt's defaults left out, addresses and ids in one form; every list in its own order. */
export function normalForm({
  name,
  uuid,
  settings,
  portGroups,
  owner,
}: NetworkDefinition): NetworkDefinition {
  return {
    name,
    ...(uuid !== undefined && { uuid: uuid.toLowerCase() }),
    settings: settingsOf(settings),
    portGroups: portGroups.map(portGroupOf),
    ...(owner !== undefined && { owner }),
  }
}

/** As libvirt prints an address: IPv6 in lower case, its longest row of zeros left out. */
function addressText(address: string): string {
  return isIPv4(address) ? address : new SocketAddress({ address, family: 'ipv6' }).address
}

function settingsOf(settings: NetworkSettings): NetworkSettings {
  const { forward, bridge, domain, dns, ips = [], routes = [], bandwidth, dnsmasqOptions = [] } = settings
  return present({
    forward: forward && forwardOf(forward),
    bridge:
      bridge &&
      filled({
        name: bridge.name,
        stp: bridge.stp === false ? false : undefined,
        delay: bridge.delay || undefined,
        zone: bridge.zone,
        macTableManager: bridge.macTableManager === 'libvirt' ? bridge.macTableManager : undefined,
      }),
    mac: settings.mac?.toLowerCase(),
    mtu: settings.mtu,
    domain: domain && present({ name: domain.name, localOnly: domain.localOnly || undefined }),
    dns: dns && dnsOf(dns),
    ips: list(ips.map(ipOf)),
    routes: list(routes.map(routeOf)),
    bandwidth: bandwidth && bandwidthOf(bandwidth),
    vlan: settings.vlan && vlanOf(settings.vlan),
    virtualPort: settings.virtualPort && virtualPortOf(settings.virtualPort),
    // Nothing stands below the network: not saying so is saying no.
    trustGuestRxFilters: settings.trustGuestRxFilters || undefined,
    portIsolation: settings.portIsolation || undefined,
    ipv6: settings.ipv6 || undefined,
    dnsmasqOptions: list(dnsmasqOptions),
  })
}

/** A group that says no to trustGuestRxFilters differs from one that leaves it to the network. */
function portGroupOf(group: PortGroupSettings): PortGroupSettings {
  return present({
    name: group.name,
    default: group.default || undefined,
    virtualPort: group.virtualPort && virtualPortOf(group.virtualPort),
    bandwidth: group.bandwidth && bandwidthOf(group.bandwidth),
    vlan: group.vlan && vlanOf(group.vlan),
    trustGuestRxFilters: group.trustGuestRxFilters,
  })
}

/** `dev` is another word for the first of `interfaces`. What an active network lists beside `pf` are its functions. */
function forwardOf({
  mode,
  dev,
  interfaces = [],
  pf,
  addresses = [],
  managed,
  driver,
  nat,
}: Forward): Forward {
  const devices = interfaces.length === 0 && dev !== undefined ? [dev] : interfaces.map((each) => each.dev)
  return present({
    mode,
    interfaces: pf ? undefined : list(devices.map((each) => ({ dev: each }))),
    pf: pf && { dev: pf.dev },
    addresses: pf ? undefined : list(addresses.map((each) => each.toLowerCase())),
    managed: managed || undefined,
    driver,
    nat: nat && natOf(nat),
  })
}

function natOf({ addresses = [], ports, ipv6 }: NonNullable<Forward['nat']>): Forward['nat'] {
  const allPorts = ports?.start === 1024 && ports.end === 65535
  return filled({
    addresses: list(addresses.map(({ start, end }) => ({ start, end }))),
    ports: ports && !allPorts ? { start: ports.start, end: ports.end } : undefined,
    ipv6: ipv6 || undefined,
  })
}

function dnsOf({
  enable,
  forwardPlainNames,
  forwarders = [],
  txts = [],
  hosts = [],
  srvs = [],
}: Dns): Dns | undefined {
  return filled({
    enable: enable === false ? false : undefined,
    forwardPlainNames: forwardPlainNames === false ? false : undefined,
    forwarders: list(
      forwarders.map(({ addr, domain }) =>
        present({ addr: addr === undefined ? undefined : addressText(addr), domain }),
      ),
    ),
    txts: list(txts.map(({ name, value }) => ({ name, value }))),
    hosts: list(hosts.map(({ ip, hostnames }) => ({ ip: addressText(ip), hostnames: [...hostnames] }))),
    srvs: list(
      srvs.map(({ service, protocol, domain, target, port, priority, weight }) =>
        present({
          service,
          protocol,
          domain,
          target,
          port: port || undefined,
          priority: priority || undefined,
          weight: weight || undefined,
        }),
      ),
    ),
  })
}

function ipOf(ip: Ip): Ip {
  return present({
    address: addressText(ip.address),
    prefix: prefixOf(ip) || classPrefix(ip.address),
    localPtr: ip.localPtr || undefined,
    dhcp: ip.dhcp && dhcpOf(ip.dhcp),
    tftp: ip.tftp && { root: ip.tftp.root },
  })
}

function routeOf(route: Route): Route {
  return present({
    address: addressText(route.address),
    prefix: prefixOf(route) ?? 0,
    gateway: addressText(route.gateway),
    metric: route.metric === 1 ? undefined : route.metric,
  })
}

function prefixOf({ prefix, netmask }: { prefix?: number | undefined; netmask?: string | undefined }) {
  return prefix ?? (netmask === undefined ? undefined : prefixOfNetmask(netmask))
}

/** What libvirt takes where an ip has neither prefix nor netmask: 64 for IPv6, the address's old class for IPv4. */
function classPrefix(address: string): number {
  if (!isIPv4(address)) return 64
  const first = Number(ipNumber(address) >> 24n)
  if (first < 128) return 8
  return first < 192 ? 16 : 24
}

/** libvirt keeps no dhcp element without a range or a host, whatever else it has. */
function dhcpOf({ ranges = [], hosts = [], bootp }: Dhcp): Ip['dhcp'] {
  if (ranges.length === 0 && hosts.length === 0) return undefined
  return present({
    ranges: list(ranges.map(rangeOf)),
    hosts: list(hosts.map(hostOf)),
    bootp:
      bootp &&
      present({
        file: bootp.file,
        server: bootp.server && isIP(bootp.server) ? addressText(bootp.server) : bootp.server,
      }),
  })
}

function rangeOf({ start, end, lease }: DhcpRange): DhcpRange {
  return present({ start: addressText(start), end: addressText(end), lease: lease && leaseOf(lease) })
}

function hostOf({ mac, id, name, ip, lease }: DhcpHost): DhcpHost {
  return present({
    mac: mac?.toLowerCase(),
    id: id?.toLowerCase(),
    name,
    ip: addressText(ip),
    lease: lease && leaseOf(lease),
  })
}

/** For ever has no unit. */
function leaseOf({ expiry, unit = 'minutes' }: NonNullable<Lease>): Lease {
  return expiry === 0 ? { expiry } : { expiry, unit }
}

function bandwidthOf({ inbound, outbound }: Bandwidth): Bandwidth | undefined {
  return filled({ inbound: inbound && filled(inbound), outbound: outbound && filled(outbound) })
}

/** Several tags are always a trunk. */
function vlanOf({ trunk, tags }: Vlan): Vlan {
  return present({
    trunk: trunk || tags.length > 1 || undefined,
    tags: tags.map(({ id, nativeMode }) => present({ id, nativeMode })).sort((a, b) => a.id - b.id),
  })
}

function virtualPortOf(virtualPort: VirtualPort): VirtualPort | undefined {
  const { instanceID, interfaceID } = virtualPort
  return filled({
    ...virtualPort,
    instanceID: instanceID?.toLowerCase(),
    interfaceID: interfaceID?.toLowerCase(),
  })
}

/** Without the fields that are undefined: an absent one and such a one must not differ. */
function present<T extends object>(object: { [K in keyof T]: T[K] | undefined }): T {
  const result: Partial<T> = {}
  for (const key in object) if (object[key] !== undefined) result[key] = object[key]
  return result as T
}

/** undefined when nothing is said. */
function filled<T extends object>(object: { [K in keyof T]: T[K] | undefined }): T | undefined {
  const result = present<T>(object)
  return Object.keys(result).length > 0 ? result : undefined
}

const list = <T>(entries: T[]): T[] | undefined => (entries.length > 0 ? entries : undefined)

const by =
  <T>(key: (entry: T) => string) =>
  (a: T, b: T): number => {
    const [left, right] = [key(a), key(b)]
    return left < right ? -1 : left > right ? 1 : 0
  }
