/** Random networks with port groups, and the interfaces that are plugged into them one after the other. */
import fc from 'fast-check'
import type { NetworkSpec } from '../../../src/api/network.ts'
import type { InterfaceSettings, VirtualPort, VirtualPortType } from '../../../src/api/settings.ts'

/** `bridge`: an existing bridge; `bridge pool`: macvtaps of mode bridge. */
export type Mode =
  | 'isolated'
  | 'nat'
  | 'route'
  | 'open'
  | 'bridge'
  | 'bridge pool'
  | 'private'
  | 'vepa'
  | 'passthrough'
  | 'hostdev'

/** What all three layers can say. */
export type Settings = Pick<
  InterfaceSettings,
  'virtualPort' | 'vlan' | 'bandwidth' | 'trustGuestRxFilters' | 'portIsolation'
>

export interface Group {
  name: string
  default: boolean
  settings: Settings
}

export interface Plugging {
  /** undefined: none is named; may be one that doesn't exist. */
  group: string | undefined
  settings: Settings
  /** Which ports of the network are given back before, each by its place modulo their number. */
  freedBefore: number[]
}

export interface TestNetwork {
  mode: Mode
  /** Number of devices in its pool. */
  devices: number
  settings: Settings
  groups: Group[]
  pluggings: Plugging[]
}

export const noSuchGroup = 'nowhere'

const typesOf: Record<Mode, (VirtualPortType | undefined)[]> = {
  isolated: [undefined],
  nat: [undefined],
  route: [undefined],
  open: [undefined],
  bridge: ['openvswitch', 'openvswitch', undefined],
  'bridge pool': ['802.1Qbg', '802.1Qbh', undefined],
  private: ['802.1Qbg', '802.1Qbh', '802.1Qbh', undefined],
  vepa: ['802.1Qbg', '802.1Qbg', '802.1Qbh', undefined],
  passthrough: ['802.1Qbg', '802.1Qbh', undefined],
  hostdev: ['802.1Qbg', '802.1Qbh', undefined, undefined],
}

const belonging: Record<VirtualPortType, (keyof VirtualPort)[]> = {
  '802.1Qbg': ['managerID', 'typeID', 'typeIDVersion', 'instanceID'],
  '802.1Qbh': ['profileID'],
  openvswitch: ['interfaceID', 'profileID'],
  midonet: ['interfaceID'],
}

/** Mostly the same value, so that layers often agree. */
function mostly<T>(usual: T, ...others: T[]): fc.Arbitrary<T> {
  return fc.constantFrom(...Array<T>(8).fill(usual), ...others)
}

/** The second is the first one, as libvirt reads it. */
const id = mostly(
  '09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f',
  '09B11C53-8B5C-4EEB-8F00-D84EAA0AAA4F',
  'e5b9a9b3-62a1-4d5d-9f6e-1d2c3b4a5f60',
)

const parameters: Record<Exclude<keyof VirtualPort, 'type'>, fc.Arbitrary<string | number>> = {
  managerID: mostly<string | number>(11, 0, 255),
  typeID: mostly<string | number>(1193047, 0, 16777215),
  typeIDVersion: mostly<string | number>(2, 0, 255),
  instanceID: id,
  interfaceID: id,
  profileID: mostly<string | number>('sales', 'engineering', 'ä b', `${'ä'.repeat(19)}x`, 'x'.repeat(39)),
}

function maybe<T>(percent: number, value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof(
    { weight: 100 - percent, arbitrary: fc.constant(undefined) },
    { weight: percent, arbitrary: value },
  )
}

/** Fields that came to undefined are left out, as a manifest leaves them out. */
function record<T extends object>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc
    .record(fields)
    .map(
      (value) =>
        Object.fromEntries(Object.entries(value as object).filter(([, it]) => it !== undefined)) as T,
    )
}

/** Of a network whose interfaces are meant to have virtual ports of type `theme`. */
function virtualPort(theme: VirtualPortType | undefined, withType: number): fc.Arbitrary<VirtualPort> {
  const likely = theme === undefined ? [] : belonging[theme]
  const anyType = fc.constantFrom<VirtualPortType>('802.1Qbg', '802.1Qbh', 'openvswitch', 'midonet')
  const typeHere = fc.oneof(
    { weight: 96, arbitrary: theme === undefined ? anyType : fc.constant(theme) },
    { weight: 4, arbitrary: anyType },
  )
  return record<VirtualPort>({
    type: maybe(withType, typeHere),
    ...Object.fromEntries(
      Object.entries(parameters).map(([name, value]) => [
        name,
        maybe(likely.includes(name as keyof VirtualPort) ? 75 : 5, value),
      ]),
    ),
  } as { [K in keyof VirtualPort]: fc.Arbitrary<VirtualPort[K]> })
}

const tag = fc.integer({ min: 0, max: 4095 })
const vlan: fc.Arbitrary<NonNullable<Settings['vlan']>> = fc.oneof(
  tag.map((id) => ({ tags: [{ id }] })),
  tag.map((id) => ({ trunk: true, tags: [{ id }] })),
  tag.map((id) => ({ trunk: false, tags: [{ id }] })),
  fc
    .tuple(
      fc.uniqueArray(tag, { minLength: 1, maxLength: 4 }),
      maybe(40, fc.constantFrom('tagged' as const, 'untagged' as const)),
    )
    .map(([tags, nativeMode]) => ({
      tags: tags.map((id, n) => (n === 0 && nativeMode ? { id, nativeMode } : { id })),
    })),
)

const rate = fc.constantFrom(1, 100, 1000, 4_294_967)
const rates = record<{ average: number; peak?: number; burst?: number }>({
  average: rate,
  peak: maybe(40, rate),
  burst: maybe(40, rate),
})
/** A floor only where libvirt can have one. */
const bandwidth = (floors: number): fc.Arbitrary<NonNullable<Settings['bandwidth']>> =>
  fc.oneof(
    {
      weight: 100 - floors,
      arbitrary: record<NonNullable<Settings['bandwidth']>>({
        inbound: maybe(60, rates),
        outbound: maybe(60, rates),
      }),
    },
    { weight: floors, arbitrary: rate.map((floor) => ({ inbound: { average: 5_000_000, floor } })) },
  )

const flag = fc.boolean()

/** `layer`: how often it has what. libvirt takes some of them on some kinds of network only, mostly those are asked for. */
function settings(
  mode: Mode,
  theme: VirtualPortType | undefined,
  layer: 'interface' | 'group' | 'network',
): fc.Arbitrary<Settings> {
  const takesVlan = (mode === 'bridge' && theme === 'openvswitch') || mode === 'hostdev'
  const takesBandwidth = layer === 'interface' ? mode !== 'hostdev' : !isPool(mode)
  const often = layer === 'network' ? 50 : 60
  return record<Settings>({
    virtualPort: maybe(theme === undefined ? 4 : often, virtualPort(theme, layer === 'network' ? 80 : 45)),
    vlan: maybe(takesVlan ? 35 : 3, vlan),
    // The tests' kernels cannot start a network that has a rate of its own.
    bandwidth:
      layer === 'network'
        ? fc.constant(undefined)
        : maybe(takesBandwidth ? 35 : 3, bandwidth(layer === 'interface' ? 4 : 0)),
    trustGuestRxFilters: maybe(30, flag),
    portIsolation: maybe(theme === undefined && !isPool(mode) ? 35 : 4, flag),
  })
}

export function isPool(mode: Mode): boolean {
  return !['isolated', 'nat', 'route', 'open', 'bridge'].includes(mode)
}

export function testNetwork(mode: Mode, pluggings: number): fc.Arbitrary<TestNetwork> {
  return fc
    .record({ theme: fc.constantFrom(...typesOf[mode]), groups: fc.integer({ min: 2, max: 6 }) })
    .chain(({ theme, groups }) =>
      fc.record({
        mode: fc.constant(mode),
        devices: fc.integer({ min: 1, max: 5 }),
        settings: settings(mode, theme, 'network'),
        groups: fc
          .record({
            settings: fc.array(settings(mode, theme, 'group'), { minLength: groups, maxLength: groups }),
            theDefault: maybe(60, fc.nat(groups - 1)),
          })
          .map(({ settings, theDefault }) =>
            settings.map((each, n) => ({ name: `g${n}`, default: n === theDefault, settings: each })),
          ),
        pluggings: fc.array(
          fc.record({
            group: fc.oneof(
              { weight: 27, arbitrary: fc.constant(undefined) },
              { weight: 70, arbitrary: fc.nat(groups - 1).map((n) => `g${n}`) },
              { weight: 3, arbitrary: fc.constant(noSuchGroup) },
            ),
            settings: settings(mode, theme, 'interface'),
            freedBefore: fc.array(fc.nat(100), { maxLength: 3 }),
          }),
          { minLength: pluggings, maxLength: pluggings },
        ),
      }),
    )
}

/** The network as manifests have it, and its place in 10.0.0.0/8 where libvirt wants an address. */
export function networkSpec({ mode, devices, settings }: TestNetwork, number: number): NetworkSpec {
  const { bandwidth: _, ...others } = settings
  const interfaces = Array.from({ length: devices }, (_, n) => ({ dev: `e${n}` }))
  const addresses = interfaces.map((_, n) => pciAddress(n))
  switch (mode) {
    case 'isolated':
    case 'nat':
    case 'route':
    case 'open':
      return {
        ...others,
        ...(mode !== 'isolated' && { forward: { mode } }),
        bridge: { name: `v${number}` },
        dns: { enable: false },
        ips: [{ address: `10.${number >> 8}.${number & 255}.1`, prefix: 24 }],
      }
    case 'bridge':
      return { ...others, forward: { mode }, bridge: { name: 'br0' } }
    case 'bridge pool':
      return { ...others, forward: { mode: 'bridge', interfaces } }
    case 'hostdev':
      return { ...others, forward: { mode, addresses, managed: true } }
    default:
      return { ...others, forward: { mode, interfaces } }
  }
}

/** Of a function of the tests' own. */
export function pciAddress(place: number): string {
  return `0000:03:10.${place}`
}
