import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { InterfaceSettings } from '../../../../src/api/settings.ts'
import { differencesOf } from '../../../../src/core/change/differences.ts'
import type { InterfaceDefinition } from '../../../../src/core/definition.ts'
import { readInterface, renderInterface } from '../../../../src/libvirt/xml/interface.ts'
import { arbitraryDefinition, bridge, pairs, reversed, settingNames, uuid } from '../definitions.ts'

const on = (settings: InterfaceSettings): InterfaceDefinition => ({ port: bridge, settings })
const lines = (observed: InterfaceDefinition, effective: InterfaceDefinition) =>
  differencesOf(observed, effective).map((each) => `${each.field}: ${each.observed} -> ${each.effective}`)

test('nothing differs from itself, whatever the order of its fields', () => {
  fc.assert(
    fc.property(arbitraryDefinition, (definition) => {
      expect(differencesOf(definition, reversed(definition))).toEqual([])
    }),
  )
})

test('what is written as XML and read again differs in nothing', () => {
  fc.assert(
    fc.property(arbitraryDefinition, (definition) => {
      const read = readInterface(renderInterface(definition))
      expect(differencesOf(read!, definition)).toEqual([])
    }),
  )
})

test('what is written over another interface differs in nothing afterwards', () => {
  fc.assert(
    fc.property(arbitraryDefinition, arbitraryDefinition, (before, after) => {
      const read = readInterface(renderInterface(after, renderInterface(before)))
      expect(differencesOf(read!, after)).toEqual([])
    }),
  )
})

test('differences are the same from both sides, but for what libvirt fills in', () => {
  const filledIn = ['mac', 'model', 'address']
  fc.assert(
    fc.property(arbitraryDefinition, arbitraryDefinition, (a, b) => {
      const there = differencesOf(a, b).filter(({ setting }) => !filledIn.includes(setting))
      const back = differencesOf(b, a).filter(({ setting }) => !filledIn.includes(setting))
      expect(back.map(({ field, observed, effective }) => [field, effective, observed])).toEqual(
        there.map(({ field, observed, effective }) => [field, observed, effective]),
      )
    }),
  )
})

test.each(settingNames)('another %s is one difference of that setting', (name) => {
  const [was, wanted] = pairs[name]
  const found = differencesOf(on({ [name]: was }), on({ [name]: wanted }))
  expect(found.map(({ setting }) => setting)).toEqual([name])
})

test.each<[string, InterfaceSettings, InterfaceSettings, string[]]>([
  ['a value that goes', { mtu: 1400 }, {}, ['mtu: 1400 -> ']],
  ['a value that comes', {}, { mtu: 1400 }, ['mtu:  -> 1400']],
  [
    'several, in the order of their paths',
    { model: 'e1000', bandwidth: { inbound: { average: 1, peak: 2 }, outbound: { average: 3 } } },
    { bandwidth: { inbound: { average: 1, peak: 4 } }, model: 'virtio', bootOrder: 1 },
    [
      'bandwidth.inbound.peak: 2 -> 4',
      'bandwidth.outbound.average: 3 -> ',
      'bootOrder:  -> 1',
      'model: e1000 -> virtio',
    ],
  ],
  ['a link that is down', {}, { link: { state: 'down' } }, ['link.state: up -> down']],
  [
    'tags and what makes them a trunk',
    { vlan: { tags: [{ id: 4 }] } },
    { vlan: { trunk: true, tags: [{ id: 7, nativeMode: 'untagged' }, { id: 5 }] } },
    ['vlan.tags: 4 -> 5, 7 (native untagged)', 'vlan.trunk:  -> true'],
  ],
  [
    'parameters of a filter',
    { filter: { name: 'f', parameters: { B: '1', A: '2' } } },
    { filter: { name: 'f' } },
    ['filter.parameters: A=2, B=1 -> '],
  ],
])('%s', (_, observed, effective, expected) => {
  expect(lines(on(observed), on(effective))).toEqual(expected)
})

/** Seen on libvirt 9.0: the saved and the live definition after attaching the second. */
test.each<[string, observed: InterfaceSettings, effective: InterfaceSettings]>([
  ['a MAC that libvirt chose', { mac: '52:54:00:00:00:01' }, {}],
  ['a model that libvirt chose', { model: 'rtl8139' }, {}],
  ['a slot that libvirt chose', { address: '0000:01:00.0' }, {}],
  ['a link that is up', {}, { link: { state: 'up' } }],
  ['a model in upper case', { model: 'virtio' }, { model: 'Virtio' }],
  ['one queue', {}, { driver: { queues: 1 } }],
  ['no coalescing', {}, { coalesce: { rx: { frames: { max: 0 } } } }],
  ['no trust', {}, { trustGuestRxFilters: false }],
  ['no isolation', {}, { portIsolation: false }],
  ['a tag that is no trunk', { vlan: { tags: [{ id: 4 }] } }, { vlan: { trunk: false, tags: [{ id: 4 }] } }],
  [
    'several tags',
    { vlan: { trunk: true, tags: [{ id: 4 }, { id: 3 }] } },
    { vlan: { tags: [{ id: 3 }, { id: 4 }] } },
  ],
  [
    'an id in upper case',
    { virtualPort: { type: 'openvswitch', interfaceID: uuid } },
    { virtualPort: { type: 'openvswitch', interfaceID: uuid.toUpperCase() } },
  ],
  [
    'an instance id in upper case',
    { virtualPort: { type: '802.1Qbg', instanceID: uuid } },
    { virtualPort: { type: '802.1Qbg', instanceID: uuid.toUpperCase() } },
  ],
])('libvirt shows %s in its own way: no difference', (_, observed, effective) => {
  expect(lines(on(observed), on(effective))).toEqual([])
})

test('the bridge of a libvirt network and the name of the tap are nothing that manifests say', () => {
  const effective: InterfaceDefinition = { port: { kind: 'network', network: 'default' }, settings: {} }
  const live: InterfaceDefinition = {
    port: { kind: 'network', network: 'default', bridge: 'virbr0' },
    portId: uuid,
    device: 'vnet3',
    alias: 'net0',
    settings: {},
  }
  expect(differencesOf(live, effective)).toEqual([])
})

test('of a libvirt network the port group counts where one is wanted', () => {
  const port = { kind: 'network', network: 'default' } as const
  const wanted: InterfaceDefinition = { port, portGroup: 'patchbay', settings: {} }
  expect(lines({ port, settings: {} }, wanted)).toEqual(['source.portGroup:  -> patchbay'])
  expect(lines({ port, portGroup: 'sales', settings: {} }, wanted)).toEqual([
    'source.portGroup: sales -> patchbay',
  ])
  expect(lines({ port, portGroup: 'sales', settings: {} }, { port, settings: {} })).toEqual([])
})
