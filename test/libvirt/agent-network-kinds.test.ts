/** A Network that becomes one of another kind: no guest that is plugged into it, of anybody, is left without a bridge. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { LabAgent } from '../lab/agent.ts'
import { startGuest } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'
import { guestInterface, inNetwork, type Manifest, network } from '../lab/manifests.ts'
import { addBridge, addVethPool } from '../lab/pool.ts'
import { deviceOf } from '../lab/world.ts'

let host: LabHost
let agent: LabAgent
const mac = '52:54:00:00:00:77'

beforeAll(async () => {
  host = await LabHost.start({ name: 'abc' })
  await addVethPool(host, 1)
  await addBridge(host, 'br0')
  agent = new LabAgent(host)
  await agent.apply(made)
  await agent.start()
  await isUp()
  const plain = `<interface type='network'><mac address='${mac}'/><source network='lan'/><model type='virtio'/></interface>`
  await startGuest(host, { name: 'theirs', interfaces: [plain] })
  await startGuest(host, { name: 'ours' })
})
afterAll(() => host?.stop())

const lan = (spec: Parameters<typeof network>[1]): Manifest =>
  network('lan', { onRestartRequired: 'Restart', ...spec })
const made = lan({ bridge: { name: 'lab0', stp: false }, ips: [{ address: '10.1.0.1', prefix: 24 }] })
const bridged = lan({ forward: { mode: 'bridge' }, bridge: { name: 'br0' } })
const devices = lan({ forward: { mode: 'bridge', interfaces: [{ dev: 'pool0' }] } })

const isUp = (wanted = 'True InSync') => agent.reaches('lan', wanted, 20_000, 'Network')

it('made by libvirt, on a bridge of the host, and made again: every running guest stays plugged in', async () => {
  await agent.apply(guestInterface('nic', 'ours', inNetwork('lan')))
  await agent.reaches('nic')
  const taps = [
    await deviceOf(host, 'theirs', mac),
    await deviceOf(host, 'ours', (await agent.status('nic')).mac!),
  ]
  const bridges = () =>
    Promise.all(taps.map((tap) => host.run(`basename $(readlink /sys/class/net/${tap}/master)`)))
  expect(await bridges()).toEqual(['lab0', 'lab0'])
  await agent.apply(bridged)
  await isUp()
  await expect.poll(bridges).toEqual(['br0', 'br0'])
  await agent.apply(made)
  await isUp()
  // Theirs is a NIC of br0 now, as libvirt sees it, until its guest starts again.
  await expect.poll(bridges).toEqual(['br0', 'lab0'])
  await agent.reaches('nic')
  await host.run('virsh -q destroy theirs; virsh -q start theirs')
})

it('a pool cannot take over the tap of a running guest, and waits until there is none', async () => {
  const before = await host.virsh('net-dumpxml', 'lan')
  await agent.apply(devices)
  await isUp('False NetworkInUse')
  const { conditions } = (await agent.stored('Network', 'lan'))!.status!
  expect(conditions?.find(({ type }) => type === 'Ready')?.message).toMatch(
    /bridge lab0 goes .* device of a pool.*: ours \(running\), theirs \(running\)$/,
  )
  expect(await host.virsh('net-dumpxml', 'lan')).toBe(before)
  await host.virsh('destroy', 'theirs')
  await host.virsh('destroy', 'ours')
  await isUp()
  expect(await host.virsh('net-dumpxml', 'lan')).toContain("<interface dev='pool0'")
  await agent.apply(bridged)
  await isUp()
  expect(await host.virsh('net-dumpxml', 'lan')).toContain("<bridge name='br0'/>")
  await agent.apply(devices)
  await isUp()
})
