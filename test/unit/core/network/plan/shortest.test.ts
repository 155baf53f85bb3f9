/** No shorter list does: every shorter one is tried, on the model of libvirt. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonical } from '../../../../../src/core/network/canonical.ts'
import type { NetworkDefinition } from '../../../../../src/core/network/definition.ts'
import type { Command, NetworkChange } from '../../../../../src/core/network/plan/change.ts'
import { planNetwork } from '../../../../../src/core/network/plan/plan.ts'
import { applyUpdate } from './apply-update.ts'
import { closePairs } from './definitions.ts'
import { listsOf, type Update, universe } from './universe.ts'

/** Other cases by PATCHBAY_SEED=N. */
const seed = Number(process.env.PATCHBAY_SEED ?? 1)

const commands: readonly Command[] = ['delete', 'modify', 'add-first', 'add-last']

/** An update changes one entry: so many are needed at least. */
function distance(from: NetworkDefinition, to: NetworkDefinition): number {
  const wanted = listsOf(to)
  return listsOf(from).reduce((sum, { entries }, n) => {
    const left = entries.map((entry) => JSON.stringify(entry))
    const missing = wanted[n]!.entries.filter((entry) => {
      const at = left.indexOf(JSON.stringify(entry))
      if (at >= 0) left.splice(at, 1)
      return at < 0
    })
    return sum + Math.max(left.length, missing.length)
  }, 0)
}

function isReachable(
  from: NetworkDefinition,
  to: NetworkDefinition,
  steps: number,
  updates: Update[],
): boolean {
  if (JSON.stringify(canonical(from)) === JSON.stringify(canonical(to))) return true
  if (distance(from, to) > steps || steps === 0) return false
  return updates.some((update) =>
    commands.some((command) => {
      const applied = applyUpdate(from, { command, ...update } as NetworkChange)
      return 'definition' in applied && isReachable(applied.definition, to, steps - 1, updates)
    }),
  )
}

test('no shorter list of updates leads there', () => {
  let searched = 0
  fc.assert(
    fc.property(closePairs(1), ([from, to]) => {
      const { updates, restartRequired } = planNetwork(from, to, { live: false })
      // Else the search takes too long.
      if (restartRequired.length > 0 || updates.length === 0 || updates.length > 4) return
      searched++
      const shorter = updates.length - 1
      expect(isReachable(from, to, shorter, universe(from, to)), JSON.stringify(updates)).toBe(false)
    }),
    { seed, numRuns: 250 },
  )
  expect(searched).toBeGreaterThan(100)
}, 60_000)
