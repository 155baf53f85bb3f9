/** What an agent's process tells at --listen while libvirt comes and goes. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { LabAgent } from '../lab/agent.ts'
import { sampleOf } from '../lab/exposition.ts'
import { startGuest } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'
import { guestInterface, inNetwork, pool } from '../lab/manifests.ts'
import { askOperations, metricsOf } from '../lab/operations.ts'
import { addVethPool } from '../lab/pool.ts'

const at = '127.0.0.1:9745'
let host: LabHost
let agent: LabAgent

beforeAll(async () => {
  host = await LabHost.start({ name: 'abc' })
  await addVethPool(host, 3)
  await startGuest(host, { name: 'vm1' })
  agent = new LabAgent(host)
  await agent.apply(
    pool('pt', 'passthrough', ['pool0', 'pool1', 'pool2']),
    guestInterface('vm1', 'vm1', inNetwork('pt')),
    guestInterface('lost', 'vm1', inNetwork('no-such-network')),
  )
  await agent.start('--listen', at)
  await agent.reaches('vm1')
  await agent.reaches('lost', 'False NetworkNotFound')
})
afterAll(() => host?.stop())

const status = async (path: string) => (await askOperations(host, at, path)).status
const metrics = () => metricsOf(host, at)

it('it is alive and ready, and names its checks', async () => {
  expect(await askOperations(host, at, '/healthz')).toMatchObject({
    status: 200,
    text: '[+]passes ok\nok\n',
  })
  const { status, text } = await askOperations(host, at, '/readyz')
  expect(status).toBe(200)
  expect(text).toBe('[+]started ok\n[+]host-lock ok\n[+]libvirt ok\nok\n')
  expect(await askOperations(host, at, '/')).toMatchObject({ status: 404 })
})

it('metrics are those of Prometheus: refusals by reason, pools, passes, plans, calls', async () => {
  const { type } = await askOperations(host, at, '/metrics')
  expect(type).toBe('text/plain; version=0.0.4; charset=utf-8')
  const stalled = {
    kind: 'GuestInterface',
    ready: 'False',
    reason: 'NetworkNotFound',
    stance: 'Stalled',
  }
  const inPool = { network: 'pt', mode: 'passthrough' }
  await expect.poll(async () => sampleOf(await metrics(), 'patchbay_pool_in_use', inPool)).toBe(1)
  const families = await metrics()
  expect(sampleOf(families, 'patchbay_objects', stalled)).toBe(1)
  expect(
    sampleOf(families, 'patchbay_objects', { ...stalled, ready: 'True', reason: 'InSync', stance: 'Done' }),
  ).toBe(1)
  expect(sampleOf(families, 'patchbay_pool_capacity', inPool)).toBe(3)
  expect(sampleOf(families, 'patchbay_pool_unavailable', inPool)).toBe(0)
  expect(sampleOf(families, 'patchbay_plans_total', { kind: 'GuestInterface', verdict: 'Attach' })).toBe(1)
  expect(
    sampleOf(families, 'patchbay_reconciles_total', { kind: 'GuestInterface', result: 'done' }),
  ).toBeGreaterThanOrEqual(2)
  expect(sampleOf(families, 'patchbay_libvirt_connected')).toBe(1)
  expect(sampleOf(families, 'patchbay_libvirt_events_total', { kind: 'domain' })).toBeGreaterThan(0)
  expect(sampleOf(families, 'patchbay_queue_failing_keys')).toBe(0)
  // A thousand hosts have a thousand times as many.
  const series = [...families.values()].flatMap(({ samples }) => samples)
  expect(series.length).toBeLessThan(200)
  expect(sampleOf(families, 'process_resident_memory_bytes')).toBeGreaterThan(50 * 2 ** 20)
})

it('what is done to a guest is counted as calls and passes', async () => {
  const update = { procedure: 'DOMAIN_UPDATE_DEVICE_FLAGS' }
  const before = sampleOf(await metrics(), 'patchbay_libvirt_calls_total', update) ?? 0
  await agent.apply(guestInterface('vm1', 'vm1', { ...inNetwork('pt'), link: { state: 'down' } }))
  await expect
    .poll(async () => sampleOf(await metrics(), 'patchbay_libvirt_calls_total', update))
    .toBeGreaterThan(before)
  expect(
    sampleOf(await metrics(), 'patchbay_plans_total', { kind: 'GuestInterface', verdict: 'InPlace' }),
  ).toBe(1)
})

it('without libvirt it is not ready, and alive all the same; with libvirt it is ready again', async () => {
  await host.libvirtd.stop()
  await expect.poll(() => status('/readyz')).toBe(503)
  expect((await askOperations(host, at, '/readyz')).text).toMatch(
    /^\[\+\]started ok\n\[\+\]host-lock ok\n\[-\]libvirt failed: not connected: .+\nfailed\n$/,
  )
  expect(await status('/healthz')).toBe(200)
  await agent.reaches('vm1', 'Unknown LibvirtUnavailable')
  const families = await metrics()
  expect(sampleOf(families, 'patchbay_libvirt_connected')).toBe(0)
  expect(sampleOf(families, 'patchbay_libvirt_disconnects_total')).toBe(1)
  expect(
    sampleOf(families, 'patchbay_libvirt_call_errors_total', { code: 'NOT_CONNECTED', sort: 'retryable' }),
  ).toBeGreaterThan(0)
  expect(sampleOf(families, 'patchbay_queue_failing_keys')).toBeGreaterThan(0)

  await host.libvirtd.start()
  await expect.poll(() => status('/readyz')).toBe(200)
  await agent.reaches('vm1')
})

it('an address that somebody has is said in one sentence, before anything is touched; a second agent says that it is one', async () => {
  const other = new LabAgent(host, 'other')
  await other.start('--listen', at)
  expect(await other.ended()).toBe(1)
  expect(other.log.join('\n')).toMatch(/^error: This host has an agent already: process \d+ .*Stop it first$/)
  expect(await agent.stop()).toBe(0)

  const squatter = await host.spawn(
    process.execPath,
    ['-e', "require('http').createServer().listen(9745, '127.0.0.1', () => console.error('listens'))"],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  await new Promise((resolve) => squatter.child.stderr!.once('data', resolve))
  await agent.start('--listen', at)
  expect(await agent.ended()).toBe(1)
  expect(agent.log).toEqual(['error: --listen 127.0.0.1:9745: the port is in use by another process'])
  process.kill(squatter.pid, 'SIGKILL')
})
