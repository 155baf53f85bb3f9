/**
 * The worked example in a cluster: network testA is an Open vSwitch bridge on host abc and a pool of 802.1Qbg ports on host def, and
 * guest vm1 moves from one to the other, off and running, with an interface that one manifest describes.
 */
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { generateMac } from '../../src/core/resolve/generated.ts'
import { BootedGuest } from '../lab/booted-guest.ts'
import type { LabHost } from '../lab/host.ts'
import { interfaces, macvtaps } from '../lab/world.ts'
import { History } from './history.ts'
import { repository } from './installation.ts'
import { TwoHosts } from './two-hosts.ts'

const example = path.join(repository, 'examples/worked-example')
const id = '09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f'
const uuid = '3b0f5a2e-6c1d-4f7a-9e58-2d4c6b8a1f03'
const mac = generateMac({ guest: uuid, namespace: 'default', name: 'vm1-data' })
const portOfSales = { interfaceID: id, profile: 'sales' }
/** What libvirt says when there is no lldpad on the host, which would talk to the switch. */
const notAssociated = 'sending of PortProfileRequest failed'

/** Who is in charge and what is held, step by step. */
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

let lab: TwoHosts
let abc: LabHost
let def: LabHost
let history: History
/** Where it runs now. */
let guest: BootedGuest

beforeAll(async () => {
  lab = await TwoHosts.start('10.9.0.1/24')
  abc = lab.abc.host
  def = lab.def.host
})

afterAll(async () => {
  history?.stop()
  await lab?.stop()
})

/** Defined without an interface, and started. */
async function startGuestOn(host: LabHost): Promise<void> {
  const addresses = { [mac]: '10.9.0.2/24' }
  guest = await BootedGuest.start(host, { name: 'vm1', uuid, addresses, pings: '10.9.0.1' })
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
  await lab.kubectl('apply', '-f', example)
  history = await History.of(lab.cluster.admin, 'vm1-data')
  const { status } = await lab.becomes('vm1-data', 'abc True InSync')
  expect(status).toMatchObject({
    guestUUID: uuid,
    mac,
    port: { kind: 'bridge', name: 'ovsbr0', hostName: 'abc' },
    effective: { virtualPort: { type: 'openvswitch', interfaceID: id, profileID: 'sales' } },
  })
  expect(await lab.portsOnSwitch()).toEqual([portOfSales])
  await guest.sees(mac, { carrier: true })
  await guest.pingsOn(20)
})

it('stays where it is when libvirt refuses a live migration, since nobody speaks 802.1Qbg for def', async () => {
  const states = history.states.length - 1
  await expect(lab.migrate('vm1', abc, def)).rejects.toThrow(notAssociated)
  expect(await def.virsh('list', '--all', '--name')).toBe('')
  expect(await macvtaps(def)).toEqual([])
  expect(await lab.portsOnSwitch()).toEqual([portOfSales])
  await guest.pingsOn(20)
  expect(history.steps(states)).toEqual(['abc: holds ovsbr0 of abc'])
})

it('moves with a guest that is undefined on abc and defined on def, and says what libvirt says there', async () => {
  const states = history.states.length - 1
  await abc.virsh('destroy', 'vm1')
  await abc.virsh('undefine', 'vm1')
  await startGuestOn(def)
  const { status } = await lab.becomes('vm1-data', 'def False ApplyFailed')
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
  await expect.poll(() => history.steps(states)).toEqual(wayThere)
  expect(await lab.portsOnSwitch()).toEqual([])
  expect(await interfaces(def, 'vm1', 'live')).toEqual([])
})

it('is plugged into the pool of def once its Network there asks for no virtual port', async () => {
  const patch = '[{"op":"remove","path":"/spec/virtualPort"}]'
  await lab.kubectl('patch', 'pbnet', 'test-a-def', '--type=json', '-p', patch)
  const { status } = await lab.becomes('vm1-data', 'def True InSync')
  expect(status?.port).toMatchObject({ kind: 'direct', dev: 'eth2', mode: 'vepa', hostName: 'def' })
  expect(await macvtaps(def)).toMatchObject([{ lower: 'eth2', mode: 'vepa' }])
  await guest.sees(mac, { carrier: true })
  await guest.pingsOn(20)
})

it.each([
  { from: 'def', to: 'abc', steps: wayBack },
  { from: 'abc', to: 'def', steps: wayThere },
])('goes along with a guest that migrates from $from to $to while it runs', async ({ from, to, steps }) => {
  const [source, target] = from === 'abc' ? [abc, def] : [def, abc]
  const states = history.states.length - 1
  const there = guest
  await lab.migrate('vm1', source, target)
  const arrived = [await interfaces(target, 'vm1', 'live'), await macvtaps(target)]
  guest = guest.onHost(target)
  const { status } = await lab.becomes('vm1-data', `${to} True InSync`)
  expect(status).toMatchObject({ guestUUID: uuid, mac, port: { hostName: to } })
  await expect.poll(() => history.steps(states)).toEqual(steps)

  // The NIC that came along is the one that there is, live and saved, and nobody has touched it.
  expect([await interfaces(target, 'vm1', 'live'), await macvtaps(target)]).toEqual(arrived)
  expect(arrived[0]).toHaveLength(1)
  expect(await interfaces(target, 'vm1', 'saved')).toHaveLength(1)
  expect(await source.virsh('list', '--all', '--name')).toBe('')
  expect(await macvtaps(abc)).toEqual([])
  expect(await macvtaps(def)).toHaveLength(to === 'def' ? 1 : 0)
  expect(await lab.portsOnSwitch()).toEqual(to === 'abc' ? [portOfSales] : [])

  await expectNotBootedAnew(there)
})

it('is taken from an agent that was cut off only once it counts as silent, while its guest runs elsewhere', async () => {
  const { agent, reach } = lab.def
  await agent.stop()
  await agent.start({ impatient: true })
  await lab.becomes('vm1-data', 'def True InSync')
  const states = history.states.length - 1
  await lab.leaseLasts('def', 240)
  reach.cut()
  const there = guest
  await lab.migrate('vm1', def, abc)
  guest = guest.onHost(abc)

  // The agent of abc tells that the guest is there, and the controller has heard that; the port on def may still be in use.
  await expect.poll(() => lab.guestsOf('abc')).toEqual([uuid])
  await lab.kubectl('label', 'gi', 'vm1-data', 'looked-at=again')
  await guest.pingsOn(20)
  expect(await lab.readyOf('def')).toBe('True')
  expect(history.steps(states)).toEqual(['def: holds eth2 (vepa) of def'])

  await lab.leaseLasts('def', 1)
  const { status } = await lab.becomes('vm1-data', 'abc True InSync')
  expect(status).toMatchObject({ guestUUID: uuid, mac, port: { name: 'ovsbr0', hostName: 'abc' } })
  expect(await lab.readyOf('def')).toBe('Unknown')
  const arrived = await interfaces(abc, 'vm1', 'live')
  expect(arrived).toHaveLength(1)
  await expectNotBootedAnew(there)

  // It finds that it is another's turn, and leaves everything alone.
  await lab.leaseLasts('def', 40)
  reach.mend()
  await lab.kubectl('label', 'pbhost', 'def', 'mended=yes')
  await expect.poll(() => lab.readyOf('def')).toBe('True')
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
  await lab.becomes('vm1-data', 'def True InSync')
  await expect.poll(() => history.steps(states)).toEqual(wayThere)
  expect(await abc.virsh('list', '--all', '--name')).toBe('vm1')
  expect(await interfaces(abc, 'vm1', 'saved')).toEqual([])
  await guest.pingsOn(20)

  await lab.kubectl('delete', '-f', example, '--timeout=60s')
  expect(await interfaces(def, 'vm1', 'live')).toEqual([])
  expect(await interfaces(def, 'vm1', 'saved')).toEqual([])
  expect(await macvtaps(def)).toEqual([])
})
