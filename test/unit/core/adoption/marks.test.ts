import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { GuestInterfaceSpec } from '../../../../src/api/guest-interface.ts'
import {
  type AdoptionMark,
  findInterface,
  markOf,
  takenBefore,
  withMark,
  withOwners,
} from '../../../../src/core/adoption/marks.ts'
import type { InterfaceDefinition } from '../../../../src/core/definition.ts'
import { ownerOf } from '../../../../src/core/identity.ts'
import { bridge } from '../definitions.ts'
import { guestInterface } from '../manifests.ts'

const [one, two] = ['52:54:00:00:00:01', '52:54:00:00:00:02']
const [first, second] = ['0000:01:00.0', '0000:02:00.0']
const self = { namespace: 'default', name: 'vm1' }

const nic = (mac: string, address?: string, more: Partial<InterfaceDefinition> = {}) => ({
  definition: { port: bridge, settings: { mac, ...(address && { address }) }, ...more },
})
const mark = (mac: string, address?: string, of = self): AdoptionMark => ({
  ...of,
  mac,
  ...(address && { address }),
})
const manifest = (spec: Partial<GuestInterfaceSpec>) =>
  guestInterface({ ...spec, source: { bridge: { name: 'br0' } } }, 'vm1')

function find(
  interfaces: ReturnType<typeof nic>[],
  marks: AdoptionMark[],
  spec: Partial<GuestInterfaceSpec> = {},
  adopts = true,
) {
  return findInterface(
    { interfaces: withOwners(interfaces, marks), marks, name: 'g' },
    manifest(spec),
    adopts,
  )
}

test.each<[string, ReturnType<typeof nic>[], AdoptionMark, number | undefined]>([
  ['at its address', [nic(one, first), nic(one, second)], mark(one, second), 1],
  [
    'the only one of its MAC address, wherever it was put',
    [nic(one, second), nic(two, first)],
    mark(one, first),
    0,
  ],
  ['without addresses', [nic(one), nic(two)], mark(two), 1],
  ['none of two that nothing tells apart', [nic(one), nic(one)], mark(one), undefined],
  [
    'none that has our alias',
    [nic(one, first, { alias: 'ua-patchbay-default_vm2' })],
    mark(one, first),
    undefined,
  ],
  ['none of another MAC address at the same place', [nic(two, first)], mark(one, first), undefined],
])('a mark means %s', (_, interfaces, given, meant) => {
  const owned = withOwners(interfaces, [given]).map(({ definition }) => definition.adoptedBy !== undefined)
  expect(owned).toEqual(interfaces.map((__, n) => n === meant))
})

test('of two marks each gets its own, in any order of marks and interfaces', () => {
  const [a, b] = [
    mark(one, first, { namespace: 'default', name: 'a' }),
    mark(one, second, { namespace: 'default', name: 'b' }),
  ]
  for (const marks of [
    [a, b],
    [b, a],
  ]) {
    for (const interfaces of [
      [nic(one, first), nic(one, second)],
      [nic(one, second), nic(one, first)],
    ]) {
      for (const { definition } of withOwners(interfaces, marks)) {
        expect(ownerOf(definition)?.name).toBe(definition.settings.address === first ? 'a' : 'b')
      }
    }
  }
})

test('by alias before mark, and then nothing is to be marked', () => {
  const aliased = nic(two, second, { alias: 'ua-patchbay-default_vm1' })
  expect(find([nic(one, first), aliased], [mark(one, first)])).toEqual({ found: aliased, adopted: true })
})

test('a mark finds it whatever the manifest says now, and follows it to another slot', () => {
  expect(find([nic(one, first)], [mark(one, first)], {}, false)).toMatchObject({ adopted: true })
  expect(find([nic(one, first)], [mark(one, first)])).not.toHaveProperty('toMark')
  expect(find([nic(one, second)], [mark(one, first)])).toMatchObject({ toMark: mark(one, second) })
})

test('an adopting manifest takes over by its MAC address, and by its slot where two have one', () => {
  const adopting = { adopt: true, mac: one }
  expect(find([nic(two), nic(one, first)], [], adopting)).toMatchObject({
    found: nic(one, first),
    adopted: true,
    toMark: mark(one, first),
  })
  expect(find([nic(two)], [], adopting)).toEqual({ adopted: false })
  const twins = [nic(one, first), nic(one, second)]
  expect(find(twins, [], adopting).conflict?.reason).toBe('MacConflict')
  expect(find(twins, [], { ...adopting, address: second })).toMatchObject({ toMark: mark(one, second) })
  expect(find(twins, [], { ...adopting, address: '0000:03:00.0' }).conflict?.reason).toBe('MacConflict')
})

test('nothing is taken over by one that does not adopt, or is going, and nothing that another one of ours has', () => {
  expect(find([nic(one)], [], { mac: one })).toEqual({ adopted: false })
  expect(find([nic(one)], [], { mac: one, adopt: true }, false)).toEqual({ adopted: false })
  const other = { namespace: 'shop', name: 'a' }
  const { conflict } = find([nic(one)], [mark(one, undefined, other)], { mac: one, adopt: true })
  expect(conflict).toMatchObject({ reason: 'MacConflict', message: expect.stringContaining('shop/a') })
})

test('where a mark has become ambiguous nothing is guessed', () => {
  const { conflict, found } = find(
    [nic(one, second), nic(one, '0000:03:00.0')],
    [mark(one, first)],
    {},
    false,
  )
  expect(found).toBeUndefined()
  expect(conflict?.reason).toBe('MacConflict')
})

test('marks that mean the same are seen before they are written, those of one interface replace one another', () => {
  const other = { namespace: 'default', name: 'a' }
  const same = mark(one, first, other)
  expect(takenBefore([same], mark(one, first))).toEqual(same)
  expect(takenBefore([same], mark(one))).toEqual(same)
  expect(takenBefore([same], mark(one, second))).toBeUndefined()
  expect(takenBefore([mark(one, first)], mark(one, first))).toBeUndefined()
  expect(withMark([same, mark(one, first)], mark(one, second))).toEqual([same, mark(one, second)])
})

test('a fresh mark means what it was made of and nothing else, whatever else the guest has', () => {
  const macs = fc.array(fc.constantFrom(one, two), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(macs, fc.nat(), (all, chosen) => {
      const interfaces = all.map((mac, n) => nic(mac, `0000:0${n}:00.0`))
      const { definition } = interfaces[chosen % interfaces.length]!
      const marked = withOwners(interfaces, [markOf(self, definition)])
      const owned = marked.filter((each) => each.definition.adoptedBy)
      expect(owned.map((each) => each.definition.settings)).toEqual([definition.settings])
    }),
  )
})
