import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { objectName } from '../../../../src/api/names.ts'
import { objectNameOf } from '../../../../src/core/import/object-name.ts'

describe('what Kubernetes can carry stays as it is', () => {
  test.each<[[string, ...string[]], string]>([
    [['default'], 'default'],
    [['br0.100'], 'br0.100'],
    [['default', 'web-tier'], 'default.web-tier'],
    [['br0.100', 'web'], 'br0.100.web'],
    [['a'.repeat(253)], 'a'.repeat(253)],
  ])('%j', (names, name) => expect(objectNameOf(...names)).toBe(name))
})

describe('anything else is told by a hash', () => {
  test.each<[[string, ...string[]], RegExp]>([
    [['Lab_Net'], /^lab-net-[0-9a-f]{10}$/],
    [['.hidden'], /^hidden-[0-9a-f]{10}$/],
    [['böse netze'], /^b-se-netze-[0-9a-f]{10}$/],
    [['ネット'], /^[0-9a-f]{10}$/],
    [['a'.repeat(254)], /^a{242}-[0-9a-f]{10}$/],
    [['default', 'v1.2'], /^default-v1-2-[0-9a-f]{10}$/],
    // Else it could be the name that something else was given.
    [['lab-0123456789'], /^lab-0123456789-[0-9a-f]{10}$/],
  ])('%j', (names, name) => expect(objectNameOf(...names)).toMatch(name))
})

test('every name can be carried, and other names give another one', () => {
  // Few characters, so that they meet often.
  const name = fc.string({ unit: fc.constantFrom('a', 'A', '.', '-', '_', 'é'), minLength: 1, maxLength: 5 })
  const names = fc.tuple(name, name)
  fc.assert(
    fc.property(names, names, (one, other) => {
      expect(objectName.safeParse(objectNameOf(...one)).success).toBe(true)
      expect(objectNameOf(...one) === objectNameOf(...other)).toBe(one[0] === other[0] && one[1] === other[1])
    }),
    { numRuns: 5000 },
  )
})
