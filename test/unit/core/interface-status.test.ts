import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Condition } from '../../../src/api/conditions.ts'
import { condition } from '../../../src/api/conditions.ts'
import type { GuestInterfaceStatus } from '../../../src/api/guest-interface.ts'
import { type Reason, reasons } from '../../../src/api/reasons.ts'
import {
  type Check,
  conditionsOf,
  type Findings,
  heldBy,
  isReady,
  isUnanswered,
  portTaken,
  readiness,
} from '../../../src/core/interface-status.ts'

const now = '2024-06-01T00:00:00.000Z'
const before = '2024-01-01T00:00:00.000Z'
const reached = (reason: Reason, message = ''): Check => ({ status: 'True', reason, message })
const stopped = (reason: Reason, status: Check['status'] = 'False'): Check => ({
  status,
  reason,
  message: 'why',
})

const bound = { Bound: reached('GuestFound') }
const resolved = { ...bound, Resolved: reached('Resolved') }
const allocated = { ...resolved, PortAllocated: reached('PortAllocated') }
const inSync: Findings = { stages: { ...allocated, Synced: reached('InSync', 'eth1 as the manifests say') } }

const statuses = (findings: Findings) =>
  Object.fromEntries(
    conditionsOf(findings, 3, [], now).map(({ type, status, reason }) => [type, `${status} ${reason}`]),
  )

test('what has come through every stage is Ready by the last of them', () => {
  expect(statuses(inSync)).toEqual({
    Bound: 'True GuestFound',
    Resolved: 'True Resolved',
    PortAllocated: 'True PortAllocated',
    Synced: 'True InSync',
    RestartRequired: 'False NoRestartNeeded',
    Ready: 'True InSync',
  })
})

test('a change that waits for the next boot is Ready, with RestartRequired', () => {
  const found = conditionsOf({ ...inSync, restartRequired: reached('ChangedAtNextBoot') }, 3, [], now)
  expect(found.find(({ type }) => type === 'RestartRequired')).toMatchObject({ status: 'True' })
  expect(isReady(found)).toBe(true)
})

test.each<[string, Findings['stages'], Record<string, string>]>([
  [
    'waits for its guest',
    { Bound: stopped('GuestNotFound') },
    {
      Bound: 'False GuestNotFound',
      Resolved: 'Unknown NotReached',
      PortAllocated: 'Unknown NotReached',
      Synced: 'Unknown NotReached',
      Ready: 'False GuestNotFound',
      Reconciling: 'True GuestNotFound',
    },
  ],
  [
    'waits for a device',
    { ...resolved, PortAllocated: stopped('PoolExhausted') },
    {
      PortAllocated: 'False PoolExhausted',
      Synced: 'Unknown NotReached',
      Ready: 'False PoolExhausted',
      Reconciling: 'True PoolExhausted',
    },
  ],
  [
    'is refused',
    { ...allocated, Synced: stopped('LiveChangeRefused') },
    {
      PortAllocated: 'True PortAllocated',
      Synced: 'False LiveChangeRefused',
      Ready: 'False LiveChangeRefused',
      Stalled: 'True LiveChangeRefused',
    },
  ],
  [
    'could not be looked at',
    { ...allocated, Synced: stopped('LibvirtUnavailable', 'Unknown') },
    {
      Synced: 'Unknown LibvirtUnavailable',
      Ready: 'Unknown LibvirtUnavailable',
      Reconciling: 'True LibvirtUnavailable',
    },
  ],
  [
    'has lost its guest, whatever was found behind that',
    { ...allocated, Bound: stopped('GuestNotFound') },
    { PortAllocated: 'Unknown NotReached', Ready: 'False GuestNotFound', Reconciling: 'True GuestNotFound' },
  ],
  ['was not looked at', {}, { Bound: 'Unknown NotReached', Ready: 'Unknown NotReached' }],
])('an interface that %s', (_, stages, expected) => {
  const found = statuses({ stages })
  expect(found).toMatchObject(expected)
  const abnormal = (of: object) => ['Reconciling', 'Stalled'].filter((type) => type in of)
  expect(abnormal(found)).toEqual(abnormal(expected))
})

test('what was abnormal is said to be over, on every pass from then on', () => {
  const stuck = conditionsOf(
    { stages: { ...allocated, Synced: stopped('LiveChangeRefused') } },
    3,
    [],
    before,
  )
  const over = conditionsOf(inSync, 3, stuck, now)
  expect(over.find(({ type }) => type === 'Stalled')).toMatchObject({ status: 'False', reason: 'InSync' })
  expect(conditionsOf(inSync, 3, over, now)).toEqual(over)
})

describe('an interface that was given a port', () => {
  const text = (conditions: Condition[]) =>
    conditions.map(({ type, status, message }) => `${type} ${status} ${message}`)

  test('says so in Ready, which the controller has begun', () => {
    const binding = readiness({ status: 'Unknown', reason: 'Binding', message: 'Bound' }, 3, [], before)
    const held: Condition = { ...binding[0]!, type: 'Held' }
    expect(text(portTaken('eth1', 3, [...binding, held], now))).toEqual([
      'Ready Unknown Holds eth1; the rest follows',
    ])
  })

  test('in place of another one, or after it waited, says no more than was said before', () => {
    const waiting = conditionsOf(
      { stages: { ...resolved, PortAllocated: stopped('PoolExhausted') } },
      3,
      [],
      before,
    )
    const found = portTaken('eth1', 3, waiting, now)
    expect(text(found)).toEqual([
      'Bound True ',
      'Resolved True ',
      'PortAllocated True Holds eth1',
      'Synced Unknown Holds eth1; the rest follows',
      'RestartRequired False ',
      'Ready Unknown Holds eth1; the rest follows',
      'Reconciling False ',
    ])
  })
})

test('what was not reached says what it waits for', () => {
  const found = conditionsOf({ stages: { ...bound, Resolved: stopped('NetworkNotFound') } }, 3, [], now)
  expect(found.find(({ type }) => type === 'Synced')?.message).toBe('Waits for Resolved')
})

test('a transition time moves with the status only, the generation always', () => {
  const previous = conditionsOf(inSync, 2, [], before)
  const same = conditionsOf(
    { stages: { ...inSync.stages, Synced: reached('InSync', 'said otherwise') } },
    3,
    previous,
    now,
  )
  expect(new Set(same.map((each) => each.lastTransitionTime))).toEqual(new Set([before]))
  expect(new Set(same.map((each) => each.observedGeneration))).toEqual(new Set([3]))

  const changed = conditionsOf(
    { stages: { ...allocated, Synced: stopped('LiveChangeRefused') } },
    3,
    previous,
    now,
  )
  const moved = changed.filter((each) => each.lastTransitionTime === now).map(({ type }) => type)
  expect(moved).toEqual(['Synced', 'Ready', 'Stalled'])
})

test('every set of conditions is one that status takes, however long a message', () => {
  const findings: Findings = {
    stages: { Bound: { ...stopped('GuestNotFound'), message: 'x'.repeat(40_000) } },
  }
  const found = conditionsOf(findings, 3, [], now)
  for (const each of found) condition.parse(each)
  expect(found.find(({ type }) => type === 'Ready')?.message).toHaveLength(32_768)
})

test.each(Object.entries(reasons))(
  '%s: kstatus reads what is not Ready for it as %o',
  (reason, { stance }) => {
    const status = stance === 'Passing' ? 'Unknown' : 'False'
    const found = readiness(stopped(reason as Reason, status), 1, [], now)
    const holds = (type: string) => found.find((each) => each.type === type)?.status === 'True'
    expect([holds('Ready'), holds('Reconciling'), holds('Stalled')]).toEqual([
      false,
      stance === 'Reconciling',
      stance === 'Stalled',
    ])
  },
)

test('a reason of a controller that is newer is waited for', () => {
  const held = heldBy([
    { type: 'Held', status: 'True', reason: 'Later', message: 'why', lastTransitionTime: now },
  ])
  expect(readiness(held!, 1, [], now).map(({ type, status }) => `${type} ${status}`)).toEqual([
    'Ready False',
    'Reconciling True',
  ])
})

test('without conditions nothing is Ready', () => {
  expect(isReady(undefined)).toBe(false)
  expect(isReady([])).toBe(false)
  expect(isReady([{ type: 'Ready', status: 'Unknown' } as Condition])).toBe(false)
})

describe('the table of reasons', () => {
  const src = path.join(import.meta.dirname, '../../../src')
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && file !== path.join('api', 'reasons.ts'),
  )
  const code = files.map((file) => readFileSync(path.join(src, file), 'utf8')).join('\n')

  test.each(Object.keys(reasons))('%s is used', (reason) => {
    expect(code).toContain(`'${reason}'`)
  })

  test('a reason that is good says so only where it is good', () => {
    const done = Object.entries(reasons).flatMap(([reason, { stance }]) =>
      stance === 'Done' ? [reason] : [],
    )
    expect(done).toEqual([
      'GuestFound',
      'Resolved',
      'PortAllocated',
      'InSync',
      'NoRestartNeeded',
      'ChangedAtNextBoot',
      'Accepted',
      'NoHostSelected',
    ])
  })
})

describe('a binding', () => {
  const ready = (status: Condition['status']): Condition[] => [
    { type: 'Ready', status, reason: 'Binding', message: '', lastTransitionTime: now },
  ]
  const on = (hostName: string) => ({ kind: 'bridge' as const, name: 'br0', hostName, bridge: 'br0' })

  test.each<[GuestInterfaceStatus, boolean]>([
    [{}, false],
    [{ conditions: ready('Unknown') }, false],
    [{ hostName: 'abc' }, true],
    [{ hostName: 'abc', conditions: ready('Unknown') }, true],
    [{ hostName: 'abc', conditions: ready('Unknown'), port: on('def') }, true],
    [{ hostName: 'abc', conditions: ready('Unknown'), port: on('abc') }, false],
    [{ hostName: 'abc', conditions: ready('False') }, false],
    [{ hostName: 'abc', conditions: ready('True') }, false],
  ])('%o is unanswered: %o', (status, expected) => {
    expect(isUnanswered(status)).toBe(expected)
  })
})
