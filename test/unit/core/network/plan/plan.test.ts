/** Lists of updates, section by section; each was carried out by libvirt 9.0 like this. */
import { describe, expect, test } from 'vitest'
import type { Ip } from '../../../../../src/api/network-addresses.ts'
import type {
  NetworkDefinition,
  NetworkSettings,
  PortGroupSettings,
} from '../../../../../src/core/network/definition.ts'
import type { SectionEntry } from '../../../../../src/core/network/plan/change.ts'
import { courseOf } from '../../../../../src/core/network/plan/dnsmasq-course.ts'
import { interruptionOf } from '../../../../../src/core/network/plan/interruption.ts'
import { planNetwork } from '../../../../../src/core/network/plan/plan.ts'

const network = (settings: NetworkSettings, portGroups: PortGroupSettings[] = []): NetworkDefinition => ({
  name: 'n',
  settings,
  portGroups,
})
const saved = { live: false }
const live = { live: true }

/** `COMMAND [INDEX] ENTRY`, the entry without braces and quotes. */
function plan(from: NetworkDefinition, to: NetworkDefinition, options = saved): string[] {
  const { updates, restartRequired } = planNetwork(from, to, options)
  return [
    ...updates.map(({ command, section, parentIndex, entry }) => {
      const text = JSON.stringify(entry).replaceAll(/[{}"]/g, '')
      return `${command} ${section.startsWith('ip-') ? `${parentIndex} ` : ''}${text}`
    }),
    ...restartRequired.map(({ field, from: was, to: wanted }) => `restart ${field}: ${was} -> ${wanted}`),
  ]
}

type Dhcp = NonNullable<Ip['dhcp']>
const ips = (dhcp4?: Dhcp, dhcp6?: Dhcp) =>
  network({
    ips: [
      { address: '10.0.0.1', prefix: 24, dhcp: dhcp4 },
      { address: 'fd00::1', prefix: 64, dhcp: dhcp6 },
    ],
  })

describe('dhcp hosts', () => {
  type Host = SectionEntry['ip-dhcp-host']
  const mac = (n: number) => `52:54:00:00:00:0${n}`
  const host = (m: number | undefined, n: number, name?: string): Host => ({
    ...(m !== undefined && { mac: mac(m) }),
    ...(name !== undefined && { name }),
    ip: `10.0.0.${n}`,
  })

  test.each<[string, Host[], Host[], string[]]>([
    ['one comes', [host(1, 1)], [host(1, 1), host(2, 2)], ['add-last 0 mac:52:54:00:00:00:02,ip:10.0.0.2']],
    ['one goes', [host(1, 1), host(2, 2)], [host(2, 2)], ['delete 0 mac:52:54:00:00:00:01,ip:10.0.0.1']],
    [
      'a guest moves to another ip',
      [host(1, 1)],
      [host(1, 2)],
      ['modify 0 mac:52:54:00:00:00:01,ip:10.0.0.2'],
    ],
    [
      'an ip goes to another guest',
      [host(1, 1)],
      [host(2, 1)],
      ['modify 0 mac:52:54:00:00:00:02,ip:10.0.0.1'],
    ],
    [
      'only the name stays',
      [host(1, 1, 'a')],
      [host(2, 2, 'a')],
      ['modify 0 mac:52:54:00:00:00:02,name:a,ip:10.0.0.2'],
    ],
    [
      'nothing stays',
      [host(1, 1)],
      [host(2, 2)],
      ['delete 0 mac:52:54:00:00:00:01,ip:10.0.0.1', 'add-last 0 mac:52:54:00:00:00:02,ip:10.0.0.2'],
    ],
    [
      'deletes, modifies, adds',
      [host(1, 1), host(2, 2)],
      [host(2, 3), host(4, 4)],
      [
        'delete 0 mac:52:54:00:00:00:01,ip:10.0.0.1',
        'modify 0 mac:52:54:00:00:00:02,ip:10.0.0.3',
        'add-last 0 mac:52:54:00:00:00:04,ip:10.0.0.4',
      ],
    ],
    ['the order means nothing', [host(1, 1), host(2, 2)], [host(2, 2), host(1, 1)], []],
    [
      'an earlier one that stays shares the mac: a stand-in at the head is what modify finds',
      [host(1, 1)],
      [host(1, 1), host(1, 2)],
      ['add-first 0 name:patchbay-10-0-0-2,ip:10.0.0.2', 'modify 0 mac:52:54:00:00:00:01,ip:10.0.0.2'],
    ],
    [
      'a name is taken over by two: the new one is added before the old one comes to share it',
      [host(1, 1, 'a')],
      [host(1, 1, 'b'), host(2, 2, 'b')],
      [
        'add-last 0 mac:52:54:00:00:00:02,name:b,ip:10.0.0.2',
        'modify 0 mac:52:54:00:00:00:01,name:b,ip:10.0.0.1',
      ],
    ],
  ])('%s', (_, from, to, expected) => {
    const keep = { ranges: [{ start: '10.0.0.100', end: '10.0.0.110' }] }
    expect(plan(ips({ ...keep, hosts: from }), ips({ ...keep, hosts: to }))).toEqual(expected)
  })

  test('two guests change places by two modifies', () => {
    const result = plan(ips({ hosts: [host(1, 1), host(2, 2)] }), ips({ hosts: [host(1, 2), host(2, 1)] }))
    expect(result.map((each) => each.split(' ')[0])).toEqual(['modify', 'modify'])
  })

  test('bootp stays: what comes, comes first, since libvirt forgets it with the last host', () => {
    const bootp = { file: 'x' }
    expect(plan(ips({ hosts: [host(1, 1)], bootp }), ips({ hosts: [host(2, 2)], bootp }))).toEqual([
      'add-last 0 mac:52:54:00:00:00:02,ip:10.0.0.2',
      'delete 0 mac:52:54:00:00:00:01,ip:10.0.0.1',
    ])
  })

  test('DHCP moves to another ip: it is taken from the first before', () => {
    const two = (first?: Dhcp, second?: Dhcp) =>
      network({
        ips: [
          { address: '10.0.0.1', prefix: 24, dhcp: first },
          { address: '10.0.1.1', prefix: 24, dhcp: second },
        ],
      })
    expect(plan(two(undefined, { hosts: [host(1, 1)] }), two({ hosts: [host(1, 1)] }), live)).toEqual([
      'delete 1 mac:52:54:00:00:00:01,ip:10.0.0.1',
      'add-last 0 mac:52:54:00:00:00:01,ip:10.0.0.1',
    ])
  })
})

describe('the first and the last IPv6 host of a running network', () => {
  const v6 = { hosts: [{ name: 'a', ip: 'fd00::5' }] }
  const range = { ranges: [{ start: 'fd00::10', end: 'fd00::20' }] }
  const off = (definition: NetworkDefinition) => network({ ...definition.settings, dns: { enable: false } })
  const follows = ['add-last name:patchbay.invalid,value:', 'delete name:patchbay.invalid,value:']
  const followsWithoutDns = ['add-last 1 start:fd00::5,end:fd00::5', 'delete 1 start:fd00::5,end:fd00::5']

  test.each<[string, NetworkDefinition, NetworkDefinition, string[]]>([
    ['the first', ips(), ips(undefined, v6), ['add-last 1 name:a,ip:fd00::5', ...follows]],
    ['the last', ips(undefined, v6), ips(), ['delete 1 name:a,ip:fd00::5', ...follows]],
    [
      'without DNS',
      off(ips()),
      off(ips(undefined, v6)),
      ['add-last 1 name:a,ip:fd00::5', ...followsWithoutDns],
    ],
    [
      'the last without DNS',
      off(ips(undefined, v6)),
      off(ips()),
      ['delete 1 name:a,ip:fd00::5', ...followsWithoutDns],
    ],
    [
      'beside a range it is served already',
      ips(undefined, range),
      ips(undefined, { ...range, ...v6 }),
      ['add-last 1 name:a,ip:fd00::5'],
    ],
    [
      'a range in its place comes after it',
      ips(undefined, v6),
      ips(undefined, range),
      ['delete 1 name:a,ip:fd00::5', 'add-last 1 start:fd00::10,end:fd00::20'],
    ],
    [
      'it in place of a range comes before',
      ips(undefined, range),
      ips(undefined, v6),
      ['add-last 1 name:a,ip:fd00::5', 'delete 1 start:fd00::10,end:fd00::20'],
    ],
  ])('%s', (_, from, to, expected) => {
    expect(plan(from, to, live)).toEqual(expected)
  })

  test('a saved definition needs nothing more', () => {
    expect(plan(ips(), ips(undefined, v6))).toEqual(['add-last 1 name:a,ip:fd00::5'])
  })

  test('a record of the user has another name than ours', () => {
    const dns = { txts: [{ name: 'patchbay.invalid', value: 'x' }] }
    const definition = (dhcp?: Dhcp) => network({ ...ips(undefined, dhcp).settings, dns })
    expect(plan(definition(), definition(v6), live)[1]).toBe('add-last name:x-patchbay.invalid,value:')
  })
})

describe('lists in order', () => {
  const range = (n: number) => ({ start: `10.0.0.${n}`, end: `10.0.0.${n}` })
  const text = (n: number) => `0 start:10.0.0.${n},end:10.0.0.${n}`

  test.each<[string, number[], number[], string[]]>([
    ['at the end', [1], [1, 2], [`add-last ${text(2)}`]],
    ['at the head', [1], [2, 1], [`add-first ${text(2)}`]],
    ['on both sides', [1], [2, 1, 3], [`add-last ${text(3)}`, `add-first ${text(2)}`]],
    [
      'between: what follows it has to move',
      [1, 2],
      [1, 3, 2],
      [`delete ${text(2)}`, `add-last ${text(3)}`, `add-last ${text(2)}`],
    ],
    ['the shorter part moves', [1, 2, 3], [3, 1, 2], [`delete ${text(3)}`, `add-first ${text(3)}`]],
  ])('ranges: %s', (_, from, to, expected) => {
    expect(plan(ips({ ranges: from.map(range) }), ips({ ranges: to.map(range) }))).toEqual(expected)
  })

  test('a range with another lease is deleted and added', () => {
    const lease = { expiry: 5 }
    expect(plan(ips({ ranges: [range(1)] }), ips({ ranges: [{ ...range(1), lease }] }))).toEqual([
      `delete ${text(1)}`,
      `add-last ${text(1)},lease:expiry:5,unit:minutes`,
    ])
  })

  test('the one device of a nat network makes room for the other', () => {
    const to = (dev: string) => network({ forward: { mode: 'nat', dev }, ips: [{ address: '10.0.0.1' }] })
    expect(plan(to('eth0'), to('eth1'))).toEqual(['delete dev:eth0', 'add-last dev:eth1'])
  })

  type Srv = SectionEntry['dns-srv']
  const general: Srv = { service: 's', protocol: 'tcp' }
  const special: Srv = { ...general, target: 't' }
  test.each<[string, Srv[], Srv[], string[]]>([
    [
      'the general one is added first',
      [],
      [special, general],
      ['add-last service:s,protocol:tcp', 'add-first service:s,protocol:tcp,target:t'],
    ],
    [
      'the general one is deleted last',
      [general, special],
      [],
      ['delete service:s,protocol:tcp,target:t', 'delete service:s,protocol:tcp'],
    ],
    [
      'the general one goes: the special one steps aside',
      [general, special],
      [special],
      [
        'delete service:s,protocol:tcp,target:t',
        'delete service:s,protocol:tcp',
        'add-last service:s,protocol:tcp,target:t',
      ],
    ],
    [
      'the port identifies nothing',
      [special],
      [{ ...special, port: 5 }],
      ['delete service:s,protocol:tcp,target:t', 'add-last service:s,protocol:tcp,target:t,port:5'],
    ],
    [
      'two that differ by the port alone',
      [],
      [
        { ...special, port: 5 },
        { ...special, port: 6 },
      ],
      [
        'restart dns.srvs:  -> port 5 protocol tcp service s target t, port 6 protocol tcp service s target t',
      ],
    ],
  ])('srv: %s', (_, from, to, expected) => {
    expect(plan(network({ dns: { srvs: from } }), network({ dns: { srvs: to } }))).toEqual(expected)
  })
})

describe('dns records and port groups', () => {
  test('a txt and a host that change', () => {
    const dns = (value: string, name: string) =>
      network({ dns: { txts: [{ name: 'a', value }], hosts: [{ ip: '10.0.0.9', hostnames: [name] }] } })
    expect(plan(dns('1', 'x'), dns('2', 'y'))).toEqual([
      'delete ip:10.0.0.9,hostnames:[x]',
      'delete name:a,value:1',
      'add-last ip:10.0.0.9,hostnames:[y]',
      'add-last name:a,value:2',
    ])
  })

  test('the old default steps back before the new one', () => {
    const groups = (chosen: string) =>
      network(
        {},
        ['a', 'b'].map((name) => ({ name, default: name === chosen })),
      )
    expect(plan(groups('b'), groups('a'))).toEqual(['modify name:b', 'modify name:a,default:true'])
    expect(plan(groups('a'), groups('b'))).toEqual(['modify name:a', 'modify name:b,default:true'])
  })
})

describe('what needs a restart', () => {
  const base: NetworkSettings = {
    forward: { mode: 'nat' },
    bridge: { name: 'virbr0' },
    mac: '52:54:00:00:00:01',
    ips: [{ address: '10.0.0.1', prefix: 24, dhcp: { ranges: [{ start: '10.0.0.9', end: '10.0.0.9' }] } }],
  }
  test.each<[string, NetworkSettings, string]>([
    ['mode', { ...base, forward: { mode: 'route' } }, 'restart forward.mode: nat -> route'],
    ['bridge', { ...base, bridge: { name: 'br1' } }, 'restart bridge.name: virbr0 -> br1'],
    ['mac', { ...base, mac: '52:54:00:00:00:02' }, 'restart mac: 52:54:00:00:00:01 -> 52:54:00:00:00:02'],
    ['mtu', { ...base, mtu: 9000 }, 'restart mtu:  -> 9000'],
    ['domain', { ...base, domain: { name: 'x' } }, 'restart domain.name:  -> x'],
    [
      'address',
      { ...base, ips: [...base.ips!, { address: 'fd00::1', prefix: 64 }] },
      'restart ips[1]:  -> fd00::1/64',
    ],
    ['prefix', { ...base, ips: [{ ...base.ips![0]!, prefix: 16 }] }, 'restart ips[0].prefix: 24 -> 16'],
    [
      'bootp',
      { ...base, ips: [{ ...base.ips![0]!, dhcp: { ...base.ips![0]!.dhcp, bootp: { file: 'x' } } }] },
      'restart ips[0].dhcp.bootp:  -> file x',
    ],
    [
      'forwarders',
      { ...base, dns: { forwarders: [{ addr: '10.9.9.9' }] } },
      'restart dns.forwarders:  -> addr 10.9.9.9',
    ],
    [
      'routes',
      { ...base, routes: [{ address: '10.1.0.0', prefix: 16, gateway: '10.0.0.2' }] },
      'restart routes:  -> address 10.1.0.0 gateway 10.0.0.2 prefix 16',
    ],
    [
      'bandwidth',
      { ...base, bandwidth: { inbound: { average: 5 } } },
      'restart bandwidth.inbound.average:  -> 5',
    ],
    ['options', { ...base, dnsmasqOptions: ['a'] }, 'restart dnsmasqOptions:  -> a'],
  ])('%s', (_, to, expected) => {
    expect(plan(network(base), network(to))).toEqual([expected])
  })

  test('what is left to libvirt is as it was', () => {
    const { bridge: _bridge, mac: _mac, ...rest } = base
    expect(
      plan({ ...network(base), uuid: 'b52684a5-39b0-4fe5-9ae6-a64039633b11', owner: 'x' }, network(rest)),
    ).toEqual([])
  })

  test('an existing bridge is nothing that libvirt chose, and no devices are taken beside it', () => {
    const forward = { mode: 'bridge' as const }
    const bridged = network({ forward, bridge: { name: 'br0' } })
    const devices = network({ forward: { ...forward, interfaces: [{ dev: 'eth0' }] } })
    expect(plan(bridged, devices)).toEqual(['restart bridge.name: br0 -> '])
    expect(plan(devices, bridged)).toEqual(['restart bridge.name:  -> br0'])
  })

  test('every reason is given, and the updates that are possible all the same', () => {
    const to = { ...base, mtu: 9000, domain: { name: 'x' }, dns: { txts: [{ name: 'a', value: '1' }] } }
    expect(plan(network(base), network(to))).toEqual([
      'add-last name:a,value:1',
      'restart domain.name:  -> x',
      'restart mtu:  -> 9000',
    ])
  })
})

describe('what it costs', () => {
  const range = { ranges: [{ start: '10.0.0.10', end: '10.0.0.20' }] }
  const host = { hosts: [{ name: 'a', ip: '10.0.0.5' }] }
  const txt = (definition: NetworkDefinition) =>
    network({ ...definition.settings, dns: { txts: [{ name: 'a', value: '1' }] } })
  test.each<[string, NetworkDefinition, NetworkDefinition, string]>([
    ['nothing', ips(), ips(), 'nothing is interrupted'],
    [
      'a host',
      ips(range),
      ips({ ...range, ...host }),
      "dnsmasq reads its hosts again; the network's firewall rules are made again",
    ],
    [
      'the first IPv4 host',
      ips(),
      ips(host),
      "dnsmasq is restarted: no DHCP and DNS for a moment; the network's firewall rules are made again",
    ],
    ['a record', ips(range), txt(ips(range)), 'dnsmasq is restarted: no DHCP and DNS for a moment'],
    ['a record of a network without dnsmasq', network({}), txt(network({})), 'nothing is interrupted'],
  ])('%s', (_, from, to, expected) => {
    expect(interruptionOf(planNetwork(from, to, live).updates, from).message).toBe(expected)
  })

  const range6 = { ranges: [{ start: 'fd00::10', end: 'fd00::20' }] }
  const host6 = { hosts: [{ name: 'b', ip: 'fd00::5' }] }
  test.each<[string, NetworkDefinition, NetworkDefinition, string[]]>([
    [
      'IPv4 DHCP begins with its range: no restart for the host',
      ips(),
      ips({ ...range, ...host }),
      ['add-last ip-dhcp-range restart', 'add-last ip-dhcp-host reload'],
    ],
    [
      'it goes on with a host more: hosts come first, a restart serves them too',
      ips(host),
      ips({ ...range, hosts: [...host.hosts, { name: 'c', ip: '10.0.0.6' }] }),
      ['add-last ip-dhcp-host reload', 'add-last ip-dhcp-range restart'],
    ],
    [
      'IPv6 DHCP begins with its hosts: the restart for the range serves them',
      ips(),
      ips(undefined, { ...range6, ...host6 }),
      ['add-last ip-dhcp-host reload', 'add-last ip-dhcp-range restart'],
    ],
    [
      'IPv4 DHCP ends with its range: no restart for the host',
      ips({ ...range, ...host }),
      ips(),
      ['delete ip-dhcp-host reload', 'delete ip-dhcp-range restart'],
    ],
  ])('%s', (_, from, to, expected) => {
    const { updates } = planNetwork(from, to, live)
    const { effects } = courseOf(from.settings.ips ?? [], updates)
    expect(updates.map(({ command, section }, n) => `${command} ${section} ${effects[n]}`)).toEqual(expected)
  })
})
