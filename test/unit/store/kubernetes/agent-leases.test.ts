import { expect, it } from 'vitest'
import { AgentLeases } from '../../../../src/store/kubernetes/agent-leases.ts'
import type { Lease } from '../../../../src/store/kubernetes/cluster-kinds.ts'

const lease = (renewTime?: string, uid = 'u1'): Lease => ({
  kind: 'Lease',
  metadata: { name: 'abc', uid },
  spec: { leaseDurationSeconds: 40, ...(renewTime !== undefined && { renewTime }) },
})

function follow() {
  let now = 1_000
  const leases = new AgentLeases(() => now)
  const key = { kind: 'Lease', name: 'abc' } as const
  let known: Lease | undefined
  return {
    leases,
    pass: (ms: number) => {
      now += ms
    },
    /** undefined: it is deleted. */
    hear: (after: Lease | undefined) => {
      const before = known
      known = after
      return leases.hear({ key, ...(before && { before }), ...(after && { after }) })
    },
  }
}

it('an agent is due when its Lease has not been renewed for as long as that lasts, whatever time stands in it', () => {
  const { leases, hear, pass } = follow()
  hear(lease('2001-01-01T00:00:00.000000Z'))
  pass(30_000)
  expect(leases.silentIn(lease())).toBe(10_000)
  hear(lease('2999-01-01T00:00:00.000000Z'))
  expect(leases.silentIn(lease())).toBe(40_000)
  pass(60_000)
  expect(leases.silentIn(lease())).toBe(0)
  expect(leases.isSilent('abc')).toBe(false)
  leases.confirm('abc')
  expect(leases.isSilent('abc')).toBe(true)
})

it('one that was never renewed is due after its duration too', () => {
  const { leases, hear, pass } = follow()
  hear(lease())
  pass(40_000)
  expect(leases.silentIn(lease())).toBe(0)
})

it('what a Lease says when it is read first is no answer: it may be long ago', () => {
  const { leases, hear } = follow()
  expect(hear(lease('a'))).toBe(true)
  expect(leases.isAnswering('abc')).toBe(false)
  expect(hear(lease('b'))).toBe(true)
  expect(leases.isAnswering('abc')).toBe(true)
  expect(hear(lease('c'))).toBe(false)
})

it('where nobody could look, all agents have their time again', () => {
  const { leases, hear, pass } = follow()
  hear(lease('a'))
  pass(300_000)
  leases.lookAnew()
  expect(leases.silentIn(lease())).toBe(40_000)
})

it('concerns somebody when it comes, goes, is another one, or is renewed first or after its agent was silent', () => {
  const { leases, hear } = follow()
  expect(hear(lease())).toBe(true)
  expect(leases.isAnswering('abc')).toBe(false)
  expect(hear(lease('a'))).toBe(true)
  expect(leases.isAnswering('abc')).toBe(true)
  expect(hear(lease('b'))).toBe(false)
  leases.confirm('abc')
  expect(leases.isAnswering('abc')).toBe(false)
  expect(hear(lease('b'))).toBe(false)
  expect(leases.isSilent('abc')).toBe(true)
  expect(hear(lease('c'))).toBe(true)
  expect(leases.isSilent('abc')).toBe(false)
  expect(hear(lease('c', 'u2'))).toBe(true)
  expect(hear(undefined)).toBe(true)
  expect(leases.isSilent('abc')).toBe(false)
})
