/**
 * What becomes of the interface of a guest that leaves a host in other ways than a migration, with a controller and two agents:
 * network plain is a bridge on host abc and a device of a pool on host def.
 */
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import type { GuestGrantSpec } from '../../src/api/guest-grant.ts'
import type { GuestInterface, GuestInterfaceSpec } from '../../src/api/guest-interface.ts'
import type { Host } from '../../src/api/host.ts'
import { ClusterAgent } from '../cluster/agent.ts'
import { Cluster } from '../cluster/cluster.ts'
import { ClusterController } from '../cluster/controller.ts'
import { type Reach, reachFrom } from '../cluster/reach.ts'
import { startGuest } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'
import { guestInterface, inNetwork, network } from '../lab/manifests.ts'
import { addBridge, addVethPool } from '../lab/pool.ts'
import { deviceOf, interfaces, macvtaps } from '../lab/world.ts'
import { install } from './installation.ts'
import { writesOf, writesSince } from './writes.ts'

const uuid = '5dea22b3-1d52-d8f3-2516-782e98ab3fa0'
const mac = '52:54:00:00:00:02'

let cluster: Cluster
let abc: LabHost
let def: LabHost
let controller: ClusterController
const agents: ClusterAgent[] = []
const reaches: Reach[] = []

beforeAll(async () => {
  ;[cluster, abc, def] = await Promise.all([
    Cluster.start(),
    LabHost.start({ name: 'abc' }),
    LabHost.start({ name: 'def' }),
  ])
  await addBridge(abc, 'br0')
  await addVethPool(def, 1)
  await install(cluster)
  const access = await cluster.createHost('control', { serviceAccount: 'patchbay-controller' })
  controller = new ClusterController(access)
  await controller.start()
  for (const host of [abc, def]) {
    const access = await cluster.createHost(host.name)
    reaches.push(await reachFrom(host, cluster.url))
    agents.push(new ClusterAgent(host, access))
  }
  await Promise.all(agents.map((agent) => agent.start()))
})

afterAll(async () => {
  await Promise.all([controller?.stop(), ...agents.map((agent) => agent.stop())])
  for (const reach of reaches) reach.end()
  await Promise.all([abc?.stop(), def?.stop(), cluster?.stop()])
})

async function apply(...manifests: object[]): Promise<void> {
  await cluster.admin.kubectlWith(manifests, 'apply', '-f-')
}

function grant(spec: Partial<GuestGrantSpec> = {}): object {
  return {
    apiVersion: 'patchbay.dev/v1alpha1',
    kind: 'GuestGrant',
    metadata: { name: 'plain' },
    spec: { namespace: 'default', guests: [{ name: 'vm1' }], ...spec },
  }
}

const onHost = (name: string) => ({ hostSelector: { matchLabels: { 'kubernetes.io/hostname': name } } })
const nic = (spec: Partial<GuestInterfaceSpec> = {}) =>
  guestInterface('nic', 'vm1', { mac, ...inNetwork('plain'), ...spec })

async function get(): Promise<GuestInterface> {
  return JSON.parse(await cluster.kubectl('get', 'gi', 'nic', '-o', 'json'))
}

async function hostObject(name: string): Promise<Host> {
  return JSON.parse(await cluster.kubectl('get', 'pbhost', name, '-o', 'json'))
}

async function eventually(what: () => Promise<void>): Promise<void> {
  await vi.waitFor(what, { timeout: 30_000, interval: 100 })
}

/** Waits until it is bound there and says this of the newest spec, as `abc True InSync`. */
async function becomes(wanted: string): Promise<NonNullable<GuestInterface['status']>> {
  let found: GuestInterface | undefined
  await eventually(async () => {
    found = await get()
    const { metadata, status } = found
    const ready = status?.conditions?.find(({ type }) => type === 'Ready')
    const seen = status?.observedGeneration === metadata.generation ? '' : 'older: '
    expect(`${seen}${status?.hostName ?? '-'} ${ready?.status} ${ready?.reason}`).toBe(wanted)
  })
  return found!.status!
}

const inUse = async () => (await hostObject('def')).status?.pools?.[0]?.inUse
const lower = async () => (await macvtaps(def)).map((each) => each.lower)
const onBridge = () => abc.run('ls /sys/class/net/br0/brif')

it('follows a guest that is undefined here and defined there, and each port is freed', async () => {
  await apply(
    grant(),
    network('plain-abc', {
      networkName: 'plain',
      forward: { mode: 'bridge' },
      bridge: { name: 'br0' },
      ...onHost('abc'),
    }),
    network('plain-def', {
      networkName: 'plain',
      forward: { mode: 'passthrough', interfaces: [{ dev: 'pool0' }] },
      ...onHost('def'),
    }),
    nic(),
  )
  await becomes('- False GuestNotFound')
  await startGuest(abc, { name: 'vm1', uuid })
  const here = await becomes('abc True InSync')
  expect(here.guestUUID).toBe(uuid)
  expect(await onBridge()).toBe(await deviceOf(abc, 'vm1', mac))

  await abc.virsh('destroy', 'vm1')
  await abc.virsh('undefine', 'vm1')
  // It may be defined again: until it is elsewhere its port is held.
  await becomes('abc False GuestNotFound')
  expect((await get()).status?.port?.hostName).toBe('abc')
  await startGuest(def, { name: 'vm1', uuid })
  const there = await becomes('def True InSync')
  expect(there.port).toMatchObject({ kind: 'direct', dev: 'pool0', mode: 'passthrough', hostName: 'def' })
  expect(there).not.toHaveProperty('nextHostName')
  expect(await lower()).toEqual(['pool0'])

  await def.virsh('destroy', 'vm1')
  await def.virsh('undefine', 'vm1')
  await startGuest(abc, { name: 'vm1', uuid })
  await becomes('abc True InSync')
  expect(await lower()).toEqual([])
  await eventually(async () => expect(await inUse()).toBe(0))
  expect(await onBridge()).toBe(await deviceOf(abc, 'vm1', mac))
  await cluster.kubectl('wait', '--for=condition=Ready', '--timeout=20s', 'pbnet', '--all')
})

it('changes nothing of an interface whose grant is withdrawn, and goes on when it is back', async () => {
  const link = () => abc.virsh('domif-getlink', 'vm1', mac)
  await apply(grant({ guests: [{ name: 'others' }] }))
  const held = await becomes('abc False NotOwned')
  expect(held.conditions?.find(({ type }) => type === 'Stalled')?.status).toBe('True')
  await apply(nic({ link: { state: 'down' } }))
  // Of the newest spec: its agent has seen it.
  await becomes('abc False NotOwned')
  expect(await link()).toContain('up')
  expect((await get()).status?.port?.hostName).toBe('abc')
  await apply(grant())
  await becomes('abc True InSync')
  expect(await link()).toContain('down')
})

it('goes on with what is plugged in when the Node of its host is made anew', async () => {
  const before = await abc.virsh('dumpxml', 'vm1')
  await cluster.kubectl('delete', 'node', 'abc')
  await becomes('abc Unknown HostGone')
  await cluster.createHost('abc')
  await becomes('abc True InSync')
  expect(await abc.virsh('dumpxml', 'vm1')).toBe(before)
})

it('lets go of a guest that is defined here still, and runs elsewhere', async () => {
  await startGuest(def, { name: 'vm1', uuid })
  // On both it runs: it stays.
  await eventually(async () => expect((await hostObject('def')).status?.guests).toHaveLength(1))
  expect((await get()).status).toMatchObject({ hostName: 'abc' })
  await abc.virsh('destroy', 'vm1')
  await becomes('def True InSync')
  expect(await interfaces(abc, 'vm1', 'saved')).toEqual([])
  expect(await lower()).toEqual(['pool0'])
})

it('is taken from an agent that is silent only where its guest runs elsewhere, and that one finds out', async () => {
  const ofDef = agents[1]!
  await ofDef.kill9()
  const short = '{"spec":{"leaseDurationSeconds":1}}'
  await cluster.kubectl('patch', 'lease', 'def', '-npatchbay-agents', '--type=merge', '-p', short)
  await cluster.kubectl('label', 'node', 'def', 'patched=yes')
  await eventually(async () => {
    const { status } = await hostObject('def')
    expect(status?.conditions?.find(({ type }) => type === 'Ready')?.reason).toBe('AgentSilent')
  })
  expect((await get()).status).toMatchObject({ hostName: 'def', port: { hostName: 'def' } })
  // As somebody does it who has fenced the other host.
  await abc.virsh('start', 'vm1')
  const moved = await becomes('abc True InSync')
  expect(moved.port).toMatchObject({ kind: 'bridge', bridge: 'br0', hostName: 'abc' })

  await ofDef.start()
  await eventually(async () => {
    const { status } = await hostObject('def')
    expect(status?.conditions?.find(({ type }) => type === 'Ready')?.status).toBe('True')
  })
  expect(await becomes('abc True InSync')).toEqual(moved)
})

it('takes three writes to be bound and plugged into a bridge, and no more when nothing changes', async () => {
  // Where a guest runs on two hosts, nobody can tell which is meant.
  await def.virsh('destroy', 'vm1')
  await def.virsh('undefine', 'vm1')
  await eventually(async () => expect((await hostObject('def')).status?.guests).toEqual([]))
  const before = await writesOf(cluster, 'guestinterfaces')
  const second = { mac: '52:54:00:00:00:03', ...inNetwork('plain') }
  await apply(guestInterface('second', 'vm1', second))
  await cluster.kubectl('wait', '--for=condition=Ready', '--timeout=20s', 'gi/second')
  // The controller and the agent have seen all of that by the time that they have done the same once more.
  await apply(guestInterface('third', 'vm1', { ...second, mac: '52:54:00:00:00:04' }))
  await cluster.kubectl('wait', '--for=condition=Ready', '--timeout=20s', 'gi/third')
  expect(await writesSince(before, cluster, 'guestinterfaces')).toEqual({
    'POST 201': 2,
    // The finalizer; then the binding and the result.
    'PATCH 200': 2,
    'APPLY status 200': 2 * 2,
  })
})

it('goes when it is deleted, and leaves nothing of it on the host', async () => {
  await abc.virsh('destroy', 'vm1')
  await cluster.kubectl('delete', 'gi', '--all', '--timeout=20s')
  expect(await interfaces(abc, 'vm1', 'saved')).toEqual([])
  expect(await onBridge()).toBe('')
})
