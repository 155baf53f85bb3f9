/** Arbitrary interfaces: every kind of port with any settings, values hostile wherever a manifest may carry any string. */
import fc, { type Arbitrary } from 'fast-check'
import type { InterfaceSettings } from '../../../../src/api/settings.ts'
import type { InterfaceDefinition } from '../../../../src/core/definition.ts'
import type { Port } from '../../../../src/core/port.ts'

const character = fc.constantFrom(...`<>&'" \t\n\r/=ax0é-`, '&lt;', '𝄞')
export const hostile = fc.string({ unit: character, minLength: 1, maxLength: 12 })
export const plain = fc.stringMatching(/^[a-z0-9_.]{1,8}$/)
const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length })
export const pciAddress = fc
  .tuple(hex(4), hex(2), fc.integer({ max: 31, min: 0 }), fc.integer({ min: 0, max: 7 }))
  .map(([domain, bus, slot, fn]) => `${domain}:${bus}:${slot.toString(16).padStart(2, '0')}.${fn}`)

/** Each field there or not; an object of which nothing is there is not there itself, as in what is read. */
export function some<T>(
  fields: { [K in keyof T]-?: Arbitrary<T[K]> },
  requiredKeys: (keyof T)[] = [],
): Arbitrary<T> {
  return fc
    .record(fields as { [K in keyof T]: Arbitrary<T[K]> }, { requiredKeys, noNullPrototype: true })
    .filter((value) => Object.keys(value).length > 0) as Arbitrary<T>
}

const rate = fc.integer({ min: 1, max: 4294967295 })
const offloads = some<Record<string, boolean>>({ csum: fc.boolean(), tso4: fc.boolean(), ufo: fc.boolean() })

export const settings: { [K in keyof InterfaceSettings]-?: Arbitrary<InterfaceSettings[K]> } = {
  mac: fc.array(hex(2), { minLength: 5, maxLength: 5 }).map((bytes) => ['52', ...bytes].join(':')),
  model: hostile,
  driver: some<NonNullable<InterfaceSettings['driver']>>({
    name: fc.constantFrom('qemu', 'vhost'),
    queues: fc.integer({ min: 1, max: 256 }),
    txmode: fc.constantFrom('iothread', 'timer'),
    ioeventfd: fc.boolean(),
    eventIDX: fc.boolean(),
    rxQueueSize: fc.constantFrom(256, 512, 1024),
    txQueueSize: fc.constantFrom(256, 512, 1024),
    iommu: fc.boolean(),
    ats: fc.boolean(),
    packed: fc.boolean(),
    pagePerVQ: fc.boolean(),
    rss: fc.boolean(),
    rssHashReport: fc.boolean(),
    host: offloads,
    guest: offloads,
  }),
  link: fc.constantFrom({ state: 'up' }, { state: 'down' }),
  mtu: fc.integer({ min: 68, max: 65535 }),
  vlan: some<NonNullable<InterfaceSettings['vlan']>>(
    {
      trunk: fc.constant(true),
      tags: fc.array(
        some<{ id: number; nativeMode?: 'tagged' | 'untagged' }>(
          { id: fc.integer({ min: 0, max: 4095 }), nativeMode: fc.constantFrom('tagged', 'untagged') },
          ['id'],
        ),
        { minLength: 1, maxLength: 4 },
      ),
    },
    ['tags'],
  ),
  bandwidth: some<NonNullable<InterfaceSettings['bandwidth']>>({
    inbound: some<object>({ average: rate, peak: rate, burst: rate, floor: rate }),
    outbound: some<{ average: number; peak?: number; burst?: number }>(
      { average: rate, peak: rate, burst: rate },
      ['average'],
    ),
  }),
  virtualPort: some<NonNullable<InterfaceSettings['virtualPort']>>({
    type: fc.constantFrom('802.1Qbg', '802.1Qbh', 'openvswitch', 'midonet'),
    managerID: fc.integer({ min: 0, max: 255 }),
    typeID: fc.integer({ min: 0, max: 16777215 }),
    typeIDVersion: fc.integer({ min: 0, max: 255 }),
    instanceID: fc.uuid(),
    interfaceID: fc.uuid(),
    profileID: plain,
  }),
  filter: some<NonNullable<InterfaceSettings['filter']>>(
    {
      name: plain,
      parameters: fc.dictionary(fc.stringMatching(/^[A-Z_]{1,6}$/), plain, {
        minKeys: 1,
        maxKeys: 3,
        noNullPrototype: true,
      }),
    },
    ['name'],
  ),
  trustGuestRxFilters: fc.boolean(),
  portIsolation: fc.boolean(),
  coalesce: fc.integer({ min: 0, max: 4294967295 }).map((max) => ({ rx: { frames: { max } } })),
  targetDevice: hostile,
  bootOrder: fc.integer({ min: 1, max: 1024 }),
  rom: some<NonNullable<InterfaceSettings['rom']>>({
    bar: fc.boolean(),
    file: hostile,
    enabled: fc.boolean(),
  }),
  address: pciAddress,
}

const port: Arbitrary<Port> = fc.oneof(
  fc.record({ kind: fc.constant('network' as const), network: hostile }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('bridge' as const), bridge: hostile }, { noNullPrototype: true }),
  fc.record(
    {
      kind: fc.constant('direct' as const),
      dev: hostile,
      mode: fc.constantFrom('vepa' as const, 'bridge' as const, 'private' as const, 'passthrough' as const),
    },
    { noNullPrototype: true },
  ),
  fc.record(
    { kind: fc.constant('hostdev' as const), address: pciAddress, managed: fc.constant(true) },
    { requiredKeys: ['kind', 'address'], noNullPrototype: true },
  ),
  fc.record(
    {
      kind: fc.constant('vhostuser' as const),
      path: hostile,
      mode: fc.constantFrom('client' as const, 'server' as const),
    },
    { noNullPrototype: true },
  ),
  fc.record({ kind: fc.constant('vdpa' as const), dev: hostile }, { noNullPrototype: true }),
  fc.constant<Port>({ kind: 'user' }),
  fc.constant<Port>({ kind: 'ethernet' }),
)

/** As read: what is plain to see of the settings (the device of a target name) is there too. */
export const definitions: Arbitrary<InterfaceDefinition> = fc
  .record(
    {
      port,
      settings: fc.record(settings, {
        requiredKeys: [],
        noNullPrototype: true,
      }) as Arbitrary<InterfaceSettings>,
      alias: hostile,
    },
    { requiredKeys: ['port', 'settings'], noNullPrototype: true },
  )
  .map((definition) => {
    const { targetDevice } = definition.settings
    return targetDevice === undefined ? definition : { ...definition, device: targetDevice }
  })
