/** The agent of a host in a cluster: a real API server, a real libvirt, and the test in the controller's place. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { GuestInterfaceSpec } from '../../src/api/guest-interface.ts'
import { BootedGuest } from '../lab/booted-guest.ts'
import { startGuest } from '../lab/guest.ts'
import { guestInterface, inNetwork, network, pool, portGroup } from '../lab/manifests.ts'
import { addBridge, addVethPool } from '../lab/pool.ts'
import { deviceOf, interfaces, macvtaps, snapshot } from '../lab/world.ts'
import { ClusterHost } from './cluster-host.ts'

const mac = '52:54:00:00:00:01'
const data = (spec: Partial<GuestInterfaceSpec> = {}) =>
  guestInterface('vm1-data', 'vm1', { mac, ...inNetwork('lan'), link: { state: 'up' }, ...spec })

let lab: ClusterHost
let uuid: string

beforeAll(async () => {
  lab = await ClusterHost.start()
  await addBridge(lab.host, 'br0')
  // One that lets go of what is unplugged.
  await BootedGuest.start(lab.host, { name: 'vm1' })
  uuid = (await lab.host.virsh('domuuid', 'vm1')).trim()
  await lab.agent.start()
})

afterAll(() => lab?.stop())

/** Taps of guests on br0. */
async function tapsOnBridge(): Promise<string[]> {
  const shown = JSON.parse(await lab.host.run('ip -json link show master br0')) as { ifname?: string }[]
  return shown.flatMap(({ ifname }) => ifname ?? [])
}

it('plugs an interface that is bound to its host, by one write of status, and kubectl waits for it', async () => {
  await lab.apply(
    network('lan', { forward: { mode: 'bridge' }, bridge: { name: 'br0' } }),
    portGroup('lan-any', 'lan', { default: true }),
    data(),
  )
  await lab.bind('vm1-data', uuid)
  await lab.kubectl('wait', '--for=condition=Ready', '--timeout=20s', 'gi/vm1-data')

  const { status } = await lab.interface('vm1-data')
  expect(status).toMatchObject({
    hostName: 'abc',
    guestUUID: uuid,
    guestState: 'Running',
    mac,
    port: { kind: 'bridge', name: 'br0', hostName: 'abc' },
  })
  expect(await tapsOnBridge()).toEqual([await deviceOf(lab.host, 'vm1', mac)])
  expect(await lab.statusWrites('guestinterfaces')).toBe(1)
  await expect.poll(() => lab.events('vm1-data')).toEqual(['Normal InSync'])
  expect(await lab.kubectl('describe', 'gi', 'vm1-data')).toMatch(/Normal +InSync .*patchbay\.dev\/agent/)
})

it('owns its own fields alone', async () => {
  const shown = await lab.kubectl('get', 'gi', 'vm1-data', '-o', 'json', '--show-managed-fields')
  const { managedFields } = JSON.parse(shown).metadata as {
    managedFields: { manager: string; fieldsV1: { 'f:status'?: object } }[]
  }
  const ours = managedFields.filter(({ manager }) => manager === 'patchbay-agent')
  expect(ours).toHaveLength(1)
  const fields = Object.keys(ours[0]!.fieldsV1['f:status'] ?? {}).sort()
  expect(fields).toEqual([
    'f:conditions',
    'f:effective',
    'f:guestState',
    'f:mac',
    'f:observedGeneration',
    'f:plan',
    'f:port',
    'f:sources',
  ])
  // Each condition as a whole.
  const { 'f:conditions': conditions } = ours[0]!.fieldsV1['f:status'] as { 'f:conditions': object }
  expect(Object.values(conditions).every((fields) => Object.keys(fields).length === 0)).toBe(true)
})

it('applies an edit by one write of status and without an Event', async () => {
  const writes = await lab.statusWrites('guestinterfaces')
  await lab.apply(data({ link: { state: 'down' } }))
  await lab.reaches('vm1-data')
  expect(await lab.host.virsh('domif-getlink', 'vm1', mac)).toContain('down')
  expect(await lab.statusWrites('guestinterfaces')).toBe(writes + 1)

  await lab.apply(data())
  await lab.reaches('vm1-data')
  expect(await lab.statusWrites('guestinterfaces')).toBe(writes + 2)
  expect(await lab.events('vm1-data')).toEqual(['Normal InSync'])
})

it('fills in the Host once the controller has made it, with what stands here of each Network', async () => {
  await lab.kubectl('label', 'gi', 'vm1-data', 'touched=yes')
  await lab.cluster.admin.kubectlWith(
    [{ apiVersion: 'patchbay.dev/v1alpha1', kind: 'Host', metadata: { name: 'abc' } }],
    'create',
    '-f-',
  )
  await lab.kubectl('wait', '--for=condition=Ready', '--timeout=20s', 'pbhost/abc')
  const { metadata, status } = await lab.hostObject()
  expect(status).toMatchObject({
    observedGeneration: metadata.generation,
    guests: [{ name: 'vm1', uuid, running: true }],
    networks: [{ name: 'lan', objectName: 'lan', inSync: true, restartRequired: false }],
  })
  expect(await lab.statusWrites('networks')).toBe(0)
  expect(await lab.statusWrites('portgroups')).toBe(0)
})

it('tells a refusal by a Warning, and its end', async () => {
  await lab.apply(data({ model: 'e1000' }))
  await lab.reaches('vm1-data', 'False LiveChangeRefused')
  await lab.apply(data())
  await lab.reaches('vm1-data')
  await expect
    .poll(() => lab.events('vm1-data'))
    .toEqual(['Normal InSync', 'Warning LiveChangeRefused', 'Normal InSync'])
})

it('looks for a change of labels by other selectors: a Host that is given one is selected by it', async () => {
  const hostSelector = { matchLabels: { rack: 'r1' } }
  await lab.apply(
    network('racked', { forward: { mode: 'bridge' }, bridge: { name: 'br0' }, hostSelector }),
    data(inNetwork('racked')),
  )
  await lab.reaches('vm1-data', 'False NetworkNotFound')
  await lab.kubectl('label', 'pbhost', 'abc', 'rack=r1')
  await lab.reaches('vm1-data')
  await lab.apply(data())
  await lab.reaches('vm1-data')
})

it('touches no guest and keeps the host while the API server is away, and catches up when it is back', async () => {
  await startGuest(lab.host, { name: 'vm2' })
  await lab.apply(guestInterface('vm2-data', 'vm2', inNetwork('lan')))
  await lab.bind('vm2-data', (await lab.host.virsh('domuuid', 'vm2')).trim())
  await lab.reaches('vm2-data')

  const before = await snapshot(lab.host, 'vm1')
  const tap = await deviceOf(lab.host, 'vm1', mac)
  await lab.cluster.apiServer.kill9()
  await lab.agent.says('cannot follow the API server')
  // What a cluster last wanted is kept.
  await lab.host.run(`ip link set ${tap} nomaster`)
  await expect.poll(tapsOnBridge).toContain(tap)
  expect(await snapshot(lab.host, 'vm1')).toEqual(before)

  // Found out while nobody could be told.
  await lab.host.virsh('destroy', 'vm2')
  await lab.agent.says('reconcile failed')
  await lab.cluster.apiServer.start()
  await expect.poll(async () => (await lab.interface('vm2-data')).status?.guestState).toBe('Off')
  await lab.apply(data({ link: { state: 'down' } }))
  await lab.reaches('vm1-data')
  expect(await lab.host.virsh('domif-getlink', 'vm1', mac)).toContain('down')
})

it('is killed and started again, and then told to stop: nothing is written, no guest touched', async () => {
  const writes = await lab.statusWrites('guestinterfaces')
  const before = await snapshot(lab.host, 'vm1')
  await lab.agent.kill9()
  await lab.agent.start()
  // The newest of its passes has come through: the Host is about all others.
  await lab.kubectl('label', 'pbhost', 'abc', 'again=yes')
  await lab.apply(guestInterface('nowhere', 'vm9', inNetwork('lan')))
  await lab.bind('nowhere', '11111111-2222-4333-8444-555555555555')
  await lab.reaches('nowhere', 'False GuestNotFound')
  expect(await lab.agent.stop()).toBe(0)
  expect(await lab.agent.once()).toBe(2)
  expect(await lab.statusWrites('guestinterfaces')).toBe(writes + 1)
  expect(await snapshot(lab.host, 'vm1')).toEqual(before)
  await lab.agent.start()
})

it('hands out the devices of a pool, each once, and writes each down before it is used', async () => {
  await addVethPool(lab.host, 2)
  await startGuest(lab.host, { name: 'vm3' })
  const uuid3 = (await lab.host.virsh('domuuid', 'vm3')).trim()
  const nics = [1, 2, 3].map((n) => guestInterface(`pass${n}`, 'vm3', inNetwork('devices')))
  await lab.apply(pool('devices', 'passthrough', ['pool0', 'pool1']), ...nics)
  await Promise.all(nics.map(({ metadata }) => lab.bind(metadata.name, uuid3)))
  await expect
    .poll(async () => (await lab.hostObject()).status?.pools)
    .toMatchObject([{ capacity: 2, inUse: 2 }])
  const ready = async () => {
    const all = await Promise.all(nics.map(({ metadata }) => lab.interface(metadata.name)))
    return all.map(({ status }) => status?.conditions?.find(({ type }) => type === 'Ready')?.reason).sort()
  }
  await expect.poll(ready).toEqual(['InSync', 'InSync', 'PoolExhausted'])
  const lower = (await macvtaps(lab.host)).map((each) => each.lower)
  expect(lower.sort()).toEqual(['pool0', 'pool1'])
})

it('lets go of an interface that is to move, and keeps out of it from then on', async () => {
  await lab.patchStatus('vm1-data', { nextHostName: 'def' })
  const moving = await lab.reaches('vm1-data', 'False Moving')
  expect(moving.status?.port).toBeUndefined()
  expect(await interfaces(lab.host, 'vm1', 'live')).toEqual([])
  expect(await interfaces(lab.host, 'vm1', 'saved')).toEqual([])

  await lab.patchStatus('vm1-data', { hostName: 'def', nextHostName: null })
  const writes = await lab.statusWrites('guestinterfaces')
  await lab.apply(data({ link: { state: 'up' } }))
  // Bound again: what happened in between concerned somebody else.
  await lab.patchStatus('vm1-data', { hostName: 'abc' })
  await lab.reaches('vm1-data')
  expect(await tapsOnBridge()).toHaveLength(1)
  expect(await lab.statusWrites('guestinterfaces')).toBe(writes + 2)
})

it('makes a network, and takes it away when its object goes: then its Host lists it no more', async () => {
  const listed = async () =>
    (await lab.hostObject()).status?.networks?.map(({ name, inSync }) => ({ name, inSync }))
  const defined = () => lab.host.virsh('net-list', '--all', '--name')
  await lab.apply(network('inner', { bridge: { name: 'inner0' } }))
  await lab.kubectl(
    'patch',
    'pbnet',
    'inner',
    '--type=merge',
    '-p',
    '{"metadata":{"finalizers":["patchbay.dev/port"]}}',
  )
  await expect.poll(listed).toContainEqual({ name: 'inner', inSync: true })
  expect(await defined()).toContain('inner')

  await lab.kubectl('delete', 'pbnet', 'inner', '--wait=false')
  await expect.poll(async () => (await listed())?.map(({ name }) => name)).not.toContain('inner')
  expect(await defined()).not.toContain('inner')
  await lab.kubectl('patch', 'pbnet', 'inner', '--type=merge', '-p', '{"metadata":{"finalizers":null}}')
  await lab.kubectl('wait', '--for=delete', '--timeout=20s', 'pbnet/inner')
})

it('frees the port of an interface that is deleted, and leaves the rest to the controller', async () => {
  await lab.kubectl('delete', 'gi', 'vm1-data', '--wait=false')
  await expect.poll(async () => (await lab.interface('vm1-data')).status?.port).toBeUndefined()
  expect(await interfaces(lab.host, 'vm1', 'live')).toEqual([])
  expect(await tapsOnBridge()).toEqual([])
  await lab.patch('vm1-data', { metadata: { finalizers: null } })
  await lab.kubectl('wait', '--for=delete', '--timeout=20s', 'gi/vm1-data')
})

it('lets go of an interface that vanishes without a finalizer', async () => {
  await lab.apply(data())
  await lab.patchStatus('vm1-data', { hostName: 'abc', guestUUID: uuid })
  await lab.reaches('vm1-data')
  await lab.kubectl('delete', 'gi', 'vm1-data')
  await expect.poll(tapsOnBridge).toEqual([])
  expect(await interfaces(lab.host, 'vm1', 'live')).toEqual([])
})
