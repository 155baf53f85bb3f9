/** Two spellings of one thing are equal. That libvirt's own text is: test/libvirt/network-plan.test.ts. */
import { describe, expect, test } from 'vitest'
import { canonical } from '../../../../src/core/network/canonical.ts'
import type { NetworkSettings, PortGroupSettings } from '../../../../src/core/network/definition.ts'

const of = (settings: NetworkSettings, portGroups: PortGroupSettings[] = []) =>
  canonical({ name: 'n', settings, portGroups })
const ip = (more: object) => ({ ips: [{ address: '10.0.0.1', prefix: 24, ...more }] })
const dhcp = (more: object) => ip({ dhcp: { ranges: [{ start: '10.0.0.9', end: '10.0.0.9' }], ...more } })
const range = (more: object) => ip({ dhcp: { ranges: [{ start: '10.0.0.9', end: '10.0.0.9', ...more }] } })
const dns = (more: object) => ({ dns: more })
const a = { name: 'a', value: '1' }
const b = { name: 'b', value: '2' }

describe('the same', () => {
  test.each<[string, NetworkSettings, NetworkSettings]>([
    ['defaults of the bridge', { bridge: { stp: true, delay: 0, macTableManager: 'kernel' } }, {}],
    [
      'ports that nat takes anyway',
      { forward: { mode: 'nat', nat: { ports: { start: 1024, end: 65535 } } } },
      { forward: { mode: 'nat' } },
    ],
    [
      'nat without IPv6',
      { forward: { mode: 'nat', nat: { ipv6: false } } },
      { forward: { mode: 'nat', nat: {} } },
    ],
    [
      'dev and the first of interfaces',
      { forward: { mode: 'route', dev: 'eth0' } },
      { forward: { mode: 'route', interfaces: [{ dev: 'eth0' }] } },
    ],
    [
      'dev beside interfaces',
      { forward: { mode: 'bridge', dev: 'a', interfaces: [{ dev: 'a' }, { dev: 'b' }] } },
      { forward: { mode: 'bridge', interfaces: [{ dev: 'a' }, { dev: 'b' }] } },
    ],
    [
      'functions that an active network lists',
      { forward: { mode: 'passthrough', pf: { dev: 'a' }, interfaces: [{ dev: 'b' }] } },
      { forward: { mode: 'passthrough', pf: { dev: 'a' } } },
    ],
    ['case of a mac', { mac: '52:54:00:AA:BB:CC' }, { mac: '52:54:00:aa:bb:cc' }],
    ['netmask and prefix', ip({ prefix: undefined, netmask: '255.255.255.0' }), ip({})],
    ['the prefix of the class', ip({ prefix: undefined }), ip({ prefix: 8 })],
    ['the prefix of IPv6', { ips: [{ address: 'fd00::1' }] }, { ips: [{ address: 'fd00::1', prefix: 64 }] }],
    ['family', ip({ family: 'ipv4' }), ip({})],
    ['spellings of IPv6', { ips: [{ address: 'FD00:0:0::0001' }] }, { ips: [{ address: 'fd00::1' }] }],
    [
      'order of ips',
      { ips: [{ address: '10.0.0.1' }, { address: 'fd00::1' }] },
      { ips: [{ address: 'fd00::1' }, { address: '10.0.0.1' }] },
    ],
    ['minutes', range({ lease: { expiry: 5 } }), range({ lease: { expiry: 5, unit: 'minutes' } })],
    ['for ever', range({ lease: { expiry: 0, unit: 'hours' } }), range({ lease: { expiry: 0 } })],
    ['bootp that libvirt drops', ip({ dhcp: { bootp: { file: 'x' } } }), ip({})],
    ['empty lists', dhcp({ hosts: [] }), dhcp({})],
    [
      'order of dhcp hosts',
      dhcp({
        hosts: [
          { ip: '10.0.0.2', name: 'a' },
          { ip: '10.0.0.3', name: 'b' },
        ],
      }),
      dhcp({
        hosts: [
          { ip: '10.0.0.3', name: 'b' },
          { ip: '10.0.0.2', name: 'a' },
        ],
      }),
    ],
    ['dns with its defaults', dns({ enable: true, forwardPlainNames: true, txts: [] }), {}],
    ['order of txts', dns({ txts: [a, b] }), dns({ txts: [b, a] })],
    [
      'zeros of srv',
      dns({ srvs: [{ service: 's', protocol: 'tcp', target: 't', priority: 0, weight: 0 }] }),
      dns({ srvs: [{ service: 's', protocol: 'tcp', target: 't' }] }),
    ],
    ['localOnly', { domain: { name: 'x', localOnly: false } }, { domain: { name: 'x' } }],
    [
      'a metric of 1',
      { routes: [{ address: '10.1.0.0', prefix: 16, gateway: '10.0.0.2', metric: 1 }] },
      { routes: [{ address: '10.1.0.0', netmask: '255.255.0.0', gateway: '10.0.0.2' }] },
    ],
    [
      'two tags',
      { vlan: { tags: [{ id: 2 }, { id: 1 }] } },
      { vlan: { trunk: true, tags: [{ id: 1 }, { id: 2 }] } },
    ],
    ['empty objects', { virtualPort: {}, bandwidth: { inbound: {} }, bridge: {} }, {}],
    ['saying no at the bottom', { trustGuestRxFilters: false, portIsolation: false, ipv6: false }, {}],
  ])('%s', (_, one, other) => {
    expect(of(one)).toEqual(of(other))
  })
})

describe('not the same', () => {
  test.each<[string, NetworkSettings, NetworkSettings]>([
    [
      'order of ranges',
      ip({
        dhcp: {
          ranges: [
            { start: '10.0.0.2', end: '10.0.0.3' },
            { start: '10.0.0.5', end: '10.0.0.6' },
          ],
        },
      }),
      ip({
        dhcp: {
          ranges: [
            { start: '10.0.0.5', end: '10.0.0.6' },
            { start: '10.0.0.2', end: '10.0.0.3' },
          ],
        },
      }),
    ],
    [
      'order of devices',
      { forward: { mode: 'bridge', interfaces: [{ dev: 'a' }, { dev: 'b' }] } },
      { forward: { mode: 'bridge', interfaces: [{ dev: 'b' }, { dev: 'a' }] } },
    ],
    ['a lease and none', range({ lease: { expiry: 60 } }), range({})],
    ['one tag, trunk or not', { vlan: { tags: [{ id: 1 }] } }, { vlan: { trunk: true, tags: [{ id: 1 }] } }],
    ['no forward and open', {}, { forward: { mode: 'open' } }],
  ])('%s', (_, one, other) => {
    expect(of(one)).not.toEqual(of(other))
  })

  test('a port group that says no, and one that leaves it to the network', () => {
    expect(of({}, [{ name: 'g', trustGuestRxFilters: false }])).not.toEqual(of({}, [{ name: 'g' }]))
  })
})

test('port groups in any order', () => {
  expect(of({}, [{ name: 'b' }, { name: 'a', default: false }])).toEqual(
    of({}, [{ name: 'a' }, { name: 'b' }]),
  )
})
