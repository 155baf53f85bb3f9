/** What must hold for whatever pair of definitions, on a model of libvirt that test/libvirt/network-plan.test.ts compares with the real one. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonical } from '../../../../../src/core/network/canonical.ts'
import { planNetwork } from '../../../../../src/core/network/plan/plan.ts'
import { applyAll } from './apply-update.ts'
import { anyPairs, pairs } from './definitions.ts'

const saved = { live: false }
const live = { live: true }

describe.each([
  ['saved', saved],
  ['live', live],
])('planning for the %s definition', (_, options) => {
  test.each([
    ['hosts that share nothing', pairs(false)],
    ['hosts that share a mac or a name', pairs(true)],
    ['some of it needing a restart', anyPairs],
  ])('the updates make the one the other: %s', (_, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, ([from, to]) => {
        const { updates, restartRequired } = planNetwork(from, to, options)
        const result = applyAll(from, updates)
        if (restartRequired.length === 0) expect(canonical(result)).toEqual(canonical(to))
        const again = planNetwork(result, to, options)
        expect(again.updates).toEqual([])
        expect(again.restartRequired.map(({ field }) => field)).toEqual(
          restartRequired.map(({ field }) => field),
        )
      }),
      { numRuns: 400 },
    )
  })

  test('nothing leads from a definition to itself', () => {
    fc.assert(
      fc.property(pairs(true), ([, to]) => {
        expect(planNetwork(to, canonical(to), options)).toEqual({ updates: [], restartRequired: [] })
      }),
      { numRuns: 300 },
    )
  })
})
