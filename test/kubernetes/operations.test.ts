/** What agents and a controller tell of themselves in a cluster, and two agents on one host. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Access } from '../cluster/access.ts'
import { ClusterController, makeNamespaces } from '../cluster/controller.ts'
import { AgentProcess } from '../lab/agent-process.ts'
import { readExposition, sampleOf } from '../lab/exposition.ts'
import { defineGuest } from '../lab/guest.ts'
import { guestInterface, inNetwork, network } from '../lab/manifests.ts'
import { askOperations, metricsOf } from '../lab/operations.ts'
import { addBridge } from '../lab/pool.ts'
import { ClusterHost } from './cluster-host.ts'

const at = '0.0.0.0:9745'
const elsewhere = '[::1]:9799'
let lab: ClusterHost
let access: Access
let agent: AgentProcess

beforeAll(async () => {
  lab = await ClusterHost.start()
  await makeNamespaces(lab.cluster)
  access = await lab.cluster.createHost(lab.host.name)
  await addBridge(lab.host, 'br0')
  await defineGuest(lab.host, { name: 'vm1' })
  agent = await startAgent(at)
  await agent.says('agent runs')
})

afterAll(async () => {
  await agent?.end('SIGTERM')
  await lab?.stop()
})

async function startAgent(listen: string): Promise<AgentProcess> {
  const started = new AgentProcess(lab.host)
  const args = ['src/cli/main.ts', 'agent', '--kubeconfig', access.kubeconfig, '--listen', listen]
  await started.start(args, { NODE_NAME: lab.host.name })
  return started
}

const ask = (path: string, where = at) => askOperations(lab.host, where, path)
const metrics = () => metricsOf(lab.host, at)

it('counts what it asks of the API server: four watches, and as many writes as the server counts', async () => {
  await lab.apply(
    network('lan', { forward: { mode: 'bridge' }, bridge: { name: 'br0' } }),
    guestInterface('vm1-data', 'vm1', inNetwork('lan')),
  )
  await lab.bind('vm1-data', (await lab.host.virsh('domuuid', 'vm1')).trim())
  await lab.reaches('vm1-data')
  expect(await ask('/readyz')).toMatchObject({ status: 200 })
  const found = await metrics()
  const count = (verb: string, resource: string) =>
    sampleOf(found, 'patchbay_api_requests_total', { verb, resource, code: '200' })
  for (const resource of ['guestinterfaces', 'networks', 'portgroups', 'hosts'])
    expect(count('watch', resource)).toBe(1)
  expect(count('apply', 'guestinterfaces/status')).toBe(await lab.statusWrites('guestinterfaces'))
  expect(count('apply', 'guestinterfaces/status')).toBe(1)
  expect(
    sampleOf(found, 'patchbay_objects', {
      kind: 'GuestInterface',
      ready: 'True',
      reason: 'InSync',
      stance: 'Done',
    }),
  ).toBe(1)
})

it('stays ready while the API server is away, and says so in its metrics', async () => {
  await lab.cluster.apiServer.kill9()
  await expect
    .poll(async () =>
      (await metrics())
        .get('patchbay_api_requests_total')!
        .samples.some(({ labels }) => labels.verb === 'watch' && labels.code === 'none'),
    )
    .toBe(true)
  expect(await ask('/readyz')).toMatchObject({ status: 200 })
  expect(await ask('/healthz')).toMatchObject({ status: 200 })
  await lab.cluster.apiServer.start()
  await agent.says('follows the API server again')
})

it('a second agent waits for the first to end: alive, not ready, and its port may be that of the first', async () => {
  const second = await startAgent(elsewhere)
  const third = await startAgent(at)
  const waits = 'another agent runs on this host, waits for its end'
  expect([await second.says(waits), await third.says(waits)]).toEqual([true, true])
  expect(await ask('/healthz', elsewhere)).toMatchObject({ status: 200 })
  const { status, text } = await ask('/readyz', elsewhere)
  expect(status).toBe(503)
  expect(text).toMatch(/^\[-\]host-lock failed: This host has an agent already: process \d+ /m)
  expect(await second.end('SIGTERM')).toBe(0)

  expect(await agent.end('SIGTERM')).toBe(0)
  expect(await third.says('agent runs')).toBe(true)
  agent = third
  await expect.poll(async () => (await ask('/readyz')).status).toBe(200)
  expect(third.log.filter((line) => line.includes(waits))).toHaveLength(1)
})

it('of two controllers both are ready, and one says that it leads', async () => {
  // An address of this cluster's own: several run on one machine.
  const { hostname } = new URL(lab.cluster.url)
  const ports = [9746, 9747] as const
  const controllers = ports.map(
    (port) => new ClusterController(lab.cluster.admin, '--listen', `${hostname}:${port}`),
  )
  try {
    await Promise.all(controllers.map((controller) => controller.start()))
    const get = async (port: number, path: string) => {
      const answer = await fetch(`http://${hostname}:${port}${path}`)
      return { status: answer.status, text: await answer.text() }
    }
    const all = async (name: string, labels = {}) =>
      Promise.all(
        ports.map(async (port) => sampleOf(readExposition((await get(port, '/metrics')).text), name, labels)),
      )
    await expect.poll(async () => (await all('patchbay_leader')).sort()).toEqual([0, 1])
    for (const port of ports) {
      expect(await get(port, '/readyz')).toEqual({ status: 200, text: '[+]started ok\nok\n' })
      expect((await get(port, '/healthz')).status).toBe(200)
    }
    const interfaces = { kind: 'GuestInterface', ready: 'True', reason: 'InSync', stance: 'Done' }
    await expect
      .poll(async () => (await all('patchbay_cluster_objects', interfaces)).filter(Boolean))
      .toEqual([1])
    await expect
      .poll(async () => (await all('patchbay_lease_renewed_timestamp_seconds')).some((time) => time! > 0))
      .toBe(true)
    // The leader has made the Lease of the host's agent.
    await expect
      .poll(async () => sampleOf(await metrics(), 'patchbay_lease_renewed_timestamp_seconds'))
      .toBeGreaterThan(0)
  } finally {
    await Promise.all(controllers.map((controller) => controller.stop()))
  }
})
