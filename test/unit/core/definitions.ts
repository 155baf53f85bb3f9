/** Definitions and links as the decisions about them are given, and arbitrary ones. */
import fc from 'fast-check'
import type { InterfaceSettings } from '../../../src/api/settings.ts'
import type { InterfaceDefinition } from '../../../src/core/definition.ts'
import type { Link } from '../../../src/core/link.ts'
import type { Port } from '../../../src/core/port.ts'

export const uuid = '09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f'
export const bridge: Port = { kind: 'bridge', bridge: 'br0' }
export const direct: Port = { kind: 'direct', dev: 'eth1', mode: 'passthrough' }

/** One port of each kind, and a second of those that have several settings. */
export const ports: Port[] = [
  { kind: 'network', network: 'default' },
  bridge,
  direct,
  { kind: 'direct', dev: 'eth2', mode: 'vepa' },
  { kind: 'hostdev', address: '0000:03:10.1' },
  { kind: 'hostdev', address: '0000:03:10.1', managed: true },
  { kind: 'vhostuser', path: '/run/vhost.sock', mode: 'client' },
  { kind: 'vhostuser', path: '/run/vhost.sock', mode: 'server' },
  { kind: 'vdpa', dev: '/dev/vhost-vdpa-0' },
  { kind: 'user' },
  { kind: 'ethernet' },
]

/** A value and another one of every setting. */
export const pairs: {
  [K in keyof Required<InterfaceSettings>]: [InterfaceSettings[K], InterfaceSettings[K]]
} = {
  mac: ['52:54:00:00:00:01', '52:54:00:00:00:02'],
  model: ['virtio', 'e1000e'],
  driver: [{ queues: 2 }, { queues: 4 }],
  link: [{ state: 'up' }, { state: 'down' }],
  mtu: [1500, 9000],
  vlan: [{ tags: [{ id: 1 }] }, { tags: [{ id: 2 }] }],
  bandwidth: [{ inbound: { average: 1 } }, { inbound: { average: 2 } }],
  virtualPort: [
    { type: 'openvswitch', interfaceID: uuid },
    { type: 'openvswitch', interfaceID: uuid, profileID: 'sales' },
  ],
  filter: [{ name: 'clean-traffic' }, { name: 'no-mac-spoofing' }],
  trustGuestRxFilters: [false, true],
  portIsolation: [false, true],
  coalesce: [{ rx: { frames: { max: 1 } } }, { rx: { frames: { max: 2 } } }],
  targetDevice: ['tap-a', 'tap-b'],
  bootOrder: [1, 2],
  rom: [{ bar: true }, { bar: false }],
  address: ['0000:01:00.0', '0000:02:00.0'],
}
export const settingNames = Object.keys(pairs) as (keyof InterfaceSettings)[]

const ids = fc.uniqueArray(fc.integer({ min: 0, max: 4095 }), { minLength: 1, maxLength: 4 })

export const arbitrarySettings: fc.Arbitrary<InterfaceSettings> = fc.record(
  {
    ...Object.fromEntries(settingNames.map((name) => [name, fc.constantFrom(...pairs[name])])),
    mac: fc.constantFrom('52:54:00:00:00:01', '52:54:00:00:00:02'),
    vlan: ids.map((list) => ({ tags: list.map((id) => ({ id })), ...(list.length > 1 && { trunk: true }) })),
    filter: fc.record({
      name: fc.constantFrom('clean-traffic', 'no-mac-spoofing'),
      parameters: fc.dictionary(fc.constantFrom('IP', 'MAC', 'DHCPSERVER'), fc.constantFrom('a', 'b'), {
        minKeys: 1,
      }),
    }),
  },
  { requiredKeys: ['mac'] },
) as fc.Arbitrary<InterfaceSettings>

export const arbitraryDefinition: fc.Arbitrary<InterfaceDefinition> = fc.record({
  port: fc.constantFrom(...ports),
  settings: arbitrarySettings,
})

/** The same value with the keys of every object in another order. */
export function reversed<T>(value: T): T {
  if (Array.isArray(value)) return value.map(reversed) as T
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, each]) => [key, reversed(each)])
  return Object.fromEntries(entries.reverse()) as T
}

let index = 1
export function link(name: string, more: Partial<Link> = {}): Link {
  index += 1
  return { name, index, mac: '', mtu: 1500, up: true, addresses: [], defaultRoute: false, ...more }
}

export function macvtap(name: string, lower: string, mode: Link['mode'] = 'passthrough', mac?: string): Link {
  return link(name, { kind: 'macvtap', lower, mode, ...(mac && { mac }) })
}
