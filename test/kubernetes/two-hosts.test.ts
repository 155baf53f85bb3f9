/**
 * The worked example of docs/resolve.md in a cluster: network testA is an Open vSwitch bridge on host abc and a pool of
 * 802.1Qbg ports on host def, a controller and two agents run by the deployment's own rights, and guest vm1 moves from one host
 * to the other, off and running.
 */
import path from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { GuestInterface } from '../../src/api/guest-interface.ts'
import type { Host } from '../../src/api/host.ts'
import { generateMac } from '../../src/core/resolve/generated.ts'
import { ClusterAgent } from '../cluster/agent.ts'
import { Cluster } from '../cluster/cluster.ts'
import { ClusterController } from '../cluster/controller.ts'
import { type Reach, reachFrom } from '../cluster/reach.ts'
import { BootedGuest } from '../lab/booted-guest.ts'
import { LabHost } from '../lab/host.ts'
import { connectHosts, Migrations } from '../lab/migration.ts'
import { addOpenVswitchBridge } from '../lab/pool.ts'
import { interfaces, macvtaps } from '../lab/world.ts'
import { applyCrds, repository } from './crds.ts'
import { History } from './history.ts'

const example = path.join(repository, 'examples/worked-example')
const id = '09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f'
const uuid = '3b0f5a2e-6c1d-4f7a-9e58-2d4c6b8a1f03'
const mac = generateMac({ guest: uuid, namespace: 'default', name: 'vm1-data' })
/** What libvirt 9.0 says when there is no lldpad on the host, which would talk to the switch. */
const notAssociated = 'sending of PortProfileRequest failed'

let cluster: Cluster
let abc: LabHost
let def: LabHost
let controller: ClusterController
const agents: ClusterAgent[] = []
const reaches: Reach[] = []
let migrations: Migrations
let history: History
let guest: BootedGuest

beforeAll(async () => {
  ;[cluster, abc, def] = await Promise.all([
    Cluster.start(),
    LabHost.start({ name: 'abc', openVswitch: true }),
    LabHost.start({ name: 'def' }),
  ])
  await Promise.all([setUpCluster(), setUpHosts()])
  for (const host of [abc, def]) {
    const access = await cluster.createHost(host.name)
    reaches.push(await reachFrom(host, cluster.url))
    agents.push(new ClusterAgent(host, access))
  }
  // Its Pod is on a Node of its own.
  const access = await cluster.createHost('control', { serviceAccount: 'patchbay-controller' })
  controller = new ClusterController(access)
  await Promise.all([controller.start(), ...agents.map((agent) => agent.start())])
})

afterAll(async () => {
  history?.stop()
  await Promise.all([controller?.stop(), ...agents.map((agent) => agent.stop())])
  for (const reach of reaches) reach.end()
  await Promise.all([abc?.stop(), def?.stop(), cluster?.stop()])
})

async function setUpCluster(): Promise<void> {
  await applyCrds(cluster)
  await cluster.kubectl('apply', '-k', path.join(repository, 'deploy'))
}

/** The switch of abc is also what is plugged into eth2 of def, and the address that the guest pings is on it. */
async function setUpHosts(): Promise<void> {
  await addOpenVswitchBridge(abc, 'ovsbr0')
  await connectHosts(abc, def, 'wire0')
  await abc.run('ovs-vsctl add-port ovsbr0 wire0 && ip address add 10.9.0.1/24 dev ovsbr0')
  // Bridges, since libvirtd looks for a veth's parent without end where both ends of it are on the host; promiscuous ones
  // hand on what is for a macvtap.
  await def.run(`for dev in eth2 eth3; do ip link add $dev type bridge; ip link set $dev promisc on up; done
    ip link set wire0 master eth2`)
  migrations = await Migrations.between(abc, def)
}

/** Defined without an interface, and started. */
async function startGuestOn(host: LabHost): Promise<void> {
  guest = await BootedGuest.start(host, {
    name: 'vm1',
    uuid,
    addresses: { [mac]: '10.9.0.2/24' },
    pings: '10.9.0.1',
  })
}

async function vm1Data(): Promise<GuestInterface> {
  return JSON.parse(await cluster.kubectl('get', 'gi', 'vm1-data', '-o', 'json'))
}

/** Waits until the interface is bound there and says so of its newest manifest, as `abc True InSync`. */
async function becomes(wanted: string): Promise<GuestInterface> {
  let found: GuestInterface | undefined
  await expect
    .poll(async () => {
      found = await vm1Data()
      const { metadata, status = {} } = found
      if (status.observedGeneration !== metadata.generation) return 'Unseen'
      const ready = status.conditions?.find(({ type }) => type === 'Ready')
      return `${status.hostName ?? '-'} ${ready?.status} ${ready?.reason}`
    })
    .toBe(wanted)
  return found!
}

/** What Open vSwitch shows of the guests' ports on abc. */
async function portsOnSwitch(): Promise<{ interfaceID: string; profile: string }[]> {
  const ports = (await abc.run('ovs-vsctl list-ports ovsbr0')).split('\n').filter((name) => name !== 'wire0')
  const of = async (port: string, key: string) =>
    JSON.parse(await abc.run(`ovs-vsctl get interface ${port} external_ids:${key}`).then(quoted))
  return Promise.all(
    ports.map(async (port) => ({
      interfaceID: await of(port, 'iface-id'),
      profile: await of(port, 'port-profile'),
    })),
  )
}

const quoted = (text: string) => (text.startsWith('"') ? text : `"${text}"`)

/** What it is on the other host, by the manifests as the cluster has them. */
async function resolvedFor(from: LabHost, to: LabHost): Promise<{ live: string; saved: string }> {
  const manifests = await cluster.kubectl('get', 'gi,pbnet,pbpg', '-A', '-o', 'yaml')
  const [live, saved] = await Promise.all(
    ['--migratable', '--inactive'].map(async (which) => {
      const file = from.root + (await from.file(await from.virsh('dumpxml', 'vm1', which)))
      const main = path.join(repository, 'src/cli/main.ts')
      const args = ['resolve', '-f', '-', '--host', to.name, '--guest-xml', file]
      return (await execa(process.execPath, [main, ...args], { input: manifests })).stdout
    }),
  )
  return { live: live!, saved: saved! }
}

async function migrate(from: LabHost, to: LabHost): Promise<void> {
  await migrations.live('vm1', from, to, await resolvedFor(from, to))
}

async function hostObject(name: string): Promise<Host> {
  return JSON.parse(await cluster.kubectl('get', 'pbhost', name, '-o', 'json'))
}

async function readyOfHost(name: string): Promise<string | undefined> {
  return (await hostObject(name)).status?.conditions?.find(({ type }) => type === 'Ready')?.status
}

/** The Lease of this host's agent lasts so many seconds from now on; the label wakes the controller, which looks then. */
async function leaseLasts(name: string, leaseDurationSeconds: number): Promise<void> {
  const patch = JSON.stringify({ spec: { leaseDurationSeconds } })
  await cluster.kubectl('patch', 'lease', name, '-n', 'patchbay-agents', '--type=merge', '-p', patch)
  await cluster.kubectl('label', 'node', name, '--overwrite', `lease=${leaseDurationSeconds}`)
}

/** `there`: the guest on the host that it comes from, whose console tells what it had said by then. */
async function expectNotBootedAnew(there: BootedGuest): Promise<void> {
  await guest.pingsOn(20)
  const before = (await there.answers()).at(-1)!
  const [first, ...others] = await guest.answers()
  expect(first).toBeGreaterThan(before)
  expect(await guest.console()).not.toContain('PATCHBAY up')
  console.log(`live: ${first! - before - 1} pings missed, ${others.length} answered since`)
}

it('is plugged into the switch of abc, where the guest is', async () => {
  await startGuestOn(abc)
  await cluster.kubectl('apply', '-f', example)
  history = await History.of(cluster.admin, 'vm1-data')
  const { status } = await becomes('abc True InSync')
  expect(status).toMatchObject({
    guestUUID: uuid,
    mac,
    port: { kind: 'bridge', name: 'ovsbr0', hostName: 'abc' },
    effective: { virtualPort: { type: 'openvswitch', interfaceID: id, profileID: 'sales' } },
  })
  expect(await portsOnSwitch()).toEqual([{ interfaceID: id, profile: 'sales' }])
  await guest.sees(mac, { carrier: true })
  await guest.pingsOn(20)
})

it('stays where it is when libvirt refuses a live migration, since nobody speaks 802.1Qbg for def', async () => {
  const states = history.states.length - 1
  await expect(migrate(abc, def)).rejects.toThrow(notAssociated)
  expect(await def.virsh('list', '--all', '--name')).toBe('')
  expect(await macvtaps(def)).toEqual([])
  expect(await portsOnSwitch()).toEqual([{ interfaceID: id, profile: 'sales' }])
  await guest.pingsOn(20)
  expect(history.steps(states)).toEqual(['abc: holds ovsbr0 of abc'])
})

it('moves with a guest that is undefined on abc and defined on def, and says what libvirt says there', async () => {
  const states = history.states.length - 1
  await abc.virsh('destroy', 'vm1')
  await abc.virsh('undefine', 'vm1')
  await startGuestOn(def)
  const { status } = await becomes('def False ApplyFailed')
  expect(status?.conditions?.find(({ type }) => type === 'Ready')?.message).toContain(notAssociated)
  expect(status).toMatchObject({
    guestUUID: uuid,
    mac,
    effective: {
      virtualPort: {
        type: '802.1Qbg',
        managerID: 55,
        typeID: 1193047,
        typeIDVersion: 2,
        instanceID: id,
      },
    },
  })
  await expect
    .poll(() => history.steps(states))
    .toEqual([
      'abc: holds ovsbr0 of abc',
      'abc, to def: holds ovsbr0 of abc',
      'abc, to def: holds nothing',
      'def: holds nothing',
      'def: holds eth2 (vepa) of def',
    ])
  expect(await portsOnSwitch()).toEqual([])
  expect(await interfaces(def, 'vm1', 'live')).toEqual([])
})

it('is plugged into the pool of def once its Network there asks for no virtual port', async () => {
  const patch = '[{"op":"remove","path":"/spec/virtualPort"}]'
  await cluster.kubectl('patch', 'pbnet', 'test-a-def', '--type=json', '-p', patch)
  const { status } = await becomes('def True InSync')
  expect(status?.port).toMatchObject({ kind: 'direct', dev: 'eth2', mode: 'vepa', hostName: 'def' })
  expect(await macvtaps(def)).toMatchObject([{ lower: 'eth2', mode: 'vepa' }])
  await guest.sees(mac, { carrier: true })
  await guest.pingsOn(20)
})

const wayBack = [
  'def: holds eth2 (vepa) of def',
  'def, to abc: holds eth2 (vepa) of def',
  'def, to abc: holds nothing',
  'abc: holds nothing',
  'abc: holds ovsbr0 of abc',
]
const wayThere = [
  'abc: holds ovsbr0 of abc',
  'abc, to def: holds ovsbr0 of abc',
  'abc, to def: holds nothing',
  'def: holds nothing',
  'def: holds eth2 (vepa) of def',
]

it.each([
  { from: 'def', to: 'abc', steps: wayBack },
  { from: 'abc', to: 'def', steps: wayThere },
])('goes along with a guest that migrates from $from to $to while it runs', async ({ from, to, steps }) => {
  const [source, target] = from === 'abc' ? [abc, def] : [def, abc]
  const states = history.states.length - 1
  const there = guest
  await migrate(source, target)
  const arrived = [await interfaces(target, 'vm1', 'live'), await macvtaps(target)]
  guest = guest.onHost(target)
  const { status } = await becomes(`${to} True InSync`)
  expect(status).toMatchObject({ guestUUID: uuid, mac, port: { hostName: to } })
  await expect.poll(() => history.steps(states)).toEqual(steps)

  // The NIC that came along is the one that there is, live and saved, and nobody has touched it.
  expect([await interfaces(target, 'vm1', 'live'), await macvtaps(target)]).toEqual(arrived)
  expect(arrived[0]).toHaveLength(1)
  expect(await interfaces(target, 'vm1', 'saved')).toHaveLength(1)
  expect(await source.virsh('list', '--all', '--name')).toBe('')
  expect(await macvtaps(abc)).toEqual([])
  expect(await macvtaps(def)).toHaveLength(to === 'def' ? 1 : 0)
  expect(await portsOnSwitch()).toEqual(to === 'abc' ? [{ interfaceID: id, profile: 'sales' }] : [])

  await expectNotBootedAnew(there)
})

it('is taken from an agent that was cut off only once it counts as silent, while its guest runs elsewhere', async () => {
  const agent = agents[1]!
  await agent.stop()
  await agent.start({ impatient: true })
  await becomes('def True InSync')
  const states = history.states.length - 1
  reaches[1]!.cut()
  const there = guest
  await migrate(def, abc)
  guest = guest.onHost(abc)

  // The agent of abc tells that the guest is there, and the controller has heard that; the port on def may still be in use.
  await expect
    .poll(async () => (await hostObject('abc')).status?.guests?.map(({ uuid }) => uuid))
    .toEqual([uuid])
  await cluster.kubectl('label', 'gi', 'vm1-data', 'looked-at=again')
  await guest.pingsOn(20)
  expect(await readyOfHost('def')).toBe('True')
  expect(history.steps(states)).toEqual(['def: holds eth2 (vepa) of def'])

  await leaseLasts('def', 1)
  const { status } = await becomes('abc True InSync')
  expect(status).toMatchObject({ guestUUID: uuid, mac, port: { name: 'ovsbr0', hostName: 'abc' } })
  expect(await readyOfHost('def')).toBe('Unknown')
  const arrived = await interfaces(abc, 'vm1', 'live')
  expect(arrived).toHaveLength(1)
  await expectNotBootedAnew(there)

  // It finds that it is another's turn, and leaves everything alone.
  await leaseLasts('def', 40)
  reaches[1]!.mend()
  await cluster.kubectl('label', 'pbhost', 'def', 'mended=yes')
  await expect.poll(() => readyOfHost('def')).toBe('True')
  const writes = history.states.length
  await guest.pingsOn(20)
  expect(history.states).toHaveLength(writes)
  await expect
    .poll(() => history.steps(states))
    .toEqual(['def: holds eth2 (vepa) of def', 'abc: holds eth2 (vepa) of def', 'abc: holds ovsbr0 of abc'])
  expect(await interfaces(abc, 'vm1', 'live')).toEqual(arrived)
})

it('is unplugged from a definition that was left behind, and gone everywhere when the example is deleted', async () => {
  const states = history.states.length - 1
  await abc.virsh('destroy', 'vm1')
  await startGuestOn(def)
  await becomes('def True InSync')
  await expect.poll(() => history.steps(states)).toEqual(wayThere)
  expect(await abc.virsh('list', '--all', '--name')).toBe('vm1')
  expect(await interfaces(abc, 'vm1', 'saved')).toEqual([])
  await guest.pingsOn(20)

  await cluster.kubectl('delete', '-f', example, '--timeout=60s')
  expect(await interfaces(def, 'vm1', 'live')).toEqual([])
  expect(await interfaces(def, 'vm1', 'saved')).toEqual([])
  expect(await macvtaps(def)).toEqual([])
})
