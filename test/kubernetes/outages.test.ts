/**
 * What the agent of a host makes of an API server that dies, falls silent, forgets, refuses and is out of reach: real ones of all
 * of them. No guest is touched meanwhile, no port is given out twice, and status and host catch up afterwards.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { GuestInterfaceSpec } from '../../src/api/guest-interface.ts'
import { accessFromFile } from '../../src/store/kubernetes/access.ts'
import { ApiClient } from '../../src/store/kubernetes/api-client.ts'
import type { Call } from '../../src/store/kubernetes/call.ts'
import { KubernetesStore } from '../../src/store/kubernetes/store.ts'
import type { Access } from '../cluster/access.ts'
import { flowSchemaOf, type ShutOptions, shut } from '../cluster/flow-control.ts'
import { BootedGuest } from '../lab/booted-guest.ts'
import { defineGuest, startGuest } from '../lab/guest.ts'
import { guestInterface, inNetwork, network, pool } from '../lab/manifests.ts'
import { addBridge, addVethPool } from '../lab/pool.ts'
import { deviceOf, interfaces, macvtaps, snapshot } from '../lab/world.ts'
import { ClusterHost } from './cluster-host.ts'

const mac = '52:54:00:00:00:01'
const data = (state: 'up' | 'down' = 'up', spec: Partial<GuestInterfaceSpec> = {}) =>
  guestInterface('vm1-data', 'vm1', { mac, ...inNetwork('lan'), link: { state }, ...spec })

/** Two of them have the two devices, the third waits. */
const passes = ['pass1', 'pass2', 'pass3']

/** Of a guest that comes later. */
const vm4 = '11111111-2222-4333-8444-555555555555'

const silent = { info() {}, warn() {}, error() {} }

let lab: ClusterHost
let access: Access

beforeAll(async () => {
  lab = await ClusterHost.start()
  await addBridge(lab.host, 'br0')
  await addVethPool(lab.host, 2)
  // One that lets go of what is unplugged, and two that only run.
  await Promise.all([
    BootedGuest.start(lab.host, { name: 'vm1' }),
    startGuest(lab.host, { name: 'vm2' }),
    startGuest(lab.host, { name: 'vm3' }),
  ])
  await lab.agent.start()
})

afterAll(() => lab?.stop())

async function bind(name: string, guest: string): Promise<void> {
  await lab.bind(name, (await lab.host.virsh('domuuid', guest)).trim())
}

/** The definitions of a guest that nobody edits; and each link of the host, by its number and how often it lost its carrier. */
async function world(): Promise<unknown> {
  const links = await lab.host.run('grep -H . /sys/class/net/*/{ifindex,carrier_down_count}')
  return { links, guest: await snapshot(lab.host, 'vm2') }
}

/** What goes on changes nothing on the host. */
async function untouched(goesOn: () => Promise<void>): Promise<void> {
  const before = await world()
  await goesOn()
  expect(await world()).toEqual(before)
  expect((await macvtaps(lab.host)).map(({ lower }) => lower).sort()).toEqual(['pool0', 'pool1'])
  await lab.reaches('pass3', 'False PoolExhausted')
}

const linkState = (): Promise<string> => lab.host.virsh('domif-getlink', 'vm1', mac)

/** Does something, and waits until the agent has logged this once more. */
async function untilSaid(text: string, doing: () => Promise<unknown>): Promise<void> {
  const said = () => lab.agent.log.filter((line) => line.includes(text)).length
  const before = said()
  await doing()
  await expect.poll(said).toBeGreaterThan(before)
}

const lost = 'cannot follow the API server'

/** The agent follows the API server and acts: an edit comes to the guest and back into status. */
async function works(): Promise<void> {
  for (const state of ['down', 'up'] as const) {
    await lab.apply(data(state))
    await lab.reaches('vm1-data')
    expect(await linkState()).toContain(state)
  }
}

/** What a counter of the API server has come to, over all its lines that hold each of these texts. */
async function counted(metric: string, ...texts: string[]): Promise<number> {
  const metrics = await lab.kubectl('get', '--raw', '/metrics')
  const lines = metrics
    .split('\n')
    .filter((line) => line.startsWith(`${metric}{`) && texts.every((text) => line.includes(text)))
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

async function guestState(name: string, wanted: string): Promise<void> {
  await expect.poll(async () => (await lab.interface(name)).status?.guestState).toBe(wanted)
}

/** A second interface of vm1, to be deleted. */
async function addExtra(): Promise<void> {
  await lab.apply(guestInterface('vm1-extra', 'vm1', inNetwork('lan')))
  await bind('vm1-extra', 'vm1')
  await lab.reaches('vm1-extra')
}

/** The agent has let go of it; the rest is the controller's. */
async function extraIsFree(): Promise<void> {
  await expect.poll(async () => (await lab.interface('vm1-extra')).status?.port).toBeUndefined()
  expect(await interfaces(lab.host, 'vm1', 'live')).toHaveLength(1)
  await lab.patch('vm1-extra', { metadata: { finalizers: null } })
}

/** From now on the agent is asked to wait; until the end of the test, or what this gives. */
async function close(group: string, write: ShutOptions['write']): Promise<() => Promise<void>> {
  const letIn = await shut({ cluster: lab.cluster, kubeconfig: access.kubeconfig, group, write })
  onTestFinished(letIn)
  return letIn
}

const statusWrite = {
  method: 'PATCH',
  path: '/apis/patchbay.dev/v1alpha1/namespaces/default/guestinterfaces/any/status',
  contentType: 'application/apply-patch+yaml',
} as const
const eventWrite = {
  method: 'POST',
  path: '/apis/events.k8s.io/v1/namespaces/default/events',
  contentType: 'application/json',
} as const

/** Where the agent's token is, once it has been put there. */
const tokenFile = () => `${access.kubeconfig}.token`

/** Gives the agent a new token, in a file, as a kubelet does. */
async function giveToken(): Promise<void> {
  access = await lab.cluster.createHost('abc')
  const config = JSON.parse(await readFile(access.kubeconfig, 'utf8'))
  const [{ user }] = config.users
  await writeFile(tokenFile(), user.token)
  config.users[0].user = { tokenFile: tokenFile() }
  await writeFile(access.kubeconfig, JSON.stringify(config))
}

/** Requests that were so refused. */
const rejected = (group: string) =>
  counted('apiserver_flowcontrol_rejected_requests_total', `flow_schema="${flowSchemaOf(group)}"`)

it('has interfaces on a bridge, and more that want a device of a pool than it has', async () => {
  await lab.apply(
    network('lan', { forward: { mode: 'bridge' }, bridge: { name: 'br0' } }),
    pool('devices', 'passthrough', ['pool0', 'pool1']),
    data(),
    guestInterface('vm3-data', 'vm3', inNetwork('lan')),
    ...passes.map((name) => guestInterface(name, 'vm2', inNetwork('devices'))),
  )
  await Promise.all([bind('vm1-data', 'vm1'), bind('vm3-data', 'vm3')])
  await Promise.all([bind('pass1', 'vm2'), bind('pass2', 'vm2')])
  for (const name of ['vm1-data', 'vm3-data', 'pass1', 'pass2']) await lab.reaches(name)
  await bind('pass3', 'vm2')
  await lab.reaches('pass3', 'False PoolExhausted')
})

describe('an API server that is killed', () => {
  it.each([
    ['as an edit is accepted', async () => {}],
    ['as the edit reaches the guest', async () => expect.poll(linkState, { interval: 5 }).toContain('down')],
  ])('%s: the edit is in force and told once it is back', async (_, moment) => {
    await untouched(async () => {
      await lab.apply(data('down'))
      await moment()
      await untilSaid(lost, () => lab.cluster.apiServer.kill9())
      await lab.cluster.apiServer.start()
      await lab.reaches('vm1-data')
      expect(await linkState()).toContain('down')
      await works()
    })
  })

  it('leaves the host as it was last wanted: a guest that starts anew is plugged in', async () => {
    await lab.cluster.apiServer.kill9()
    await lab.host.virsh('destroy', 'vm3')
    await lab.host.virsh('detach-interface', 'vm3', 'bridge', '--config')
    await lab.host.virsh('start', 'vm3')
    await expect.poll(() => interfaces(lab.host, 'vm3', 'live')).toHaveLength(1)
    await expect.poll(() => interfaces(lab.host, 'vm3', 'saved')).toHaveLength(1)
    await lab.cluster.apiServer.start()
    await lab.reaches('vm3-data')
  })
})

describe('an agent that does not run', () => {
  it('carries out what was asked for meanwhile once it does', async () => {
    await untouched(async () => {
      await addExtra()
      await lab.agent.kill9()
      await lab.apply(data('down'))
      await lab.kubectl('delete', 'gi', 'vm1-extra', '--wait=false')
      await giveToken()
      await lab.agent.start({ impatient: true })
      await lab.reaches('vm1-data')
      expect(await linkState()).toContain('down')
      await extraIsFree()
      await works()
    })
  })
})

describe('an etcd that is killed', () => {
  it('delays what is to be told until it is back', async () => {
    await lab.cluster.etcd.kill9()
    await untilSaid('reconcile failed', () => lab.host.virsh('destroy', 'vm3'))
    await lab.cluster.etcd.start()
    await guestState('vm3-data', 'Off')
    await untouched(async () => {
      await lab.cluster.etcd.kill9()
      await lab.cluster.etcd.start()
      await works()
    })
    await lab.host.virsh('start', 'vm3')
    await guestState('vm3-data', 'Running')
  })
})

describe('versions that the API server has no more', () => {
  it('are met by a new list: an agent that was paused carries out what was asked for meanwhile', async () => {
    await untouched(async () => {
      await addExtra()
      lab.agent.pause()
      // Not even what is on its way reaches it.
      lab.reach.cut()
      await lab.apply(data('down'))
      await lab.kubectl('delete', 'gi', 'vm1-extra', '--wait=false')
      await lab.cluster.compact()
      // Its watch cache begins with what there is now; etcd has no more either.
      await lab.cluster.apiServer.kill9()
      await lab.cluster.apiServer.start()
      lab.reach.mend()
      lab.agent.resume()
      await lab.reaches('vm1-data')
      expect(await linkState()).toContain('down')
      await extraIsFree()
      const lists = await counted('apiserver_request_total', 'resource="guestinterfaces"', 'verb="LIST"')
      expect(lists).toBeGreaterThan(0)
      await works()
    })
  })

  it('are met by a new list where they were those of a page', async () => {
    const firstPages: Call[] = []
    /** Between the first page of interfaces and the second one the API server forgets what the first was of. */
    class ForgetfulServer extends ApiClient {
      override async json<T>(call: Call): Promise<T> {
        const isFirst = call.path.endsWith('/guestinterfaces') && call.query?.continue === undefined
        if (isFirst) firstPages.push(call)
        const page = await super.json<T>(call)
        if (isFirst && firstPages.length === 1) {
          await lab.kubectl('label', 'gi', 'pass3', 'touched=yes')
          await lab.cluster.compact()
          await lab.cluster.apiServer.kill9()
          await lab.cluster.apiServer.start()
        }
        return page
      }
    }
    const client = new ForgetfulServer(await accessFromFile(lab.cluster.admin.kubeconfig))
    const ending = new AbortController()
    const store = new KubernetesStore({ client, hostName: 'abc', log: silent, timing: { page: 2 } })
    await store.start(() => {}, ending.signal)
    ending.abort()
    const names = store.list('GuestInterface').map(({ metadata }) => metadata.name)
    expect(names.sort()).toEqual([...passes, 'vm1-data', 'vm3-data'])
    expect(firstPages).toHaveLength(2)
  })
})

describe('an agent that is cut off in silence', () => {
  it('keeps the host as it was last wanted, and carries out afterwards what was asked for meanwhile', async () => {
    await untouched(async () => {
      await addExtra()
      await untilSaid(lost, async () => lab.reach.cut())
      await lab.apply(data('down'))
      await lab.kubectl('delete', 'gi', 'vm1-extra', '--wait=false')
      const tap = await deviceOf(lab.host, 'vm1', mac)
      await lab.host.run(`ip link set ${tap} nomaster`)
      await expect.poll(() => lab.host.run('ls /sys/class/net/br0/brif')).toContain(tap)
      expect(await linkState()).toContain('up')
      lab.reach.mend()
      await lab.reaches('vm1-data')
      expect(await linkState()).toContain('down')
      await extraIsFree()
      await works()
    })
  })

  it('finds out that its connections are dead, though nobody closes them', async () => {
    await untouched(async () => {
      lab.reach.cut()
      lab.reach.mend()
      await works()
    })
  })

  it('gives no port to what it knows of out of date', async () => {
    await lab.apply(guestInterface('vm4-data', 'vm4', inNetwork('lan')))
    await lab.bind('vm4-data', vm4)
    await lab.reaches('vm4-data', 'False GuestNotFound')
    const refused = () => counted('apiserver_request_total', 'resource="guestinterfaces"', 'code="409"')
    const before = await refused()
    // What it watches has become silent; what it writes arrives.
    lab.reach.cut()
    lab.reach.mend()
    await lab.kubectl('label', 'gi', 'vm4-data', 'touched=yes')
    await defineGuest(lab.host, { name: 'vm4', uuid: vm4 })
    await expect.poll(refused).toBeGreaterThan(before)
    await lab.reaches('vm4-data')
    expect(await interfaces(lab.host, 'vm4', 'saved')).toHaveLength(1)
  })
})

describe('an API server that asks to wait', () => {
  it('is asked by each caller once a second at most, and catches up', async () => {
    await untouched(async () => {
      const begun = performance.now()
      const letIn = await close('patchbay.dev', statusWrite)
      await lab.apply(data('down'))
      // Watches end and are refused; the server asks for longer each time.
      await expect.poll(() => rejected('patchbay.dev'), { timeout: 60_000 }).toBeGreaterThan(15)
      // Four watches and the pass of the interface.
      const seconds = (performance.now() - begun) / 1_000
      expect(await rejected('patchbay.dev')).toBeLessThanOrEqual(6 * (seconds + 1))
      await letIn()
      await lab.reaches('vm1-data')
      expect(await linkState()).toContain('down')
      await works()
    })
  })

  it('with Events alone loses none of them', async () => {
    const before = await lab.events('vm1-data')
    const letIn = await close('events.k8s.io', eventWrite)
    await lab.apply(data('up', { model: 'e1000' }))
    await lab.reaches('vm1-data', 'False LiveChangeRefused')
    await lab.apply(data())
    await lab.reaches('vm1-data')
    await expect.poll(() => rejected('events.k8s.io'), { timeout: 60_000 }).toBeGreaterThan(3)
    expect(await lab.events('vm1-data')).toEqual(before)
    await letIn()
    await expect
      .poll(() => lab.events('vm1-data'))
      .toEqual([...before, 'Warning LiveChangeRefused', 'Normal InSync'])
  })
})

describe('a token that is taken no more', () => {
  it('is replaced by the one that is in its file then', async () => {
    await untouched(async () => {
      await lab.kubectl('delete', 'pod', 'patchbay-agent-abc', '-n', 'patchbay-system', '--force')
      // Knows nobody any more whom it let in before.
      await lab.cluster.apiServer.kill9()
      await lab.cluster.apiServer.start()
      await expect.poll(() => counted('authentication_attempts', 'result="error"')).toBeGreaterThan(4)
      await lab.apply(data('down'))
      await giveToken()
      // Tried again after 30 s at the latest.
      await expect.poll(linkState, { timeout: 60_000 }).toContain('down')
      await lab.reaches('vm1-data')
      await works()
    })
  })
})
