import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type GeneratedFrom,
  generateInstanceID,
  generateInterfaceID,
  generateMac,
} from '../../../../src/core/resolve/generated.ts'

const guest = '4dea22b3-1d52-d8f3-2516-782e98ab3fa0'

// These are out in the field: a change here gives running guests other MACs and other switch ports.
test.each([
  [
    { guest, namespace: 'default', name: 'vm1-data' },
    '52:54:00:35:a6:6e',
    '8fea0694-e697-5032-8248-1e53281740f2',
    '561a5297-3585-5d6b-b928-c22f3a9aa047',
  ],
  [
    { guest, namespace: 'team-a', name: 'vm1-data' },
    '52:54:00:14:8e:b7',
    '2411921a-b8c6-5030-a8f3-1dcccd5c4573',
    '05a1c904-ac57-5384-9b0d-bd406b347576',
  ],
  [
    { guest: 'vm1', namespace: 'default', name: 'vm1-data' },
    '52:54:00:a8:89:07',
    '21af1772-ab20-566d-a6a9-05e261c12267',
    '7e63bbfd-8df9-520d-8a8e-0cd15e6942bb',
  ],
])('%o gives the same values for ever', (from, mac, instanceID, interfaceID) => {
  expect([generateMac(from), generateInstanceID(from), generateInterfaceID(from)]).toEqual([
    mac,
    instanceID,
    interfaceID,
  ])
})

const part = fc.string({ minLength: 1 }).map((text) => text.replaceAll('/', '-'))
const interfaces: fc.Arbitrary<GeneratedFrom> = fc.record({ guest: fc.uuid(), namespace: part, name: part })

test('the values are UUIDs of version 5 and unicast MACs in 52:54:00', () => {
  fc.assert(
    fc.property(interfaces, (from) => {
      for (const id of [generateInstanceID(from), generateInterfaceID(from)]) {
        expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      }
      expect(generateMac(from)).toMatch(/^52:54:00(:[0-9a-f]{2}){3}$/)
    }),
  )
})

test('no two interfaces and no two purposes share an id', () => {
  fc.assert(
    fc.property(interfaces, interfaces, (one, other) => {
      fc.pre(JSON.stringify(one) !== JSON.stringify(other))
      const ids = [one, other].flatMap((from) => [generateInstanceID(from), generateInterfaceID(from)])
      expect(new Set(ids).size).toBe(4)
    }),
  )
})

test("the case of the guest's UUID makes no difference", () => {
  const from = { guest, namespace: 'default', name: 'vm1-data' }
  expect(generateMac({ ...from, guest: guest.toUpperCase() })).toBe(generateMac(from))
})
