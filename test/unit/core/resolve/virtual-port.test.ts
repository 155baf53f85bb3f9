import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { VirtualPort, VirtualPortType } from '../../../../src/api/settings.ts'
import { generateInstanceID, generateInterfaceID } from '../../../../src/core/resolve/generated.ts'
import { mergeVirtualPorts, type VirtualPortLayers } from '../../../../src/core/resolve/virtual-port.ts'
import { guestUUID } from '../manifests.ts'

const from = { guest: guestUUID, namespace: 'default', name: 'vm1-data' }
const id = '09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f'
const otherId = '11111111-2222-4333-8444-555555555555'
const instanceID = generateInstanceID(from)
const interfaceID = generateInterfaceID(from)

const openvswitch = { type: 'openvswitch' } as const
const qbg = { type: '802.1Qbg', typeID: 1193047, typeIDVersion: 2 } as const

test.each<[string, VirtualPortLayers, VirtualPort | undefined, Record<string, string>, string[]]>([
  ['nothing', {}, undefined, {}, []],
  [
    'parameters but no type',
    { interface: { instanceID: id, profileID: 'x' }, network: { profileID: 'y' } },
    undefined,
    {},
    ['virtualPort.instanceID', 'virtualPort.profileID'],
  ],
  [
    'an Open vSwitch port of which nothing is said but the type',
    { network: openvswitch },
    { type: 'openvswitch', interfaceID },
    { 'virtualPort.type': 'network', 'virtualPort.interfaceID': 'generated' },
    [],
  ],
  [
    'an 802.1Qbg port without an instance',
    { network: qbg, portGroup: { managerID: 0 } },
    { ...qbg, managerID: 0, instanceID },
    {
      'virtualPort.type': 'network',
      'virtualPort.typeID': 'network',
      'virtualPort.typeIDVersion': 'network',
      'virtualPort.managerID': 'portGroup',
      'virtualPort.instanceID': 'generated',
    },
    [],
  ],
  [
    'the worked example on ABC',
    {
      interface: { instanceID: id, interfaceID: id },
      network: openvswitch,
      portGroup: { profileID: 'sales' },
    },
    { type: 'openvswitch', interfaceID: id, profileID: 'sales' },
    {
      'virtualPort.type': 'network',
      'virtualPort.interfaceID': 'interface',
      'virtualPort.profileID': 'portGroup',
    },
    ['virtualPort.instanceID'],
  ],
  [
    'the worked example on DEF',
    { interface: { instanceID: id, interfaceID: id }, network: qbg, portGroup: { managerID: 55 } },
    { ...qbg, instanceID: id, managerID: 55 },
    {
      'virtualPort.type': 'network',
      'virtualPort.typeID': 'network',
      'virtualPort.typeIDVersion': 'network',
      'virtualPort.instanceID': 'interface',
      'virtualPort.managerID': 'portGroup',
    },
    ['virtualPort.interfaceID'],
  ],
  [
    'layers that agree: the most specific one is named',
    {
      interface: { ...openvswitch, interfaceID: id },
      portGroup: { profileID: 'eng' },
      network: { ...openvswitch, interfaceID: id.toUpperCase(), profileID: 'eng' },
    },
    { type: 'openvswitch', interfaceID: id, profileID: 'eng' },
    {
      'virtualPort.type': 'interface',
      'virtualPort.interfaceID': 'interface',
      'virtualPort.profileID': 'portGroup',
    },
    [],
  ],
  [
    'a disagreement about what the type has no use for',
    {
      interface: { managerID: 1, interfaceID: id },
      network: { managerID: 2 },
      portGroup: { type: 'midonet' },
    },
    { type: 'midonet', interfaceID: id },
    { 'virtualPort.type': 'portGroup', 'virtualPort.interfaceID': 'interface' },
    ['virtualPort.managerID'],
  ],
  [
    'a profile',
    { interface: { type: '802.1Qbh', profileID: 'p' } },
    { type: '802.1Qbh', profileID: 'p' },
    { 'virtualPort.type': 'interface', 'virtualPort.profileID': 'interface' },
    [],
  ],
])('merges %s', (_, layers, virtualPort, sources, unused) => {
  expect(mergeVirtualPorts(layers, from)).toEqual({ ...(virtualPort && { virtualPort }), sources, unused })
})

test.each<[string, VirtualPortLayers, string, string, string[]]>([
  [
    'two types',
    { interface: openvswitch, network: qbg },
    'VirtualPortConflict',
    'virtualPort.type',
    ['the interface says openvswitch', 'the network says 802.1Qbg'],
  ],
  [
    'two values of a parameter',
    { network: { ...openvswitch, profileID: 'a' }, portGroup: { profileID: 'b' } },
    'VirtualPortConflict',
    'virtualPort.profileID',
    ['the port group says b', 'the network says a'],
  ],
  [
    'zero against another value',
    { interface: { instanceID: id, managerID: 0 }, network: qbg, portGroup: { managerID: 1 } },
    'VirtualPortConflict',
    'virtualPort.managerID',
    ['the interface says 0', 'the port group says 1'],
  ],
  [
    'two ids',
    { interface: { interfaceID: id }, network: { ...openvswitch, interfaceID: otherId } },
    'VirtualPortConflict',
    'virtualPort.interfaceID',
    [`the interface says ${id}`, `the network says ${otherId}`],
  ],
  ['a manager missing', { network: qbg }, 'VirtualPortIncomplete', 'virtualPort.managerID', ['802.1Qbg']],
  [
    'a profile missing',
    { interface: { type: '802.1Qbh' } },
    'VirtualPortIncomplete',
    'virtualPort.profileID',
    ['802.1Qbh'],
  ],
  [
    'a midonet port, which nobody can make up',
    { interface: { type: 'midonet' } },
    'VirtualPortIncomplete',
    'virtualPort.interfaceID',
    ['midonet'],
  ],
])('refuses %s', (_, layers, reason, field, naming) => {
  const result = mergeVirtualPorts(layers, from)
  expect(result).toEqual({ refusals: [expect.objectContaining({ reason, field })] })
  const { message } = (result as { refusals: { message: string }[] }).refusals[0]!
  for (const text of [field, ...naming]) expect(message).toContain(text)
})

test('names everything that is missing and every conflict at once', () => {
  const layers = { interface: { type: '802.1Qbg', typeID: 1 } as const, network: { typeID: 2 } }
  expect(mergeVirtualPorts(layers, from)).toEqual({
    refusals: [
      expect.objectContaining({ reason: 'VirtualPortIncomplete', field: 'virtualPort.managerID' }),
      expect.objectContaining({ reason: 'VirtualPortConflict', field: 'virtualPort.typeID' }),
      expect.objectContaining({ reason: 'VirtualPortIncomplete', field: 'virtualPort.typeIDVersion' }),
    ],
  })
})

// Few values, so that layers agree and disagree often.
const types: VirtualPortType[] = ['802.1Qbg', '802.1Qbh', 'openvswitch', 'midonet']
const parameters = {
  managerID: fc.constantFrom(0, 11),
  typeID: fc.constantFrom(1, 1193047),
  typeIDVersion: fc.constantFrom(0, 2),
  instanceID: fc.constantFrom(id, otherId),
  interfaceID: fc.constantFrom(id, otherId),
  profileID: fc.constantFrom('eng', 'sales'),
}
const untyped: fc.Arbitrary<VirtualPort> = fc.record(parameters, { requiredKeys: [] })
const layer: fc.Arbitrary<VirtualPort> = fc.record(
  { type: fc.constantFrom(...types), ...parameters },
  { requiredKeys: [] },
)
const threeLayers = { interface: untyped, network: untyped, portGroup: untyped }

test('it makes no difference which layers name the type', () => {
  const layerNames = fc.subarray(['interface', 'network', 'portGroup'] as const, { minLength: 1 })
  fc.assert(
    fc.property(
      fc.record(threeLayers),
      fc.constantFrom(...types),
      layerNames,
      layerNames,
      (layers, type, one, other) => {
        const [first, second] = [one, other].map((names) => {
          const typed: VirtualPortLayers = { ...layers }
          for (const name of names) typed[name] = { ...typed[name], type }
          const result = mergeVirtualPorts(typed, from)
          if ('sources' in result) delete result.sources['virtualPort.type']
          return result
        })
        expect(first).toEqual(second)
      },
    ),
  )
})

test('what libvirt takes comes to the same here, generated ids aside', () => {
  fc.assert(
    fc.property(layer, layer, layer, (ofInterface, network, portGroup) => {
      const expected = asLibvirtMerges([ofInterface, network, portGroup])
      if (expected === undefined) return
      const result = mergeVirtualPorts({ interface: ofInterface, network, portGroup }, from)
      expect(result).toMatchObject({ sources: expect.anything() })
      const { virtualPort, sources } = result as {
        virtualPort?: VirtualPort
        sources: Record<string, string>
      }
      const given = Object.entries(virtualPort ?? {}).filter(
        ([name]) => sources[`virtualPort.${name}`] !== 'generated',
      )
      expect(Object.fromEntries(given)).toEqual(expected)
    }),
    { numRuns: 5000 },
  )
})

const uses: Record<VirtualPortType, string[]> = {
  '802.1Qbg': ['managerID', 'typeID', 'typeIDVersion', 'instanceID'],
  '802.1Qbh': ['profileID'],
  openvswitch: ['interfaceID', 'profileID'],
  midonet: ['interfaceID'],
}

/**
 * libvirt goes through the layers in order: a parameter counts when it belongs to the type known so far, or when
 * none is known yet. It refuses on the first that differs. Undefined: refused, or not complete.
 */
function asLibvirtMerges([first, ...rest]: VirtualPort[]): Record<string, unknown> | undefined {
  if ([first, ...rest].every((each) => each?.type === undefined)) return {}
  const merged: Record<string, unknown> = { ...first }
  for (const { type, ...values } of rest) {
    if (type !== undefined && merged.type !== undefined && type !== merged.type) return undefined
    if (type !== undefined) merged.type = type
    for (const [name, value] of Object.entries(values)) {
      const known = merged.type as VirtualPortType | undefined
      if (known !== undefined && !uses[known].includes(name)) continue
      if (merged[name] !== undefined && merged[name] !== value) return undefined
      merged[name] = value
    }
  }
  const type = merged.type as VirtualPortType
  const generated = ['instanceID', ...(type === 'openvswitch' ? ['interfaceID'] : [])]
  const optional = type === 'openvswitch' ? ['profileID'] : []
  const complete = uses[type].every(
    (name) => merged[name] !== undefined || generated.includes(name) || optional.includes(name),
  )
  if (!complete) return undefined
  return Object.fromEntries(
    Object.entries(merged).filter(([name]) => name === 'type' || uses[type].includes(name)),
  )
}
