import { expect, it } from 'vitest'
import type { Condition } from '../../../../src/api/conditions.ts'
import type { GuestInterface } from '../../../../src/api/guest-interface.ts'
import { macDuplicate } from '../../../../src/core/binding/mac-duplicate.ts'
import { controllersStatus } from '../../../../src/core/binding/status.ts'
import type { Check } from '../../../../src/core/interface-status.ts'
import { guestInterface } from '../manifests.ts'
import { bound, going, one } from './cluster.ts'

const [earlier, now] = ['2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z']
const binding: Check = { status: 'Unknown', reason: 'Binding', message: 'Bound to host abc' }
const held: Check = { status: 'False', reason: 'NotOwned', message: 'withdrawn' }

function withConditions(resource: GuestInterface, conditions: Condition[]): GuestInterface {
  const { metadata, status } = resource
  return {
    ...resource,
    metadata: { ...metadata, generation: 3 },
    status: { ...status, observedGeneration: 2, conditions },
  }
}

const condition = (type: string, check: Check): Condition => ({ type, ...check, lastTransitionTime: earlier })
const text = ({ conditions = [] }: { conditions?: Condition[] }) =>
  conditions.map(
    ({ type, status, reason, lastTransitionTime }) =>
      `${type} ${status} ${reason} ${lastTransitionTime === now}`,
  )

it('says all of an interface that no agent keeps, of its newest spec', () => {
  const unbound = withConditions(guestInterface({}), [condition('Ready', { ...binding, status: 'False' })])
  const refusal: Check = { status: 'False', reason: 'GuestNotFound', message: 'nowhere' }
  const status = controllersStatus(unbound, { finalizer: false, bound: refusal }, undefined, now)
  expect(status).toMatchObject({ observedGeneration: 3 })
  expect(text(status)).toEqual([
    'Bound False GuestNotFound true',
    'Ready False GuestNotFound false',
    'Reconciling True GuestNotFound true',
  ])
  expect(status).not.toHaveProperty('hostName')
})

it('says of one that is bound for the first time that it is not Ready, and takes back what was said before', () => {
  const decision = { finalizer: true, hostName: 'abc', guestUUID: one, bound: binding }
  const fresh = controllersStatus(withConditions(guestInterface({}), []), decision, undefined, now)
  expect(text(fresh)).toEqual(['Ready Unknown Binding true'])
  const refused = ['Bound', 'Ready', 'Stalled'].map((type) => condition(type, held))
  const allowed = controllersStatus(withConditions(guestInterface({}), refused), decision, undefined, now)
  expect(text(allowed)).toEqual([
    'Bound Unknown Binding true',
    'Ready Unknown Binding true',
    'Stalled False Binding false',
  ])
})

it('says nothing of its own about one that an agent keeps', () => {
  const kept = withConditions(bound(), [
    condition('Ready', { status: 'True', reason: 'InSync', message: '' }),
  ])
  const status = controllersStatus(kept, { finalizer: true, hostName: 'abc', guestUUID: one }, undefined, now)
  expect(status).toEqual({ hostName: 'abc', guestUUID: one, conditions: [] })
})

it('keeps what it said when it was bound until an agent has said something', () => {
  const fresh = withConditions(bound(), [condition('Bound', binding), condition('Ready', binding)])
  const decision = { finalizer: true, hostName: 'abc', guestUUID: one, held }
  const status = controllersStatus(fresh, decision, undefined, now)
  expect(status.observedGeneration).toBe(2)
  expect(text(status)).toEqual([
    'Bound Unknown Binding false',
    'Ready Unknown Binding false',
    'Held True NotOwned true',
  ])
})

it('keeps what it said of a host that was gone and is back, until its agent has said something', () => {
  const gone: Check = { status: 'Unknown', reason: 'HostGone', message: '' }
  const back = withConditions(bound(), [condition('Ready', gone), condition('Synced', binding)])
  const status = controllersStatus(back, { finalizer: true, hostName: 'abc', guestUUID: one }, undefined, now)
  expect(text(status)).toEqual(['Ready Unknown HostGone false'])
})

it.each<[string, GuestInterface, GuestInterface[], string | undefined]>([
  ['none has it', nic('a', '52:54:00:00:00:01'), [nic('b', '52:54:00:00:00:02')], undefined],
  ['itself alone', nic('a', '52:54:00:00:00:01'), [nic('a', '52:54:00:00:00:01')], undefined],
  ['another, in capitals', nic('a', '52:54:00:00:00:0a'), [nic('b', '52:54:00:00:00:0A')], 'default/b'],
  ['one that is going', nic('a', '52:54:00:00:00:01'), [going(nic('b', '52:54:00:00:00:01'))], undefined],
  ['it is going itself', going(nic('a', '52:54:00:00:00:01')), [nic('b', '52:54:00:00:00:01')], undefined],
  ['no address is known', guestInterface({}, 'a'), [guestInterface({}, 'b')], undefined],
  [
    'in force, not asked for',
    inForce('a', '52:54:00:00:00:01'),
    [nic('b', '52:54:00:00:00:01')],
    'default/b',
  ],
])('finds a MAC address that others have: %s', (_, resource, others, named) => {
  const found = macDuplicate(resource, others)
  expect(found?.reason).toBe(named && 'MacDuplicate')
  if (named) expect(found?.message).toContain(named)
})

it('says the same of an address that very many have, however many: each that comes would else change them all', () => {
  const others = Array.from({ length: 400 }, (_, i) => nic(`n${i}`, '52:54:00:00:00:01'))
  const [first] = others as [GuestInterface]
  expect(macDuplicate(first, others.slice(0, 3))?.message).toContain('default/n1, default/n2 too')
  expect(macDuplicate(first, others.slice(0, 5))).toEqual(macDuplicate(first, others))
})

function nic(name: string, mac: string): GuestInterface {
  return guestInterface({ mac }, name)
}

function inForce(name: string, mac: string): GuestInterface {
  return { ...guestInterface({}, name), status: { mac } }
}
