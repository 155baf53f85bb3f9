/**
 * Specs that break a rule, each beside what is nearest to it and still allowed; for our own validation and for
 * kube-apiserver alike.
 */
import { guestGrant, guestInterface, network, portGroup } from './resources.ts'

export type Spec = Record<string, unknown>
/** Makes the object, a spec that is allowed, one that isn't, the fields that are blamed. */
export type RuleRow = [make: (spec: Spec) => object, good: Spec, bad: Spec, blamed: string[]]

const nat = (more: Spec = {}): Spec => ({
  forward: { mode: 'nat' },
  ips: [{ address: '10.0.0.1', prefix: 24 }],
  ...more,
})
const ip = (more: Spec, address = '10.0.0.1', prefix = 24): Spec => ({ ips: [{ address, prefix, ...more }] })
const ip6 = (more: Spec): Spec => ip(more, '2001:db8::1', 64)
const range = (start: string, end: string, more: Spec = {}) => ({
  dhcp: { ranges: [{ start, end, ...more }] },
})
const lease = (lease: Spec) => ip(range('10.0.0.5', '10.0.0.9', { lease }))
const host = (host: Spec) => ({ dhcp: { hosts: [host] } })
const route = (route: Spec): Spec => ({ ...ip({}), routes: [route] })
const pool = (mode: string, forward: Spec): Spec => ({ forward: { mode, ...forward } })
const address = '0000:03:10.1'
const tags = (...ids: number[]) => ids.map((id) => ({ id }))
const selector = (expression: Spec): Spec => ({ hostSelector: { matchExpressions: [expression] } })

export const ruleRows: RuleRow[] = [
  // guest and source
  [guestInterface, { guest: { name: 'a' } }, { guest: {} }, ['spec.guest']],
  [
    guestInterface,
    { guest: { uuid: '09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f' } },
    { guest: { name: 'a', uuid: '09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f' } },
    ['spec.guest'],
  ],
  [guestInterface, { source: { user: {} } }, { source: {} }, ['spec.source']],
  [guestInterface, { adopt: true, mac: '52:54:00:00:00:01' }, { adopt: true }, ['spec.mac']],
  [guestInterface, { adopt: false }, { adopt: true }, ['spec.mac']],
  [
    guestInterface,
    { source: { hostdev: { address } } },
    { source: { hostdev: { address }, ethernet: {} } },
    ['spec.source'],
  ],
  // vlan
  [
    guestInterface,
    { vlan: { trunk: false, tags: tags(1) } },
    { vlan: { trunk: false, tags: tags(1, 2) } },
    ['spec.vlan.trunk'],
  ],
  [
    guestInterface,
    { vlan: { trunk: true, tags: [{ id: 1, nativeMode: 'tagged' }] } },
    { vlan: { trunk: false, tags: [{ id: 1, nativeMode: 'tagged' }] } },
    ['spec.vlan.trunk'],
  ],
  [
    portGroup,
    { vlan: { tags: [{ id: 1, nativeMode: 'tagged' }, { id: 2 }] } },
    {
      vlan: {
        tags: [
          { id: 1, nativeMode: 'tagged' },
          { id: 2, nativeMode: 'untagged' },
        ],
      },
    },
    ['spec.vlan.tags'],
  ],
  [network, { vlan: { tags: tags(1, 2) } }, { vlan: { tags: tags(1, 2, 1) } }, ['spec.vlan.tags[2].id']],
  // bandwidth
  [
    guestInterface,
    { bandwidth: { inbound: { floor: 5 } } },
    { bandwidth: { inbound: {} } },
    ['spec.bandwidth.inbound'],
  ],
  [
    guestInterface,
    { bandwidth: { inbound: { average: 1, peak: 2, burst: 3 } } },
    { bandwidth: { inbound: { floor: 1, burst: 3 } } },
    ['spec.bandwidth.inbound.average'],
  ],
  [
    portGroup,
    { bandwidth: { inbound: { average: 1 } } },
    { bandwidth: { inbound: { average: 1, floor: 1 } } },
    ['spec.bandwidth.inbound.floor'],
  ],
  [
    network,
    { bandwidth: { outbound: { average: 1 } } },
    { bandwidth: { inbound: { floor: 1 } } },
    ['spec.bandwidth.inbound.floor'],
  ],
  // driver, rom
  [
    guestInterface,
    { driver: { rxQueueSize: 512 } },
    { driver: { rxQueueSize: 513 } },
    ['spec.driver.rxQueueSize'],
  ],
  [
    guestInterface,
    { driver: { txQueueSize: 1024 } },
    { driver: { txQueueSize: 768 } },
    ['spec.driver.txQueueSize'],
  ],
  [
    guestInterface,
    { rom: { enabled: true, bar: false } },
    { rom: { enabled: false, bar: false } },
    ['spec.rom'],
  ],
  [guestInterface, { rom: { enabled: false } }, { rom: { enabled: false, file: '/x' } }, ['spec.rom']],
  // selectors, grants
  [
    portGroup,
    selector({ key: 'a', operator: 'In', values: ['b'] }),
    selector({ key: 'a', operator: 'In', values: [] }),
    ['spec.hostSelector.matchExpressions[0].values'],
  ],
  [
    network,
    selector({ key: 'a', operator: 'Exists' }),
    selector({ key: 'a', operator: 'DoesNotExist', values: ['b'] }),
    ['spec.hostSelector.matchExpressions[0].values'],
  ],
  [guestGrant, { guests: [{ name: 'a' }] }, { guests: [{ name: 'a', namePrefix: 'a' }] }, ['spec.guests[0]']],
  // forward
  [
    network,
    pool('vepa', { interfaces: [{ dev: 'a' }] }),
    pool('vepa', { interfaces: [{ dev: 'a' }], pf: { dev: 'b' } }),
    ['spec.forward'],
  ],
  [
    network,
    pool('hostdev', { addresses: [address], managed: true, driver: 'vfio' }),
    pool('hostdev', { addresses: [address], pf: { dev: 'b' } }),
    ['spec.forward'],
  ],
  [
    network,
    pool('passthrough', { dev: 'a', interfaces: [{ dev: 'a' }, { dev: 'b' }] }),
    pool('passthrough', { dev: 'a', pf: { dev: 'b' } }),
    ['spec.forward'],
  ],
  [
    network,
    pool('hostdev', { pf: { dev: 'a' } }),
    pool('hostdev', { dev: 'a', interfaces: [{ dev: 'a' }], addresses: [address] }),
    ['spec.forward', 'spec.forward', 'spec.forward'],
  ],
  [
    network,
    nat({ forward: { mode: 'nat', nat: { ipv6: true } } }),
    nat({ forward: { mode: 'route', nat: {} } }),
    ['spec.forward.nat'],
  ],
  [
    network,
    nat({ forward: { mode: 'nat', nat: { ports: { start: 5, end: 5 } } } }),
    nat({ forward: { mode: 'nat', nat: { ports: { start: 5, end: 4 } } } }),
    ['spec.forward.nat.ports'],
  ],
  [
    network,
    nat({ forward: { mode: 'nat', nat: { addresses: [{ start: '1.2.3.4', end: '1.2.3.4' }] } } }),
    nat({ forward: { mode: 'nat', nat: { addresses: [{ start: '1.2.3.10', end: '1.2.3.9' }] } } }),
    ['spec.forward.nat.addresses[0]'],
  ],
  [
    network,
    nat({ forward: { mode: 'open' } }),
    nat({ forward: { mode: 'open', dev: 'a' } }),
    ['spec.forward'],
  ],
  [
    network,
    nat({ forward: { mode: 'nat', dev: 'a', interfaces: [{ dev: 'a' }] } }),
    nat({ forward: { mode: 'nat', interfaces: [{ dev: 'a' }, { dev: 'b' }] } }),
    ['spec.forward.interfaces'],
  ],
  [
    network,
    nat({ forward: { mode: 'route', dev: 'a' } }),
    nat({ forward: { mode: 'route', dev: 'b', interfaces: [{ dev: 'a' }] } }),
    ['spec.forward.dev'],
  ],
  [
    network,
    pool('bridge', { pf: { dev: 'a' } }),
    nat({ forward: { mode: 'nat', pf: { dev: 'a' } } }),
    ['spec.forward.pf'],
  ],
  [network, pool('vepa', {}), pool('vepa', { addresses: [address] }), ['spec.forward.addresses']],
  [network, pool('vepa', {}), pool('vepa', { managed: true }), ['spec.forward.managed']],
  [network, pool('vepa', {}), pool('vepa', { driver: 'vfio' }), ['spec.forward.driver']],
  [
    network,
    pool('private', { interfaces: [{ dev: 'a' }, { dev: 'b' }] }),
    pool('private', { interfaces: [{ dev: 'a' }, { dev: 'b' }, { dev: 'a' }] }),
    ['spec.forward.interfaces[2].dev'],
  ],
  [
    network,
    pool('hostdev', { addresses: [address, '0000:03:10.3'] }),
    pool('hostdev', { addresses: [address, address] }),
    ['spec.forward.addresses[1]'],
  ],
  // only where libvirt makes the network
  ...(
    [
      ['mac', '52:54:00:00:00:01'],
      ['mtu', 1400],
      ['domain', { name: 'x' }],
      ['dns', {}],
      ['ips', [{ address: '10.0.0.1' }]],
      ['ipv6', true],
      ['dnsmasqOptions', ['foo']],
    ] as const
  ).map(
    ([field, value]): RuleRow => [
      network,
      { [field]: value },
      { forward: { mode: 'bridge' }, [field]: value },
      [`spec.${field}`],
    ],
  ),
  [
    network,
    route({ address: '10.7.0.0', prefix: 24, gateway: '10.0.0.2' }),
    { ...pool('vepa', {}), routes: [] },
    ['spec.routes'],
  ],
  ...(['stp', 'delay', 'zone'] as const).map((field): RuleRow => {
    const bridge = { name: 'br0', [field]: { stp: true, delay: 2, zone: 'home' }[field] }
    return [network, { bridge }, { forward: { mode: 'bridge' }, bridge }, [`spec.bridge.${field}`]]
  }),
  [
    network,
    { forward: { mode: 'bridge' }, bridge: { name: 'br0' } },
    { forward: { mode: 'passthrough' }, bridge: { name: 'br0' } },
    ['spec.bridge.name'],
  ],
  [
    network,
    pool('bridge', { dev: 'a' }),
    { forward: { mode: 'bridge', dev: 'a' }, bridge: { name: 'br0' } },
    ['spec.bridge.name'],
  ],
  [network, nat(), { forward: { mode: 'nat' } }, ['spec.ips']],
  // addresses
  [network, ip({}), ip({ netmask: '255.255.255.0' }), ['spec.ips[0]']],
  [network, ip({}, '10.0.0.1', 32), ip({}, '10.0.0.1', 33), ['spec.ips[0].prefix']],
  [network, ip6({}), ip({ prefix: undefined, netmask: '255.0.0.0' }, '2001:db8::1'), ['spec.ips[0].netmask']],
  [network, ip6({ family: 'ipv6' }), ip({ family: 'ipv6' }), ['spec.ips[0].family']],
  [network, ip({ family: 'ipv4' }), ip6({ family: 'ipv4' }), ['spec.ips[0].family']],
  [
    network,
    ip({ prefix: undefined, netmask: '255.255.128.0' }),
    ip({ prefix: undefined, netmask: '255.0.255.0' }),
    ['spec.ips[0].netmask'],
  ],
  // libvirt shows these as they are: line breaks become spaces, quotes end the attribute
  [network, ip({ tftp: { root: '/x y' } }), ip({ tftp: { root: '/x\ty' } }), ['spec.ips[0].tftp.root']],
  [
    network,
    ip({ dhcp: { bootp: { file: `'x"` } } }),
    ip({ dhcp: { bootp: { file: 'x\ny' } } }),
    ['spec.ips[0].dhcp.bootp.file'],
  ],
  [
    network,
    { dns: { txts: [{ name: 'a', value: '' }] } },
    { dns: { txts: [{ name: 'a', value: 'b\nc' }] } },
    ['spec.dns.txts[0].value'],
  ],
  [network, { dnsmasqOptions: ['a=b'] }, { dnsmasqOptions: ['a\rb'] }, ['spec.dnsmasqOptions[0]']],
  [portGroup, { groupName: 'a b' }, { groupName: "a'/>" }, ['spec.groupName']],
  [network, ip({ tftp: { root: '/x' } }), ip6({ tftp: { root: '/x' } }), ['spec.ips[0].tftp']],
  [
    network,
    ip({ dhcp: { bootp: { file: 'x' } } }),
    ip6({ dhcp: { bootp: { file: 'x' } } }),
    ['spec.ips[0].dhcp.bootp'],
  ],
  [network, ip({ localPtr: true }), ip({ localPtr: true }, '10.0.0.1', 25), ['spec.ips[0].localPtr']],
  [network, ip6({ localPtr: true }), ip({ localPtr: true }, '2001:db8::1', 63), ['spec.ips[0].localPtr']],
  [
    network,
    { ips: [{ address: '10.0.0.1' }, { address: '10.0.0.2' }] },
    { ips: [{ address: '10.0.0.1' }, { address: '10.0.0.1' }] },
    ['spec.ips[1].address'],
  ],
  [
    network,
    {
      ips: [
        { address: '10.0.0.1', dhcp: {} },
        { address: '2001:db8::1', dhcp: {} },
      ],
    },
    {
      ips: [
        { address: '10.0.0.1', dhcp: {} },
        { address: '10.0.1.1', dhcp: {} },
      ],
    },
    ['spec.ips[1].dhcp'],
  ],
  // DHCP
  [
    network,
    ip(range('10.0.0.1', '10.0.0.1')),
    ip(range('10.0.0.9', '10.0.0.8')),
    ['spec.ips[0].dhcp.ranges[0]'],
  ],
  [
    network,
    ip(range('10.0.0.1', '10.0.0.254')),
    ip(range('10.0.0.1', '10.0.0.255')),
    ['spec.ips[0].dhcp.ranges[0]'],
  ],
  [
    network,
    ip(range('10.0.0.1', '10.0.0.2')),
    ip(range('10.0.0.0', '10.0.0.2')),
    ['spec.ips[0].dhcp.ranges[0]'],
  ],
  [
    network,
    ip(range('10.0.0.1', '10.0.0.2')),
    ip(range('10.0.0.1', '10.0.1.2')),
    ['spec.ips[0].dhcp.ranges[0]'],
  ],
  [
    network,
    ip(range('10.1.0.0', '10.1.255.255'), '10.0.0.1', 8),
    ip(range('10.1.0.0', '10.2.0.0'), '10.0.0.1', 8),
    ['spec.ips[0].dhcp.ranges[0]'],
  ],
  [
    network,
    ip6(range('2001:db8::', '2001:db8::5')),
    ip6(range('10.0.0.1', '10.0.0.2')),
    ['spec.ips[0].dhcp.ranges[0]'],
  ],
  [network, lease({ expiry: 0 }), lease({ expiry: 1 }), ['spec.ips[0].dhcp.ranges[0].lease.expiry']],
  [
    network,
    lease({ expiry: 120, unit: 'seconds' }),
    lease({ expiry: 119, unit: 'seconds' }),
    ['spec.ips[0].dhcp.ranges[0].lease.expiry'],
  ],
  [
    network,
    lease({ expiry: 1, unit: 'hours' }),
    lease({ expiry: 1, unit: 'minutes' }),
    ['spec.ips[0].dhcp.ranges[0].lease.expiry'],
  ],
  [
    network,
    ip(host({ mac: '52:54:00:00:00:01', ip: '10.0.0.4' })),
    ip(host({ mac: '52:54:00:00:00:01', id: '0:1', ip: '10.0.0.4' })),
    ['spec.ips[0].dhcp.hosts[0]'],
  ],
  [
    network,
    ip6(host({ id: '0:1', ip: '2001:db8::4' })),
    ip6(host({ mac: '52:54:00:00:00:01', ip: '2001:db8::4' })),
    ['spec.ips[0].dhcp.hosts[0].mac'],
  ],
  [
    network,
    ip(host({ name: 'a', ip: '10.0.0.4' })),
    ip(host({ id: '0:1', ip: '10.0.0.4' })),
    ['spec.ips[0].dhcp.hosts[0]'],
  ],
  [
    network,
    ip(host({ name: 'a', ip: '10.8.0.4' })),
    ip(host({ name: 'a', ip: '2001:db8::4' })),
    ['spec.ips[0].dhcp.hosts[0].ip'],
  ],
  [
    network,
    ip(host({ name: 'a', ip: '10.0.0.4', lease: { expiry: 2 } })),
    ip(host({ name: 'a', ip: '10.0.0.4', lease: { expiry: 1 } })),
    ['spec.ips[0].dhcp.hosts[0].lease.expiry'],
  ],
  [
    network,
    ip(host({ name: 'a', ip: '10.0.0.4', lease: { expiry: 120, unit: 'seconds' } })),
    ip(host({ name: 'a', ip: '10.0.0.4', lease: { expiry: 5, unit: 'seconds' } })),
    ['spec.ips[0].dhcp.hosts[0].lease.expiry'],
  ],
  // routes
  [
    network,
    route({ address: '10.7.0.0', netmask: '255.255.255.0', gateway: '10.0.0.2' }),
    route({ address: '10.7.0.0', netmask: '255.255.255.0', prefix: 24, gateway: '10.0.0.2' }),
    ['spec.routes[0]'],
  ],
  [
    network,
    route({ address: '0.0.0.0', gateway: '10.0.0.2' }),
    route({ address: '10.7.0.0', gateway: '10.0.0.2' }),
    ['spec.routes[0].address'],
  ],
  [
    network,
    route({ address: '10.7.0.128', prefix: 25, gateway: '10.0.0.2' }),
    route({ address: '10.7.0.128', prefix: 24, gateway: '10.0.0.2' }),
    ['spec.routes[0].address'],
  ],
  [
    network,
    route({ address: '10.7.0.0', prefix: 32, gateway: '10.0.0.2' }),
    route({ address: '10.7.0.0', prefix: 33, gateway: '10.0.0.2' }),
    ['spec.routes[0].prefix'],
  ],
  [
    network,
    route({ address: '0.0.0.0', prefix: 0, gateway: '10.0.0.2' }),
    route({ address: '0.0.0.0', prefix: 0, gateway: '2001:db8::2' }),
    ['spec.routes[0].gateway', 'spec.routes[0].gateway'],
  ],
  [
    network,
    route({ address: '10.7.0.0', prefix: 24, family: 'ipv4', gateway: '10.0.0.2' }),
    route({ address: '10.7.0.0', prefix: 24, family: 'ipv6', gateway: '10.0.0.2' }),
    ['spec.routes[0].family'],
  ],
  [
    network,
    { ...ip6({}), routes: [{ address: '2001:db8:1::', prefix: 48, gateway: '2001:db8::2' }] },
    { ...ip6({}), routes: [{ address: '2001:db8:1::', netmask: '255.0.0.0', gateway: '2001:db8::2' }] },
    ['spec.routes[0].netmask'],
  ],
  [
    network,
    route({ address: '10.7.0.0', prefix: 24, gateway: '10.0.0.2' }),
    route({ address: '10.7.0.0', prefix: 24, gateway: '10.6.0.2' }),
    ['spec.routes[0].gateway'],
  ],
  // DNS
  [
    network,
    { dns: { forwarders: [{ domain: 'x' }] } },
    { dns: { forwarders: [{}] } },
    ['spec.dns.forwarders[0]'],
  ],
  [
    network,
    { dns: { srvs: [{ service: 'a', protocol: 'tcp' }] } },
    { dns: { srvs: [{ service: 'a', protocol: 'tcp', port: 5 }] } },
    ['spec.dns.srvs[0].target'],
  ],
  [
    network,
    { dns: { enable: false, forwardPlainNames: false, txts: [] } },
    { dns: { enable: false, txts: [{ name: 'a', value: '' }] } },
    ['spec.dns'],
  ],
  [
    network,
    {
      dns: {
        txts: [
          { name: 'a', value: '' },
          { name: 'b', value: '' },
        ],
      },
    },
    {
      dns: {
        txts: [
          { name: 'a', value: '' },
          { name: 'a', value: 'x' },
        ],
      },
    },
    ['spec.dns.txts[1].name'],
  ],
  [
    network,
    { allowedNamespaces: ['a', 'b'] },
    { allowedNamespaces: ['a', 'a'] },
    ['spec.allowedNamespaces[1]'],
  ],
]

/** Of a GuestInterface. `blamed` as our own validation has it. */
export type ChangeRow = [before: Spec, after: Spec, blamed: { field: string; from: string; to: string }[]]

export const changeRows: ChangeRow[] = [
  [{}, {}, []],
  [{}, { mac: '52:54:00:00:00:01' }, [{ field: 'spec.mac', from: '', to: '52:54:00:00:00:01' }]],
  [{ mac: '52:54:00:00:00:01' }, {}, [{ field: 'spec.mac', from: '52:54:00:00:00:01', to: '' }]],
  [
    { mac: '52:54:00:00:00:01' },
    { mac: '52:54:00:00:00:02' },
    [{ field: 'spec.mac', from: '52:54:00:00:00:01', to: '52:54:00:00:00:02' }],
  ],
  [{ mac: '52:54:00:00:00:01' }, { mac: '52:54:00:00:00:01', mtu: 1400 }, []],
  [{}, { guest: { name: 'vm2' } }, [{ field: 'spec.guest', from: '{"name":"vm1"}', to: '{"name":"vm2"}' }]],
  [{}, { source: { user: {} }, model: 'e1000e' }, []],
]
