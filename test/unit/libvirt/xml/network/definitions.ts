/** Arbitrary networks with everything that a definition can hold, values hostile wherever libvirt takes any string. */
import fc, { type Arbitrary } from 'fast-check'
import type { Ip, Route } from '../../../../../src/api/network-addresses.ts'
import type { Dns } from '../../../../../src/api/network-dns.ts'
import type { Forward } from '../../../../../src/api/network-forward.ts'
import type {
  NetworkDefinition,
  NetworkSettings,
  PortGroupSettings,
} from '../../../../../src/core/network/definition.ts'
import type { NetworkChange, SectionEntry } from '../../../../../src/core/network/plan/change.ts'
import { hostile, settings as ofInterface, pciAddress, plain, some } from '../definitions.ts'

const uint = fc.integer({ min: 0, max: 4294967295 })
const listOf = <T>(item: Arbitrary<T>) => fc.array(item, { minLength: 1, maxLength: 4 })
const { mac, bandwidth, vlan, virtualPort, trustGuestRxFilters, portIsolation } = ofInterface
const startAndEnd = <T>(value: Arbitrary<T>) =>
  fc.record({ start: value, end: value }, { noNullPrototype: true })

const modes = fc.constantFrom(
  ...(['nat', 'route', 'open', 'bridge', 'private', 'vepa', 'passthrough', 'hostdev'] as const),
)

const forward: Arbitrary<Forward> = fc.oneof(
  some<Omit<Forward, 'pf'>>(
    {
      mode: modes,
      dev: hostile,
      interfaces: listOf(fc.record({ dev: hostile }, { noNullPrototype: true })),
      addresses: listOf(pciAddress),
      managed: fc.boolean(),
      driver: fc.constant('vfio'),
      nat: some<NonNullable<Forward['nat']>>({
        addresses: listOf(startAndEnd(plain)),
        ports: startAndEnd(fc.integer({ min: 1, max: 65535 })),
        ipv6: fc.boolean(),
      }),
    },
    ['mode'],
  ),
  fc.record(
    { mode: modes, pf: fc.record({ dev: hostile }, { noNullPrototype: true }) },
    { noNullPrototype: true },
  ),
)

const lease = some<NonNullable<SectionEntry['ip-dhcp-range']['lease']>>(
  { expiry: uint, unit: fc.constantFrom('seconds', 'minutes', 'hours') },
  ['expiry'],
)

const entries: { [S in keyof SectionEntry]: Arbitrary<SectionEntry[S]> } = {
  'ip-dhcp-host': some<SectionEntry['ip-dhcp-host']>(
    { mac: mac as Arbitrary<string>, id: hostile, name: plain, ip: hostile, lease },
    ['ip'],
  ),
  'ip-dhcp-range': some<SectionEntry['ip-dhcp-range']>({ start: hostile, end: hostile, lease }, [
    'start',
    'end',
  ]),
  'forward-interface': fc.record({ dev: hostile }, { noNullPrototype: true }),
  portgroup: some<PortGroupSettings>(
    {
      name: plain,
      default: fc.boolean(),
      bandwidth: bandwidth as Arbitrary<PortGroupSettings['bandwidth']>,
      vlan: vlan as Arbitrary<PortGroupSettings['vlan']>,
      virtualPort: virtualPort as Arbitrary<PortGroupSettings['virtualPort']>,
      trustGuestRxFilters: trustGuestRxFilters as Arbitrary<boolean>,
    },
    ['name'],
  ),
  'dns-host': fc.record({ ip: hostile, hostnames: listOf(hostile) }, { noNullPrototype: true }),
  'dns-txt': fc.record(
    { name: hostile, value: fc.oneof(hostile, fc.constant('')) },
    { noNullPrototype: true },
  ),
  'dns-srv': some<SectionEntry['dns-srv']>(
    {
      service: hostile,
      protocol: hostile,
      domain: hostile,
      target: hostile,
      port: uint,
      priority: uint,
      weight: uint,
    },
    ['service', 'protocol'],
  ),
}

const family = fc.constantFrom('ipv4' as const, 'ipv6' as const)
const prefix = fc.integer({ min: 0, max: 128 })

const ip = some<Ip>(
  {
    address: hostile,
    prefix,
    netmask: hostile,
    family,
    localPtr: fc.boolean(),
    tftp: fc.record({ root: hostile }, { noNullPrototype: true }),
    dhcp: some<NonNullable<Ip['dhcp']>>({
      ranges: listOf(entries['ip-dhcp-range']),
      hosts: listOf(entries['ip-dhcp-host']),
      bootp: some<{ file: string; server?: string }>({ file: hostile, server: hostile }, ['file']),
    }),
  },
  ['address'],
)

const route = some<Route>(
  { address: hostile, prefix, netmask: hostile, family, gateway: hostile, metric: uint },
  ['address', 'gateway'],
)

const dns = some<Dns>({
  enable: fc.boolean(),
  forwardPlainNames: fc.boolean(),
  forwarders: listOf(some<{ addr?: string; domain?: string }>({ addr: hostile, domain: hostile })),
  txts: listOf(entries['dns-txt']),
  hosts: listOf(entries['dns-host']),
  srvs: listOf(entries['dns-srv']),
})

const settings: { [K in keyof NetworkSettings]-?: Arbitrary<NetworkSettings[K]> } = {
  forward,
  bridge: some<NonNullable<NetworkSettings['bridge']>>({
    name: hostile,
    stp: fc.boolean(),
    delay: uint,
    zone: hostile,
    macTableManager: fc.constantFrom('kernel', 'libvirt'),
  }),
  mac,
  mtu: fc.integer({ min: 68, max: 65535 }),
  domain: some<NonNullable<NetworkSettings['domain']>>({ name: plain, localOnly: fc.boolean() }, ['name']),
  dns,
  ips: listOf(ip),
  routes: listOf(route),
  bandwidth: bandwidth as Arbitrary<NetworkSettings['bandwidth']>,
  vlan,
  virtualPort,
  trustGuestRxFilters,
  portIsolation,
  ipv6: fc.boolean(),
  dnsmasqOptions: listOf(hostile),
}

/** As read: no empty list, and no empty object. */
export const networks: Arbitrary<NetworkDefinition> = fc.record(
  {
    name: hostile,
    uuid: fc.uuid(),
    owner: hostile,
    settings: fc.record(settings, { requiredKeys: [], noNullPrototype: true }) as Arbitrary<NetworkSettings>,
    portGroups: fc.array(entries.portgroup, { maxLength: 3 }),
  },
  { requiredKeys: ['name', 'settings', 'portGroups'], noNullPrototype: true },
)

export const changes: Arbitrary<NetworkChange> = fc.oneof(
  ...Object.entries(entries).map(([section, entry]) =>
    fc.record({
      command: fc.constantFrom('modify', 'delete', 'add-first', 'add-last'),
      section: fc.constant(section),
      parentIndex: fc.nat(20),
      entry: entry as Arbitrary<object>,
    }),
  ),
) as Arbitrary<NetworkChange>
