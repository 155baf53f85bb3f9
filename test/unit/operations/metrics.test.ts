import { expect, it } from 'vitest'
import { Checks } from '../../../src/operations/checks.ts'
import { type ObjectStanding, objectMetrics } from '../../../src/operations/object-metrics.ts'
import { processMetrics } from '../../../src/operations/process-metrics.ts'
import { Registry } from '../../../src/operations/prometheus.ts'
import { checkPasses, type QueueState, reconcileMetrics } from '../../../src/operations/reconcile-metrics.ts'
import { requestMetrics } from '../../../src/operations/request-metrics.ts'
import { readExposition, sampleOf } from '../../lab/exposition.ts'

const registry = () => new Registry()
const read = async (from: Registry) => readExposition(await from.metrics())
const idle: QueueState = { waiting: 0, running: 0, failing: 0, oldestWaitMs: 0, longestRunMs: 0 }

it('passes are counted by kind and result, and timed; the queue is looked at when asked', async () => {
  const metrics = registry()
  const { passed, watch } = reconcileMetrics(metrics)
  passed('Network', 'done', 3)
  passed('Network', 'done', 7)
  passed('Network', 'terminal', 2_000)
  let state = idle
  watch(() => state)
  state = { waiting: 4, running: 2, failing: 1, oldestWaitMs: 1_500, longestRunMs: 250 }
  const found = await read(metrics)
  expect(sampleOf(found, 'patchbay_reconciles_total', { kind: 'Network', result: 'done' })).toBe(2)
  expect(sampleOf(found, 'patchbay_reconciles_total', { kind: 'Network', result: 'terminal' })).toBe(1)
  const buckets = found.get('patchbay_reconcile_duration_seconds')!.samples
  const upTo = (le: string) => buckets.find(({ labels }) => labels.le === le)?.value
  expect([upTo('0.005'), upTo('0.01'), upTo('1'), upTo('5'), upTo('+Inf')]).toEqual([1, 2, 2, 3, 3])
  expect(sampleOf(found, 'patchbay_queue_depth')).toBe(4)
  expect(sampleOf(found, 'patchbay_queue_oldest_wait_seconds')).toBe(1.5)
  expect(sampleOf(found, 'patchbay_queue_failing_keys')).toBe(1)
  expect(sampleOf(found, 'patchbay_reconciles_running')).toBe(2)
  expect(sampleOf(found, 'patchbay_reconcile_longest_running_seconds')).toBe(0.25)
})

it('a pass that runs for 15 minutes is one that will not end', () => {
  const alive = new Checks()
  let longestRunMs = 0
  checkPasses(alive, () => ({ ...idle, longestRunMs }))
  expect(alive.ask().good).toBe(true)
  longestRunMs = 14.9 * 60_000
  expect(alive.ask().good).toBe(true)
  longestRunMs = 16 * 60_000
  expect(alive.ask()).toEqual({
    good: false,
    text: '[-]passes failed: a pass has run for 16 minutes and will not end\nfailed\n',
  })
})

it('requests are counted with their answers, those without one too', async () => {
  const metrics = registry()
  const requested = requestMetrics(metrics)
  requested({ verb: 'apply', resource: 'guestinterfaces/status', status: 200, ms: 6 })
  requested({ verb: 'apply', resource: 'guestinterfaces/status', status: 409, ms: 6 })
  requested({ verb: 'watch', resource: 'hosts', status: undefined, ms: 10_000 })
  const found = await read(metrics)
  const count = (verb: string, resource: string, code: string) =>
    sampleOf(found, 'patchbay_api_requests_total', { verb, resource, code })
  expect(count('apply', 'guestinterfaces/status', '200')).toBe(1)
  expect(count('apply', 'guestinterfaces/status', '409')).toBe(1)
  expect(count('watch', 'hosts', 'none')).toBe(1)
  const timed = found.get('patchbay_api_request_duration_seconds')!.samples
  expect(new Set(timed.map(({ labels }) => labels.verb))).toEqual(new Set(['apply']))
  const age = Date.now() / 1_000 - sampleOf(found, 'patchbay_api_last_answer_timestamp_seconds')!
  expect(age).toBeGreaterThanOrEqual(0)
})

it('objects are counted by reason, and a reason that none has any more is gone', async () => {
  const metrics = registry()
  const stalled = { kind: 'GuestInterface', ready: 'False', reason: 'NotOwned', stance: 'Stalled' }
  let objects: ObjectStanding[] = [stalled, { ...stalled }]
  objectMetrics(metrics, 'patchbay_objects', 'Objects', () => objects)
  expect(sampleOf(await read(metrics), 'patchbay_objects', stalled)).toBe(2)
  objects = [{ ...stalled, ready: 'True', reason: 'InSync', stance: 'Done' }]
  expect((await read(metrics)).get('patchbay_objects')!.samples).toHaveLength(1)
})

it('says when its Lease was renewed; 0 where it never was', async () => {
  const metrics = registry()
  const requested = requestMetrics(metrics)
  const name = 'patchbay_lease_renewed_timestamp_seconds'
  requested({ verb: 'get', resource: 'leases', status: 200, ms: 1 })
  requested({ verb: 'update', resource: 'leases', status: 409, ms: 1 })
  requested({ verb: 'update', resource: 'leases', status: undefined, ms: 1 })
  requested({ verb: 'create', resource: 'leases', status: 201, ms: 1 })
  expect(sampleOf(await read(metrics), name)).toBe(0)
  requested({ verb: 'update', resource: 'leases', status: 200, ms: 1 })
  expect(sampleOf(await read(metrics), name)).toBeGreaterThan(1.7e9)
})

it('the process tells what it takes, in the units of the names', async () => {
  const metrics = registry()
  processMetrics(metrics)
  const found = await read(metrics)
  const { user, system } = process.cpuUsage()
  expect(sampleOf(found, 'process_cpu_seconds_total')).toBeLessThanOrEqual((user + system) / 1e6)
  expect(sampleOf(found, 'process_cpu_seconds_total')).toBeGreaterThan(0)
  expect(sampleOf(found, 'process_resident_memory_bytes')).toBeGreaterThan(2 ** 20)
  expect(sampleOf(found, 'process_open_fds')).toBeGreaterThan(2)
  expect(sampleOf(found, 'process_start_time_seconds')).toBeLessThanOrEqual(Date.now() / 1_000)
  expect(sampleOf(found, 'nodejs_eventloop_lag_max_seconds')).toBeGreaterThanOrEqual(0)
})
