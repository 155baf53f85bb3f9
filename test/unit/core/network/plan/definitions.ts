/** Random definitions of networks, of few names and addresses, so that two of them meet in many ways. */
import fc from 'fast-check'
import type { Ip } from '../../../../../src/api/network-addresses.ts'
import type { Dns } from '../../../../../src/api/network-dns.ts'
import { normalForm } from '../../../../../src/core/network/canonical.ts'
import type {
  NetworkDefinition,
  NetworkSettings,
  PortGroupSettings,
} from '../../../../../src/core/network/definition.ts'
import type { SectionEntry } from '../../../../../src/core/network/plan/change.ts'

type DhcpHost = SectionEntry['ip-dhcp-host']
type DhcpRange = SectionEntry['ip-dhcp-range']

/** Fields that are undefined are left out. */
function record<T extends object>(
  model: { [K in keyof T]: fc.Arbitrary<T[K] | undefined> },
): fc.Arbitrary<T> {
  return fc
    .record(model as { [K in keyof T]: fc.Arbitrary<T[K]> })
    .map((each) => JSON.parse(JSON.stringify(each)) as T)
}
const maybe = <T>(arbitrary: fc.Arbitrary<T>, freq = 2) => fc.option(arbitrary, { nil: undefined, freq })

const lease = maybe(
  fc.constantFrom({ expiry: 5 }, { expiry: 300, unit: 'seconds' as const }, { expiry: 0 }),
  1,
)
const mac = (n: number) => `52:54:00:00:00:0${n}`

const host4 = (net: string): fc.Arbitrary<DhcpHost> =>
  record<DhcpHost>({
    mac: maybe(fc.nat(3).map(mac)),
    name: maybe(fc.constantFrom('a', 'b', 'c')),
    ip: fc.integer({ min: 20, max: 23 }).map((n) => `${net}.${n}`),
    lease,
  }).filter(({ mac, name }) => mac !== undefined || name !== undefined)

const host6: fc.Arbitrary<DhcpHost> = record<DhcpHost>({
  id: maybe(fc.constantFrom('00:01', '00:02')),
  name: maybe(fc.constantFrom('a', 'b', 'c')),
  ip: fc.constantFrom('fd00::20', 'fd00::21', 'FD00:0::22'),
  lease,
}).filter(({ id, name }) => id !== undefined || name !== undefined)

/** `sharing`: some share a mac or a name, which libvirt takes in a definition. */
const hostList = (host: fc.Arbitrary<DhcpHost>, sharing: boolean) =>
  fc
    .uniqueArray(host, { maxLength: 4, selector: ({ ip }) => ip.toLowerCase().replace(':0:', ':') })
    .map((hosts) => {
      if (sharing) return hosts
      const seen = new Set<string>()
      return hosts.filter((each) => {
        const marks = [each.mac, each.name].filter((mark) => mark !== undefined)
        if (marks.some((mark) => seen.has(mark))) return false
        for (const mark of marks) seen.add(mark)
        return true
      })
    })

const rangeList = (net: string): fc.Arbitrary<DhcpRange[]> =>
  fc.uniqueArray(fc.record({ n: fc.nat(4), lease }), { maxLength: 4, selector: ({ n }) => n }).map((ranges) =>
    ranges.map(({ n, lease }) => ({
      start: `${net}${net.includes(':') ? '' : '.'}${100 + 10 * n}`,
      end: `${net}${net.includes(':') ? '' : '.'}${105 + 10 * n}`,
      ...(lease && { lease }),
    })),
  )

const bootp = maybe(fc.constantFrom({ file: 'boot' }, { file: 'boot', server: '10.9.9.9' }), 1)

type Dhcp = NonNullable<Ip['dhcp']>

/** One `ip` of each family has DHCP, if any. */
const ips = (sharing: boolean): fc.Arbitrary<Ip[]> =>
  fc
    .record({
      dhcp4: maybe(
        fc.oneof(
          ...[0, 1].map((which) =>
            record<Dhcp>({
              hosts: hostList(host4(`10.0.${which}`), sharing),
              ranges: rangeList(`10.0.${which}`),
              bootp,
            }).map((dhcp) => ({ which, dhcp })),
          ),
        ),
        4,
      ),
      dhcp6: maybe(record<Dhcp>({ hosts: hostList(host6, sharing), ranges: rangeList('fd00::') })),
      turned: fc.boolean(),
    })
    .map(({ dhcp4, dhcp6, turned }) => {
      const all: Ip[] = [0, 1].map((n) => ({
        address: `10.0.${n}.1`,
        prefix: 24,
        ...(dhcp4?.which === n && { dhcp: dhcp4.dhcp }),
      }))
      all.push({ address: 'fd00::1', prefix: 64, ...(dhcp6 && { dhcp: dhcp6 }) })
      return turned ? all.reverse() : all
    })

const srvList: fc.Arbitrary<NonNullable<Dns['srvs']>> = fc
  .array(
    record<SectionEntry['dns-srv']>({
      service: fc.constantFrom('s', 't'),
      protocol: fc.constant('tcp'),
      domain: maybe(fc.constantFrom('x.y', 'z')),
      target: maybe(fc.constantFrom('h', 'i')),
      port: maybe(fc.constantFrom(1, 2), 1),
    }).map(({ port, ...srv }) => ({ ...srv, ...(srv.target !== undefined && port && { port }) })),
    { maxLength: 4 },
  )
  .map((srvs) => {
    const keys = new Set<string>()
    return srvs.filter(({ service, domain, target }) => {
      const key = `${service} ${domain} ${target}`
      return !keys.has(key) && keys.add(key)
    })
  })

const dns: fc.Arbitrary<Dns> = record<Dns>({
  txts: fc.uniqueArray(
    fc.record({ name: fc.constantFrom('a', 'b', 'c', 'd'), value: fc.constantFrom('1', '2') }),
    { maxLength: 4, selector: ({ name }) => name },
  ),
  hosts: fc.uniqueArray(
    fc.record({
      ip: fc.constantFrom('10.0.0.50', '10.0.0.51', '10.0.0.52', 'fd00::50'),
      hostnames: fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 2 }),
    }),
    { maxLength: 4, selector: ({ ip }) => ip },
  ),
  srvs: srvList,
})

const portGroups: fc.Arbitrary<PortGroupSettings[]> = fc
  .record({
    groups: fc.uniqueArray(
      record<PortGroupSettings>({
        name: fc.constantFrom('red', 'green', 'blue', 'patchbay'),
        bandwidth: maybe(
          fc.constantFrom({ inbound: { average: 100 } }, { outbound: { average: 9, burst: 5 } }),
        ),
        trustGuestRxFilters: maybe(fc.boolean(), 1),
      }),
      { maxLength: 4, selector: ({ name }) => name },
    ),
    chosen: maybe(fc.nat(3)),
  })
  .map(({ groups, chosen }) => groups.map((group, n) => (n === chosen ? { ...group, default: true } : group)))

const devices = (maxLength: number) =>
  fc
    .uniqueArray(fc.constantFrom('eth0', 'eth1', 'eth2', 'eth3', 'eth4'), { maxLength })
    .map((names) => names.map((dev) => ({ dev })))

/** What a definition says besides lists that updates reach. */
interface Frame {
  mode?: 'nat' | 'route' | 'open'
  withoutDns: boolean
}

const frame: fc.Arbitrary<Frame> = record<Frame>({
  mode: fc.constantFrom(undefined, 'nat', 'route', 'open'),
  withoutDns: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
})

const made = ({ mode, withoutDns }: Frame, sharing: boolean): fc.Arbitrary<NetworkDefinition> =>
  fc
    .record({
      ips: ips(sharing),
      dns,
      portGroups,
      interfaces: devices(mode === 'nat' || mode === 'route' ? 1 : 0),
    })
    .map(({ ips, dns, portGroups, interfaces }) => ({
      name: 'n',
      settings: {
        bridge: { name: 'virbr9' },
        mac: '52:54:00:99:99:99',
        ...(mode && { forward: { mode, interfaces } }),
        dns: withoutDns ? { enable: false } : dns,
        ips,
      } satisfies NetworkSettings,
      portGroups,
    }))

const pool: fc.Arbitrary<NetworkDefinition> = fc
  .record({ interfaces: devices(5), portGroups })
  .map(({ interfaces, portGroups }) => ({
    name: 'n',
    settings: { forward: { mode: 'bridge', interfaces } },
    portGroups: portGroups.map(({ bandwidth: _none, ...group }) => group),
  }))

export type Pair = [from: NetworkDefinition, to: NetworkDefinition]

/** Two definitions that updates may lead between; `sharing`: DHCP hosts share a mac or a name now and then. */
export const pairs = (sharing: boolean): fc.Arbitrary<Pair> =>
  fc.oneof(
    { weight: 1, arbitrary: fc.tuple(pool, pool) },
    { weight: 7, arbitrary: frame.chain((each) => fc.tuple(made(each, sharing), made(each, sharing))) },
  )

/** Now and then something differs that takes a restart. */
export const anyPairs: fc.Arbitrary<Pair> = fc
  .tuple(
    pairs(true),
    maybe(
      fc.constantFrom<((settings: NetworkSettings) => NetworkSettings)[]>(
        (settings) => ({ ...settings, domain: { name: 'x.y' } }),
        (settings) => ({ ...settings, mac: '52:54:00:88:88:88' }),
        (settings) => ({ ...settings, ips: settings.ips?.slice(1) }),
        (settings) => ({ ...settings, ips: settings.ips?.map((ip) => ({ ...ip, prefix: 25 })) }),
        (settings) => ({ ...settings, forward: { mode: 'route' } }),
        (settings) => ({ ...settings, dns: { enable: false } }),
      ),
      1,
    ),
  )
  .map(([[from, to], change]): Pair => [from, change ? { ...to, settings: change(to.settings) } : to])

/** Two definitions of which so many lists differ, if that many; DHCP hosts share a mac or a name now and then. */
export const closePairs = (lists: number): fc.Arbitrary<Pair> =>
  fc
    .tuple(pairs(true), fc.array(fc.nat(6), { minLength: lists, maxLength: lists }))
    .map(([[from, to], chosen]): Pair => {
      const start = normalForm(from)
      return [start, chosen.reduce((definition, n) => withListOf(definition, to, n), start)]
    })

/** One list of `to`, all else as in `from`. */
function withListOf(from: NetworkDefinition, to: NetworkDefinition, n: number): NetworkDefinition {
  const { settings } = from
  const changed = to.settings
  const only: NetworkDefinition[] = [
    { ...from, portGroups: to.portGroups },
    { ...from, settings: { ...settings, ...(changed.forward && { forward: changed.forward }) } },
    ...(['txts', 'hosts', 'srvs'] as const).map((list) => ({
      ...from,
      settings: { ...settings, dns: { ...settings.dns, [list]: changed.dns?.[list] } },
    })),
    ...(['ranges', 'hosts'] as const).map((list) => ({
      ...from,
      settings: {
        ...settings,
        ips: settings.ips?.map((ip) => {
          const other = changed.ips?.find(({ address }) => address === ip.address)
          const hasBoth = ip.dhcp && other?.dhcp
          return hasBoth ? { ...ip, dhcp: { ...ip.dhcp, [list]: other.dhcp?.[list] } } : ip
        }),
      },
    })),
  ]
  return normalForm(only[n % only.length]!)
}
