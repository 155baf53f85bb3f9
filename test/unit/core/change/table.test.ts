import { describe, expect, test } from 'vitest'
import type { InterfaceSettings } from '../../../../src/api/settings.ts'
import { capabilitiesOf } from '../../../../src/core/capabilities.ts'
import { planChange } from '../../../../src/core/change/plan.ts'
import type { InterfaceDefinition } from '../../../../src/core/definition.ts'
import type { Port } from '../../../../src/core/port.ts'
import { pairs, settingNames, uuid } from '../definitions.ts'

/** libvirt versions at which something changed, as 1,000 × major + minor. */
const versions = [9_000, 10_000, 10_008, 11_000] as const
type Version = (typeof versions)[number]

/** Where a NIC can be plugged in. */
const places = {
  network: { port: { kind: 'network', network: 'default' } },
  linux: { port: { kind: 'bridge', bridge: 'br0' } },
  openvswitch: {
    port: { kind: 'bridge', bridge: 'ovs0' },
    settings: { virtualPort: { type: 'openvswitch', interfaceID: uuid } },
  },
  midonet: {
    port: { kind: 'bridge', bridge: 'mido0' },
    settings: { virtualPort: { type: 'midonet', interfaceID: uuid } },
  },
  direct: { port: { kind: 'direct', dev: 'eth1', mode: 'bridge' } },
  hostdev: { port: { kind: 'hostdev', address: '0000:03:10.1' } },
  vhostuser: { port: { kind: 'vhostuser', path: '/run/vhost.sock', mode: 'client' } },
  vdpa: { port: { kind: 'vdpa', dev: '/dev/vhost-vdpa-0' } },
  user: { port: { kind: 'user' } },
  ethernet: { port: { kind: 'ethernet' } },
} satisfies Record<string, { port: Port; settings?: InterfaceSettings }>
type PlaceName = keyof typeof places
const placeNames = Object.keys(places) as PlaceName[]

const at = (place: PlaceName, settings: InterfaceSettings = {}): InterfaceDefinition => {
  const { port, settings: own }: { port: Port; settings?: InterfaceSettings } = places[place]
  return { port, settings: { ...own, ...settings } }
}

function change(live: InterfaceDefinition, effective: InterfaceDefinition, version: Version) {
  const capabilities = capabilitiesOf({ libvirt: version * 1_000, qemu: 7_002_000 })
  const { verdict, steps, differences } = planChange({
    running: true,
    persistent: true,
    live,
    saved: effective,
    effective,
    updatePolicy: 'Live',
    capabilities,
  })
  return { verdict, steps, reasons: differences.map(({ reason }) => reason) }
}

const bridges: PlaceName[] = ['network', 'linux', 'openvswitch', 'midonet']
const taps: PlaceName[] = [...bridges, 'ethernet']

/** Design 8: what can be changed, where, and from which libvirt on. What is not here is refused everywhere. */
const changeable: Partial<
  Record<
    keyof InterfaceSettings,
    { verdict: 'InPlace' | 'Reattach'; on: Partial<Record<PlaceName, Version>> }
  >
> = {
  link: { verdict: 'InPlace', on: since(9_000, [...taps, 'direct', 'user']) },
  bandwidth: { verdict: 'InPlace', on: since(9_000, [...taps, 'direct']) },
  filter: { verdict: 'InPlace', on: since(9_000, taps) },
  coalesce: { verdict: 'InPlace', on: since(9_000, bridges) },
  portIsolation: { verdict: 'InPlace', on: since(9_000, ['network', 'linux']) },
  trustGuestRxFilters: { verdict: 'InPlace', on: since(10_000, [...bridges, 'direct']) },
  vlan: { verdict: 'InPlace', on: { openvswitch: 9_000, linux: 11_000, network: 11_000 } },
  virtualPort: { verdict: 'Reattach', on: since(10_008, bridges) },
}

function since(version: Version, names: PlaceName[]): Partial<Record<PlaceName, Version>> {
  return Object.fromEntries(names.map((name) => [name, version]))
}

/** Another virtual port of the same type where there is one: another type is another switch. */
function pairAt(place: PlaceName, name: keyof InterfaceSettings): [InterfaceDefinition, InterfaceDefinition] {
  const [was, wanted] = pairs[name]
  if (name !== 'virtualPort') return [at(place, { [name]: was }), at(place, { [name]: wanted })]
  const own = at(place).settings.virtualPort
  return own
    ? [at(place), at(place, { virtualPort: { ...own, interfaceID: uuid.replace('0', '1') } })]
    : [at(place), at(place, { virtualPort: { type: '802.1Qbh', profileID: 'a' } })]
}

describe.each(placeNames)('on %s', (place) => {
  test.each(settingNames)('%s', (name) => {
    const row = changeable[name]
    const from = row?.on[place]
    for (const version of versions) {
      const { verdict, steps, reasons } = change(...pairAt(place, name), version)
      const possible = from !== undefined && version >= from
      expect([version, verdict]).toEqual([version, possible ? row?.verdict : 'Refused'])
      expect(steps.length > 0).toBe(possible)
      expect(new Set(reasons).size).toBe(1)
      // Whoever is refused is told what to do instead.
      if (!possible) expect(reasons[0]).toContain('updatePolicy: Replug')
      if (!possible && from !== undefined)
        expect(reasons[0]).toMatch(/^libvirt \d+\.\d+\.0 .*it can from 1[01]\.\d on/)
    }
  })
})

/** Between any two places, by libvirt's version. */
describe.each(placeNames)('from %s', (from) => {
  test.each(placeNames.filter((to) => to !== from))('to %s', (to) => {
    const both = bridges.includes(from) && bridges.includes(to)
    const linux = ['network', 'linux']
    for (const version of versions) {
      const { verdict, steps, reasons } = change(at(from), at(to), version)
      const possible = both && (version >= 10_008 || (linux.includes(from) && linux.includes(to)))
      expect([version, verdict]).toEqual([version, possible ? 'Reattach' : 'Refused'])
      // A move is one update, with all that hangs on the kind of switch.
      expect(steps.filter(({ target }) => target === 'live')).toHaveLength(possible ? 1 : 0)
      if (!both) expect(reasons[0]).toMatch(/^QEMU cannot swap|^The setting is not possible/)
    }
  })
})

describe('within a kind', () => {
  const refusedAlways = versions.map(() => 'Refused')
  const network = (name: string, bridge?: string): InterfaceDefinition => ({
    port: { kind: 'network', network: name, ...(bridge && { bridge }) },
    settings: {},
  })
  const bridge = (name: string): InterfaceDefinition => ({
    port: { kind: 'bridge', bridge: name },
    settings: {},
  })
  const ovs = (name: string): InterfaceDefinition => ({ ...at('openvswitch'), port: bridge(name).port })
  const direct = (dev: string, mode: 'bridge' | 'vepa', more = {}): InterfaceDefinition => ({
    port: { kind: 'direct', dev, mode, ...more },
    settings: {},
  })
  const qbh = { settings: { virtualPort: { type: '802.1Qbh', profileID: 'a' } } } as const

  test.each<
    [what: string, from: InterfaceDefinition, to: InterfaceDefinition, expected: string[], why?: RegExp]
  >([
    ['another Linux bridge', bridge('br0'), bridge('br1'), ['Reattach', 'Reattach', 'Reattach', 'Reattach']],
    ['another Open vSwitch bridge', ovs('a'), ovs('b'), ['Refused', 'Refused', 'Reattach', 'Reattach']],
    [
      'another network',
      network('a', 'virbr0'),
      network('b'),
      ['Reattach', 'Reattach', 'Reattach', 'Reattach'],
    ],
    [
      'a name for the same bridge',
      network('a', 'virbr0'),
      bridge('virbr0'),
      ['None', 'None', 'None', 'None'],
    ],
    [
      'another network of the same bridge',
      network('a', 'virbr0'),
      network('b', 'virbr0'),
      ['None', 'None', 'None', 'None'],
    ],
    [
      'the network that a device comes from',
      direct('eth1', 'bridge', { network: 'a' }),
      direct('eth1', 'bridge', { network: 'b' }),
      ['None', 'None', 'None', 'None'],
    ],
    [
      'another device',
      direct('eth1', 'bridge'),
      direct('eth2', 'bridge'),
      refusedAlways,
      /^A macvtap cannot change its device/,
    ],
    [
      'another mode',
      direct('eth1', 'bridge'),
      direct('eth1', 'vepa'),
      refusedAlways,
      /^A macvtap cannot change its device/,
    ],
    [
      'a virtual port on a macvtap',
      direct('eth1', 'bridge'),
      { ...direct('eth1', 'bridge'), ...qbh },
      refusedAlways,
      /^A macvtap cannot change its virtual port/,
    ],
    [
      'another function',
      at('hostdev'),
      { ...at('hostdev'), port: { kind: 'hostdev', address: '0000:03:10.2' } },
      refusedAlways,
      /^Nothing of such a NIC/,
    ],
  ])('%s', (_, from, to, expected, why) => {
    const found = versions.map((version) => change(from, to, version))
    expect(found.map(({ verdict }) => verdict)).toEqual(expected)
    if (why) for (const { reasons } of found) for (const reason of reasons) expect(reason).toMatch(why)
    for (const { verdict, steps } of found) expect(steps.length > 0).toBe(verdict === 'Reattach')
  })
})
