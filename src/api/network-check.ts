/**
 * What must hold in a Network beyond shapes and CEL rules: arithmetic of addresses, and uniqueness that no key of a list
 * gives. libvirt refuses the same, most of it only when the network starts or an interface asks for a port.
 */
import { isIPv4 } from 'node:net'
import { bitsOf, hostMask, hostPart, inNetwork, ipNumber, prefixOfNetmask } from './ip-number.ts'
import type { NetworkSpec } from './network.ts'
import type { Ip, Route } from './network-addresses.ts'
import { type Path, type Problem, problem } from './problem.ts'

/** A range of addresses that libvirt hands to dnsmasq holds at most this many more than one. */
const largestRange = 65535n

export function checkNetwork(spec: NetworkSpec): Problem[] {
  return [...checkPool(spec), ...checkNat(spec), ...checkIps(spec.ips ?? []), ...checkRoutes(spec)]
}

const bad = (path: Path, reason: string) => problem(['spec', ...path], reason, 'rule')

function checkPool({ forward }: NetworkSpec): Problem[] {
  if (forward === undefined) return []
  const { dev, interfaces = [], addresses = [], mode } = forward
  const problems = [
    ...repeated(interfaces.map((entry) => entry.dev)).map((n) =>
      bad(['forward', 'interfaces', n, 'dev'], 'is in the list already'),
    ),
    ...repeated(addresses).map((n) => bad(['forward', 'addresses', n], 'is in the list already')),
  ]
  const first = interfaces[0]?.dev
  if ((mode === 'nat' || mode === 'route') && dev !== undefined && first !== undefined && first !== dev) {
    problems.push(
      bad(['forward', 'dev'], `must be the device of interfaces, ${first}: mode ${mode} takes one device`),
    )
  }
  return problems
}

/** Indexes of what was there before. */
function repeated(values: readonly string[]): number[] {
  const seen = new Set<string>()
  return values.flatMap((value, n) => {
    if (seen.has(value)) return [n]
    seen.add(value)
    return []
  })
}

function checkNat({ forward }: NetworkSpec): Problem[] {
  return (forward?.nat?.addresses ?? []).flatMap(({ start, end }, n) =>
    ipNumber(start) > ipNumber(end)
      ? [bad(['forward', 'nat', 'addresses', n], `must not end (${end}) before it starts (${start})`)]
      : [],
  )
}

/** undefined: none is given, or none that fits the address (a rule says so then). */
function prefixOf({ address, prefix, netmask }: Ip | Route): number | undefined {
  const given = prefix ?? (isIPv4(address) && netmask !== undefined ? prefixOfNetmask(netmask) : undefined)
  return given === undefined || given > bitsOf(address) ? undefined : given
}

function checkNetmask({ address, netmask }: Ip | Route, path: Path): Problem[] {
  return netmask !== undefined && isIPv4(address) && prefixOfNetmask(netmask) === undefined
    ? [bad([...path, 'netmask'], 'must be a netmask: ones first, then zeros')]
    : []
}

function checkIps(ips: readonly Ip[]): Problem[] {
  const problems: Problem[] = []
  const dhcpOf = new Map<number, number>()
  ips.forEach((ip, n) => {
    problems.push(...checkNetmask(ip, ['ips', n]), ...checkDhcp(ip, n), ...checkLocalPtr(ip, n))
    if (ip.dhcp === undefined) return
    const family = bitsOf(ip.address)
    const other = dhcpOf.get(family)
    if (other === undefined) dhcpOf.set(family, n)
    else
      problems.push(
        bad(
          ['ips', n, 'dhcp'],
          `is possible for one ${family === 32 ? 'IPv4' : 'IPv6'} address of a network only; ips[${other}] has it already`,
        ),
      )
  })
  return problems
}

/** libvirt asks dnsmasq for a zone of the reverse tree, which cuts at bytes or at hex digits. */
function checkLocalPtr(ip: Ip, n: number): Problem[] {
  if (!ip.localPtr) return []
  const prefix = prefixOf(ip)
  const step = isIPv4(ip.address) ? 8 : 4
  const fits = prefix !== undefined && prefix > 0 && prefix % step === 0 && prefix < bitsOf(ip.address)
  return fits
    ? []
    : [
        bad(
          ['ips', n, 'localPtr'],
          step === 8
            ? 'needs a prefix of 8, 16 or 24 bits'
            : 'needs a prefix of 4 to 124 bits that is divisible by 4',
        ),
      ]
}

function checkDhcp(ip: Ip, n: number): Problem[] {
  const path: Path = ['ips', n, 'dhcp']
  const hosts = (ip.dhcp?.hosts ?? []).flatMap((host, at) =>
    bitsOf(host.ip) === bitsOf(ip.address)
      ? []
      : [bad([...path, 'hosts', at, 'ip'], `must be of the family of the address, ${ip.address}`)],
  )
  const ranges = (ip.dhcp?.ranges ?? []).flatMap(({ start, end }, at) =>
    checkRange(start, end, ip).map((reason) => bad([...path, 'ranges', at], reason)),
  )
  return [...hosts, ...ranges]
}

/** Why this range cannot be handed out on the network of `ip`: libvirt's own checks. */
function checkRange(start: string, end: string, ip: Ip): string[] {
  const bits = bitsOf(ip.address)
  if (bitsOf(start) !== bits || bitsOf(end) !== bits) return [`must be of the family of ${ip.address}`]
  const length = ipNumber(end) - ipNumber(start)
  if (length < 0n) return [`must not end (${end}) before it starts (${start})`]
  const reasons: string[] = []
  if (length > largestRange) reasons.push(`must hold at most ${largestRange + 1n} addresses`)
  const prefix = prefixOf(ip)
  if (prefix === undefined) return reasons
  if (!inNetwork(start, ip.address, prefix) || !inNetwork(end, ip.address, prefix)) {
    reasons.push(`must be within ${ip.address}/${prefix}`)
  } else if (bits === 32 && prefix < 31) {
    if (hostPart(start, prefix) === 0n)
      reasons.push(`must not begin with the address of the network, ${start}`)
    if (hostPart(end, prefix) === hostMask(end, prefix)) {
      reasons.push(`must not end with the broadcast address, ${end}`)
    }
  }
  return reasons
}

function checkRoutes({ routes = [], ips = [] }: NetworkSpec): Problem[] {
  return routes.flatMap((route, n) => [
    ...checkNetmask(route, ['routes', n]),
    ...checkDestination(route, ['routes', n, 'address']),
    ...checkGateway(route, ips, ['routes', n, 'gateway']),
  ])
}

function checkDestination(route: Route, path: Path): Problem[] {
  const prefix = prefixOf(route)
  if (prefix !== undefined) {
    return hostPart(route.address, prefix) === 0n
      ? []
      : [
          bad(
            path,
            `must be the address of a network: its last ${bitsOf(route.address) - prefix} bits must be 0`,
          ),
        ]
  }
  const isGiven = route.prefix !== undefined || route.netmask !== undefined
  return isGiven || ipNumber(route.address) === 0n ? [] : [bad(path, 'needs a prefix or netmask')]
}

function checkGateway({ gateway }: Route, ips: readonly Ip[], path: Path): Problem[] {
  const reachable = ips.some((ip) => {
    const prefix = prefixOf(ip)
    return prefix === undefined || inNetwork(gateway, ip.address, prefix)
  })
  return reachable ? [] : [bad(path, "must be in one of the network's own subnets (ips)")]
}
