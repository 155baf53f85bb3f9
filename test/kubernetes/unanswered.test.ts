/**
 * An agent that is killed between plugging into a bridge and telling of it: the binding alone says that its host may have the
 * interface. A real controller, a real libvirt and a guest that boots.
 */
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { GuestInterface } from '../../src/api/guest-interface.ts'
import type { AnyResource } from '../../src/api/kinds.ts'
import { ClusterAgent } from '../cluster/agent.ts'
import { Cluster } from '../cluster/cluster.ts'
import { ClusterController } from '../cluster/controller.ts'
import { type Reach, reachFrom } from '../cluster/reach.ts'
import { BootedGuest } from '../lab/booted-guest.ts'
import { LabHost } from '../lab/host.ts'
import { guestInterface, inNetwork, type Manifest, network } from '../lab/manifests.ts'
import { addBridge } from '../lab/pool.ts'
import { deviceOf, interfaces } from '../lab/world.ts'
import { install } from './installation.ts'

const macs = {
  nic1: '52:54:00:00:00:01',
  nic2: '52:54:00:00:00:02',
  nic3: '52:54:00:00:00:03',
  nic4: '52:54:00:00:00:04',
}
type Name = keyof typeof macs
const lan = { forward: { mode: 'bridge' as const }, bridge: { name: 'br0' } }

let cluster: Cluster
let host: LabHost
let reach: Reach
let agent: ClusterAgent
let controller: ClusterController

beforeAll(async () => {
  ;[cluster, host] = await Promise.all([Cluster.start(), LabHost.start({ name: 'abc' })])
  await install(cluster)
  const [ofAgent, ofController] = [
    await cluster.createHost('abc'),
    await cluster.createHost('control', { serviceAccount: 'patchbay-controller' }),
  ]
  reach = await reachFrom(host, cluster.url)
  agent = new ClusterAgent(host, ofAgent)
  controller = new ClusterController(ofController)
  await addBridge(host, 'br0')
  await BootedGuest.start(host, { name: 'vm1' })
  await apply(network('lan', lan), network('other', lan), {
    apiVersion: 'patchbay.dev/v1alpha1',
    kind: 'GuestGrant',
    metadata: { name: 'guests' },
    spec: { namespace: 'default', guests: [{ name: 'vm1' }] },
  })
  await Promise.all([agent.start(), controller.start()])
  // The controller knows then where the guest is.
  await apply(guestInterface('first', 'vm1', inNetwork('lan')))
  await cluster.kubectl('wait', '--for=condition=Ready', '--timeout=30s', 'gi/first')
  await agent.kill9()
})

afterAll(async () => {
  await Promise.all([agent?.stop(), controller?.stop()])
  reach?.end()
  await Promise.all([host?.stop(), cluster?.stop()])
})

async function apply(...manifests: (Manifest | AnyResource)[]): Promise<void> {
  await cluster.admin.kubectlWith(manifests, 'apply', '-f-')
}

async function find(name: string): Promise<GuestInterface | undefined> {
  const found = await cluster.kubectl('get', 'gi', name, '-ojson', '--ignore-not-found')
  return found.trim() === '' ? undefined : JSON.parse(found)
}

async function readyIs(name: string, wanted: string): Promise<GuestInterface> {
  let found: GuestInterface | undefined
  await expect
    .poll(async () => {
      found = await find(name)
      const ready = found?.status?.conditions?.find(({ type }) => type === 'Ready')
      return `${ready?.status} ${ready?.reason}`
    })
    .toBe(wanted)
  return found!
}

/** The definitions of the guest that have it. */
async function pluggedIn(name: Name): Promise<string[]> {
  const has = async (definition: 'live' | 'saved') =>
    (await interfaces(host, 'vm1', definition)).some((xml) => xml.includes(macs[name]))
  return [...((await has('live')) ? ['live'] : []), ...((await has('saved')) ? ['saved'] : [])]
}

/** Bound and plugged in, and nothing told of it. */
async function pluggedUntold(name: Name, networkName: string): Promise<void> {
  await apply(guestInterface(name, 'vm1', { mac: macs[name], ...inNetwork(networkName) }))
  await readyIs(name, 'Unknown Binding')
  await agent.diesOn('step done')
  expect(await pluggedIn(name)).toEqual(['live', 'saved'])
  // It may have told by then that libvirt was not connected yet.
  const { status = {} } = (await find(name))!
  expect(status.conditions?.find(({ type }) => type === 'Ready')?.status).toBe('Unknown')
  expect(status.port).toBeUndefined()
}

it('is found plugged in, and nothing is plugged again', async () => {
  await pluggedUntold('nic1', 'lan')
  const device = await deviceOf(host, 'vm1', macs.nic1)
  await agent.start()
  const { status } = await readyIs('nic1', 'True InSync')
  expect(status?.port).toMatchObject({ kind: 'bridge', bridge: 'br0', hostName: 'abc' })
  expect(await deviceOf(host, 'vm1', macs.nic1)).toBe(device)
  await agent.kill9()
})

it('has its port by what is plugged in where its manifest is refused by then, and lets go of it when it is deleted', async () => {
  await pluggedUntold('nic2', 'other')
  await apply(network('other', { ...lan, hostSelector: { matchLabels: { rack: 'of-others' } } }))
  await agent.start()
  const { status } = await readyIs('nic2', 'False NetworkNotFound')
  expect(status?.port).toMatchObject({ kind: 'bridge', bridge: 'br0', hostName: 'abc' })
  expect(await pluggedIn('nic2')).toEqual(['live', 'saved'])
  await cluster.kubectl('delete', 'gi', 'nic2', '--timeout=30s')
  expect(await pluggedIn('nic2')).toEqual([])
  await agent.kill9()
})

it('stays while it is deleted until an agent has unplugged it', async () => {
  await pluggedUntold('nic3', 'lan')
  await cluster.kubectl('delete', 'gi', 'nic3', '--wait=false')
  // The controller has looked at it by the time that it has bound the next one.
  await apply(guestInterface('last', 'vm1', inNetwork('lan')))
  await readyIs('last', 'Unknown Binding')
  expect(await find('nic3')).toMatchObject({ metadata: { finalizers: ['patchbay.dev/port'] } })
  expect(await pluggedIn('nic3')).toEqual(['live', 'saved'])
  await agent.start()
  await expect.poll(() => find('nic3')).toBeUndefined()
  expect(await pluggedIn('nic3')).toEqual([])
})

it('stays while it is deleted until its guest lets go of it', async () => {
  await agent.kill9()
  await pluggedUntold('nic4', 'lan')
  await host.virsh('suspend', 'vm1')
  await cluster.kubectl('delete', 'gi', 'nic4', '--wait=false')
  await agent.start()
  const { status } = await readyIs('nic4', 'False GuestNotReleasing')
  expect(status?.port).toMatchObject({ kind: 'bridge', bridge: 'br0', hostName: 'abc' })
  await host.virsh('resume', 'vm1')
  await expect.poll(() => find('nic4')).toBeUndefined()
  expect(await pluggedIn('nic4')).toEqual([])
})
