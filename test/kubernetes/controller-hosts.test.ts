/** Hosts follow Nodes, and say which agents are silent: a real API server, a real agent on a lab host, Leases of 4 s. */
import { pino } from 'pino'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Host } from '../../src/api/host.ts'
import { runController } from '../../src/controller/controller.ts'
import { accessFromFile } from '../../src/store/kubernetes/access.ts'
import { ApiClient } from '../../src/store/kubernetes/api-client.ts'
import { grantController } from './agent-rights.ts'
import { ClusterHost } from './cluster-host.ts'

let lab: ClusterHost
const stop = new AbortController()
let running: Promise<number> | undefined
const log: string[] = []

/** Seconds. */
const agentLeaseSeconds = 4

beforeAll(async () => {
  lab = await ClusterHost.start()
  await grantController(lab.cluster)
  // Its Pod is on a Node of its own, on which no agent runs.
  const { kubeconfig } = await lab.cluster.createHost('control', { serviceAccount: 'patchbay-controller' })
  const access = await accessFromFile(kubeconfig)
  running = runController(
    {
      openClient: () => new ApiClient(access, { deadlineMs: 1_000 }),
      identity: 'test',
      signal: stop.signal,
      agentLeaseSeconds,
    },
    pino({ base: null }, { write: (line: string) => void log.push(line) }),
  )
})

afterAll(async () => {
  stop.abort()
  await running
  await lab?.stop()
})

const says = (text: string) =>
  expect.poll(() => log.filter((line) => line.includes(text)).length, { timeout: 20_000 })

async function kubectlJson<T>(...args: string[]): Promise<T> {
  return JSON.parse(await lab.kubectl(...args, '-o', 'json'))
}

async function names(resource: string, ...args: string[]): Promise<string[]> {
  const { items } = await kubectlJson<{ items: Host[] }>('get', resource, ...args)
  return items.map(({ metadata }) => metadata.name).sort()
}

const leases = () => names('lease', '-n', 'patchbay-agents')
const labelsOf = async (resource: string, name: string) =>
  (await kubectlJson<Host>('get', resource, name)).metadata.labels ?? {}

/** STATUS REASON of the Host's Ready. */
async function readyOf(name: string): Promise<string> {
  const { status } = await kubectlJson<Host>('get', 'pbhost', name)
  const found = status?.conditions?.find(({ type }) => type === 'Ready')
  return `${found?.status} ${found?.reason}`
}

const ready = () => readyOf('abc')

async function renewTime(): Promise<string> {
  return lab.kubectl('get', 'lease', 'abc', '-n', 'patchbay-agents', '-o', 'jsonpath={.spec.renewTime}')
}

/** Two renewals later: whatever somebody would write again and again has been written. */
async function later(): Promise<void> {
  for (let times = 0; times < 2; times++) {
    const before = await renewTime()
    await expect.poll(renewTime, { timeout: 20_000 }).not.toBe(before)
  }
}

/** Requests that write, but for those of Leases and Events: `VERB RESOURCE` and how many. */
async function writes(): Promise<Record<string, number>> {
  const metrics = await lab.kubectl('get', '--raw', '/metrics')
  const counted: Record<string, number> = {}
  for (const line of metrics.split('\n')) {
    const labels = /^apiserver_request_total\{(.*)\} (\d+)$/.exec(line)
    if (!labels) continue
    const of = (label: string) => new RegExp(`(?:^|,)${label}="([^"]*)"`).exec(labels[1]!)?.[1] ?? ''
    if (of('group') !== 'patchbay.dev' || ['GET', 'LIST', 'WATCH'].includes(of('verb'))) continue
    const name = `${of('verb')} ${of('resource')}/${of('subresource')}`
    counted[name] = (counted[name] ?? 0) + Number(labels[2])
  }
  return counted
}

/** As an agent would. */
async function renew(name: string): Promise<void> {
  const renewTime = `${new Date().toISOString().slice(0, -1)}000Z`
  const patch = JSON.stringify({ spec: { holderIdentity: name, renewTime } })
  await expect.poll(leases).toContain(name)
  await lab.kubectl('patch', 'lease', name, '-n', 'patchbay-agents', '--type=merge', '-p', patch)
}

it('has a Lease for each Node, and a Host with its labels once its agent has been heard of', async () => {
  await expect.poll(leases).toEqual(['abc', 'control'])
  expect(await names('pbhost')).toEqual([])
  await renew('control')
  await expect.poll(() => names('pbhost')).toEqual(['control'])
  await lab.cluster.admin.kubectlWith(
    [{ apiVersion: 'v1', kind: 'Node', metadata: { name: 'def', labels: { rack: 'r1', row: 'a' } } }],
    'create',
    '-f-',
  )
  await renew('def')
  await expect.poll(() => names('pbhost')).toContain('def')
  expect(await labelsOf('pbhost', 'def')).toEqual(await labelsOf('node', 'def'))

  await lab.kubectl('label', 'node', 'def', '--overwrite', 'rack=r2', 'row-')
  await expect.poll(() => labelsOf('pbhost', 'def')).toEqual({ rack: 'r2' })
  // What others put there is no label of the Node.
  await lab.kubectl('label', 'pbhost', 'def', 'rack=r3', 'mine=yes', '--overwrite')
  await expect.poll(() => labelsOf('pbhost', 'def')).toEqual({ rack: 'r2' })
})

it('leaves away the Host of an agent that is not heard of any more, once somebody deletes it', async () => {
  await expect.poll(() => readyOf('def'), { timeout: 20_000 }).toBe('Unknown AgentSilent')
  await lab.kubectl('delete', 'pbhost', 'def')
  // Wakes its key.
  await lab.kubectl('label', 'node', 'def', 'rack=r4', '--overwrite')
  await lab.kubectl('label', 'node', 'control', 'seen=yes')
  await expect.poll(() => labelsOf('pbhost', 'control')).toHaveProperty('seen')
  expect(await names('pbhost')).toEqual(['control'])
  await renew('def')
  await expect.poll(() => names('pbhost')).toEqual(['control', 'def'])
})

it('makes again what somebody deletes while its Node is there', async () => {
  const uid = async () => (await kubectlJson<Host>('get', 'pbhost', 'def')).metadata.uid
  const before = await uid()
  await lab.kubectl('delete', 'pbhost', 'def')
  await lab.kubectl('delete', 'lease', 'def', '-n', 'patchbay-agents')
  await expect.poll(leases).toContain('def')
  await renew('def')
  await expect.poll(() => names('pbhost')).toContain('def')
  expect(await uid()).not.toBe(before)
})

it('takes a Host and its Lease away with the Node', async () => {
  await lab.kubectl('delete', 'node', 'def')
  await expect.poll(() => names('pbhost')).toEqual(['control'])
  await expect.poll(leases).toEqual(['abc', 'control'])
})

it('calls an agent silent that came once, and says so once', async () => {
  await expect.poll(() => readyOf('control'), { timeout: 20_000 }).toBe('Unknown AgentSilent')
  await expect.poll(() => lab.events('control')).toEqual(['Warning AgentSilent'])
})

it('leaves a Host to its agent as long as that renews its Lease: nothing else is written', async () => {
  await lab.agent.start()
  await expect.poll(ready, { timeout: 20_000 }).toBe('True Accepted')
  const { spec } = await kubectlJson<{ spec: object }>('get', 'lease', 'abc', '-n', 'patchbay-agents')
  expect(spec).toMatchObject({
    leaseDurationSeconds: agentLeaseSeconds,
    holderIdentity: expect.stringMatching(/^abc_/),
  })
  await later()
  const before = await writes()
  await later()
  expect(await writes()).toEqual(before)
})

it('makes the Host of a silent agent unknown and leaves the rest; the agent takes it back, and neither fights', async () => {
  const before = await lab.hostObject()
  lab.agent.pause()
  try {
    await expect.poll(ready, { timeout: 20_000 }).toBe('Unknown AgentSilent')
    const { conditions: _, ...silent } = (await lab.hostObject()).status!
    const { conditions: __, ...was } = before.status!
    expect(silent).toEqual(was)
  } finally {
    lab.agent.resume()
  }
  await expect.poll(ready, { timeout: 20_000 }).toBe('True Accepted')
  await expect
    .poll(() => lab.events('abc'))
    .toEqual(['Normal Accepted', 'Warning AgentSilent', 'Normal Accepted'])
  const written = await writes()
  await later()
  expect(await writes()).toEqual(written)
})

it('holds nobody for silent because the API server was: every agent gets as long as its Lease lasts', async () => {
  const transition = async () => (await lab.hostObject()).status?.conditions?.map((c) => c.lastTransitionTime)
  const [before, events] = [await transition(), await lab.events('abc')]
  await lab.cluster.apiServer.kill9()
  // Longer than a Lease of an agent lasts.
  await says('leads no more').toBe(1)
  await lab.cluster.apiServer.start()
  await says('"leads"').toBe(2)
  // GuestInterfaces, Networks, PortGroups, Hosts, GuestGrants, Nodes, Namespaces and Leases.
  await says('follows the API server again').toBe(8)
  await later()
  expect(await transition()).toEqual(before)
  expect(await lab.events('abc')).toEqual(events)
})

it('does not let an agent speak that cannot renew its Lease, and neither fights', async () => {
  await lab.kubectl('delete', 'rolebinding', 'patchbay-agent', '-n', 'patchbay-agents')
  await lab.agent.says('cannot renew its Lease')
  await expect.poll(ready, { timeout: 20_000 }).toBe('Unknown AgentSilent')
  const before = await writes()
  await lab.host.virsh('net-list')
  await lab.kubectl('label', 'pbhost', 'control', 'again=yes')
  await expect.poll(() => labelsOf('pbhost', 'control')).not.toHaveProperty('again')
  expect(await ready()).toBe('Unknown AgentSilent')
  expect((await writes())['APPLY hosts/status']).toBe(before['APPLY hosts/status'])
})
