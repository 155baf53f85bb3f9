/** kill -9 of the agent at every step boundary of a network's life, and of libvirtd with it. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import type { NetworkSpec } from '../../src/api/network.ts'
import { LabAgent } from '../lab/agent.ts'
import { type Change, dieAtEveryBoundary } from '../lab/boundaries.ts'
import { startGuest } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'
import { type Manifest, network, pool } from '../lab/manifests.ts'
import { deviceOf, linkNames } from '../lab/world.ts'

let host: LabHost
let agent: LabAgent
let edits = 0

beforeAll(async () => {
  host = await LabHost.start({ name: 'abc' })
  agent = new LabAgent(host)
  await agent.apply(pool('other', 'passthrough', []))
})
afterEach(() => agent.kill9())
afterAll(() => host?.stop())

/** Each time another one: status speaks of the newest. */
const lan = (spec: Partial<NetworkSpec> = {}): Manifest =>
  network('lan', {
    // No firewall rules, which would take most of the time.
    forward: { mode: 'open' },
    bridge: { name: 'lab0', stp: false },
    ips: [{ address: '10.1.0.1', prefix: 24, dhcp: { ranges: [{ start: '10.1.0.10', end: '10.1.0.20' }] } }],
    dns: { txts: [{ name: 'edit', value: `v${++edits}` }] },
    ...spec,
  })

const isReady = async () => (await agent.ready('lan', 'Network')) === 'True InSync'

/** One network, one bridge, one dnsmasq, both definitions as the last manifest says. */
async function converged(more = ''): Promise<void> {
  await agent.reaches('lan', 'True InSync', 10_000, 'Network')
  expect(await host.virsh('net-list', '--all', '--name')).toBe('lan')
  expect(await host.virsh('net-info', 'lan')).toMatch(/Active: +yes\nPersistent: +yes\nAutostart: +yes/)
  for (const xml of [
    await host.virsh('net-dumpxml', 'lan'),
    await host.virsh('net-dumpxml', 'lan', '--inactive'),
  ]) {
    expect(xml.match(/<txt /g)).toHaveLength(1)
    expect(xml).toContain(`<txt name='edit' value='v${edits}'/>`)
    expect(xml).toContain(more)
  }
  expect((await linkNames(host)).filter((name) => name.startsWith('lab'))).toEqual(['lab0'])
  const running = await host.run(
    '(grep -lsz -- --conf-file=.*[d]nsmasq/lan.conf /proc/[0-9]*/cmdline || true) | wc -l',
  )
  // dnsmasq has a helper that runs libvirt's script.
  expect(running).toBe('2')
}

it('while it is made', async () => {
  const making: Change = {
    async prepare() {
      await host.run('virsh -q net-destroy lan || true; virsh -q net-undefine lan || true')
      await agent.apply(lan())
    },
    converges: converged,
    isDone: isReady,
  }
  expect(await dieAtEveryBoundary(agent, making)).toBe(6)
})

it('while it is updated, libvirtd too', async () => {
  const updating: Change = {
    prepare: () => agent.apply(lan()),
    async meanwhile() {
      await host.libvirtd.kill9()
      await host.libvirtd.start()
    },
    converges: converged,
    isDone: isReady,
  }
  expect(await dieAtEveryBoundary(agent, updating)).toBe(6)
})

it('while it is restarted, libvirtd too: the tap of a guest of somebody else is back', async () => {
  const mac = '52:54:00:00:00:77'
  const plain = `<interface type='network'><mac address='${mac}'/><source network='lan'/><port isolated='yes'/><model type='virtio'/></interface>`
  await startGuest(host, { name: 'theirs', interfaces: [plain] })
  const tap = await deviceOf(host, 'theirs', mac)
  let mtu = 1400
  const restarting: Change = {
    prepare: () => agent.apply(lan({ mtu: ++mtu, onRestartRequired: 'Restart' })),
    async meanwhile() {
      await host.libvirtd.kill9()
      await host.libvirtd.start()
    },
    async converges() {
      await converged(`<mtu size='${mtu}'/>`)
      const port = await host.run(
        `basename $(readlink /sys/class/net/${tap}/master); cat /sys/class/net/${tap}/brport/isolated`,
      )
      expect(port).toBe('lab0\n1')
    },
    isDone: isReady,
  }
  expect(await dieAtEveryBoundary(agent, restarting)).toBe(6)
  await host.run('virsh -q destroy theirs; virsh -q undefine theirs')
})

it('while it is removed', async () => {
  const removing: Change = {
    async prepare() {
      const manifest = lan({ mtu: 1400, onRestartRequired: 'Restart' })
      await agent.apply(manifest)
      await agent.start()
      await agent.reaches('lan', 'True InSync', 10_000, 'Network')
      await agent.stop()
      await agent.remove(manifest)
    },
    async converges() {
      await expect.poll(() => agent.stored('Network', 'lan')).toBeUndefined()
      expect(await host.virsh('net-list', '--all', '--name')).toBe('')
      expect((await linkNames(host)).filter((name) => name.startsWith('lab'))).toEqual([])
    },
    isDone: async () => (await agent.stored('Network', 'lan')) === undefined,
  }
  expect(await dieAtEveryBoundary(agent, removing)).toBe(4)
})

it('libvirtd in the midst of starting and of stopping it', async () => {
  await agent.start()
  await agent.up()
  for (const ms of [20, 80, 200]) {
    const manifest = lan()
    await agent.apply(manifest)
    await host.run(
      `for i in $(seq 500); do grep -q lab0 /proc/net/dev && break; sleep 0.01; done; sleep 0.${String(ms).padStart(3, '0')}`,
    )
    await host.libvirtd.kill9()
    await host.libvirtd.start()
    await converged()
    await agent.remove(manifest)
    await host.run(`for i in $(seq 500); do grep -q lab0 /proc/net/dev || break; sleep 0.01; done`)
    await host.libvirtd.kill9()
    await host.libvirtd.start()
    await expect.poll(() => agent.stored('Network', 'lan')).toBeUndefined()
    expect(await host.virsh('net-list', '--all', '--name')).toBe('')
    expect((await linkNames(host)).filter((name) => name.startsWith('lab'))).toEqual([])
  }
})
