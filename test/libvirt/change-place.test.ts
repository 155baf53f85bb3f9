/** Where a NIC is plugged in changes: which ways there are for a running guest, and which port the interface holds at every moment. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { GuestInterfaceSpec } from '../../src/api/guest-interface.ts'
import { LabAgent } from '../lab/agent.ts'
import { dieAtEveryBoundary } from '../lab/boundaries.ts'
import { defineGuest, startGuest } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'
import { guestInterface, inNetwork, pool } from '../lab/manifests.ts'
import { addBridge, addVethPool } from '../lab/pool.ts'
import { deviceOf, interfaces, macvtaps, snapshot } from '../lab/world.ts'

let host: LabHost
let agent: LabAgent

beforeAll(async () => {
  host = await LabHost.start({ name: 'abc' })
  for (const name of ['br0', 'br1']) await addBridge(host, name)
  await addVethPool(host, 3)
  for (const [name, bridge, net] of [
    ['n1', 'virbr7', '192.0.2'],
    ['n2', 'virbr8', '198.51.100'],
  ]) {
    const xml = `<network><name>${name}</name><bridge name='${bridge}'/><ip address='${net}.1' prefix='24'/><portgroup name='patchbay'/></network>`
    await host.virsh('net-create', await host.file(xml))
  }
  agent = new LabAgent(host)
  await agent.apply(
    pool('a', 'bridge', ['pool0', 'pool1']),
    pool('b', 'bridge', ['pool0']),
    pool('exclusive', 'passthrough', ['pool2']),
    { ...pool('n1', 'bridge', []), spec: {} },
    { ...pool('n2', 'bridge', []), spec: {} },
  )
  await agent.start()
})
afterAll(() => host?.stop())

const master = (tap: string) => host.run(`basename "$(readlink /sys/class/net/${tap}/master)"`)
const bridge = (name: string) => ({ source: { bridge: { name } } })

describe('a running guest', () => {
  const mac = '52:54:00:00:00:01'
  const lan = (spec: Partial<GuestInterfaceSpec>) =>
    guestInterface('lan', 'vm1', { mac, source: { bridge: { name: 'br0' } }, ...spec })

  it("goes from bridge to bridge, libvirt's own among them", async () => {
    await startGuest(host, { name: 'vm1' })
    await agent.apply(lan({}))
    await agent.reaches('lan')
    const tap = await deviceOf(host, 'vm1', mac)
    for (const [spec, expected, port] of [
      [inNetwork('n1'), 'virbr7', { kind: 'network', network: 'n1' }],
      [inNetwork('n2'), 'virbr8', { kind: 'network', network: 'n2' }],
      [bridge('br1'), 'br1', { kind: 'bridge', bridge: 'br1' }],
      [bridge('br0'), 'br0', { kind: 'bridge', bridge: 'br0' }],
    ] as const) {
      await agent.apply(lan(spec))
      await agent.reaches('lan')
      expect(await master(tap)).toBe(expected)
      expect(await deviceOf(host, 'vm1', mac)).toBe(tap)
      expect((await agent.status('lan')).port).toMatchObject(port)
    }
  })

  it('stays as it is when only the name of its bridge changes', async () => {
    await agent.apply(lan(inNetwork('n1')))
    await agent.reaches('lan')
    const [live] = await interfaces(host, 'vm1', 'live')
    await agent.apply(lan(bridge('virbr7')))
    await agent.reaches('lan')
    expect(await interfaces(host, 'vm1', 'live')).toEqual([live])
    // At its next start it comes by the new name.
    expect((await interfaces(host, 'vm1', 'saved'))[0]).toContain("<source bridge='virbr7'/>")
    const { plan } = await agent.status('lan')
    expect(plan).toMatchObject({
      verdict: 'None',
      steps: [],
      differences: [{ field: 'source', verdict: 'None' }],
    })
    // What is changed then leaves it where it is.
    await agent.apply(lan({ ...bridge('virbr7'), link: { state: 'down' } }))
    await agent.reaches('lan')
    expect((await interfaces(host, 'vm1', 'live'))[0]).toContain("<source network='n1'")
    expect(await master(await deviceOf(host, 'vm1', mac))).toBe('virbr7')
  })

  it('killed at any step of a move, the agent ends it', async () => {
    const read = async () => [
      await master(await deviceOf(host, 'vm1', mac)),
      (await interfaces(host, 'vm1', 'saved'))[0],
    ]
    const moved = async () => {
      const [shown, saved] = await read()
      return shown === 'br1' && saved!.includes("<source bridge='br1'/>") && saved!.includes("isolated='yes'")
    }
    await agent.stop()
    const boundaries = await dieAtEveryBoundary(agent, {
      async prepare() {
        await agent.apply(lan(bridge('br0')))
        await agent.start()
        await agent.reaches('lan')
        expect(await master(await deviceOf(host, 'vm1', mac))).toBe('br0')
        await agent.stop()
        await agent.apply(lan({ ...bridge('br1'), portIsolation: true }))
      },
      async converges() {
        await agent.reaches('lan', 'True InSync', 5_000)
        expect(await moved()).toBe(true)
        expect((await agent.status('lan')).port).toMatchObject({ bridge: 'br1' })
      },
      isDone: moved,
    })
    // The port; isolation, move and saved definition, each begun and done.
    expect(boundaries).toBe(7)
    await agent.start()
  })
})

describe('a device of a pool', () => {
  const mac = '52:54:00:00:00:02'
  const data = (spec: Partial<GuestInterfaceSpec>) =>
    guestInterface('data', 'vm2', { mac, ...inNetwork('a'), ...spec })

  it('reached through another network is the same port, and nothing is done', async () => {
    await startGuest(host, { name: 'vm2' })
    await agent.apply(data({}))
    await agent.reaches('data')
    const before = await snapshot(host, 'vm2')
    for (const [spec, network] of [
      [inNetwork('b'), 'b'],
      [{ source: { direct: { dev: 'pool0', mode: 'bridge' } } }, undefined],
      [inNetwork('a'), 'a'],
    ] as const) {
      await agent.apply(data(spec))
      await agent.reaches('data')
      const { port, plan } = await agent.status('data')
      expect(port).toMatchObject({ kind: 'direct', dev: 'pool0', mode: 'bridge' })
      expect(port!.network).toBe(network)
      expect(plan).toEqual({ verdict: 'None', steps: [], differences: [] })
      expect(await snapshot(host, 'vm2')).toEqual(before)
    }
  })

  it('a rate that this kernel cannot set on it is undone', async () => {
    const before = await snapshot(host, 'vm2')
    await agent.apply(
      data({
        bandwidth: { inbound: { average: 1000 }, outbound: { average: 500 } },
        link: { state: 'down' },
      }),
    )
    const canPolice = await host.run(
      'tc qdisc add dev pool2 ingress && tc filter add dev pool2 parent ffff: protocol all u32 match u32 0 0 police rate 1kbps burst 1kb drop flowid :1 2>/dev/null && echo yes || echo no; tc qdisc delete dev pool2 ingress',
    )
    const tap = await deviceOf(host, 'vm2', mac)
    if (canPolice === 'yes') return agent.reaches('data')
    await agent.reaches('data', 'False ApplyFailed')
    expect((await agent.condition('data', 'Ready'))!.message).toContain('What had been changed is undone')
    expect(await snapshot(host, 'vm2')).toEqual(before)
    expect(await host.run(`tc qdisc show dev ${tap}`)).not.toMatch(/htb|ingress/)
  })

  it('another one is taken by a guest that is off, and the old one is free for who waits', async () => {
    await defineGuest(host, { name: 'vm3' })
    await defineGuest(host, { name: 'vm4' })
    const nic = (name: string, guest: string, spec: ReturnType<typeof inNetwork>) =>
      guestInterface(name, guest, spec)
    await agent.apply(nic('first', 'vm3', inNetwork('exclusive')))
    await agent.reaches('first')
    await agent.apply(nic('second', 'vm4', inNetwork('exclusive')))
    await agent.reaches('second', 'False PoolExhausted')
    await agent.apply(nic('first', 'vm3', inNetwork('a')))
    await agent.reaches('first')
    expect((await interfaces(host, 'vm3', 'saved'))[0]).toMatch(/<source dev='pool[01]' mode='bridge'\/>/)
    await agent.reaches('second')
    expect((await agent.status('second')).port).toMatchObject({ dev: 'pool2', network: 'exclusive' })
    expect((await macvtaps(host)).map(({ lower }) => lower)).toEqual(['pool0'])
  })
})

describe("a NIC that is plugged into nothing of the host's", () => {
  it.each<[kind: string, source: GuestInterfaceSpec['source'], more: Partial<GuestInterfaceSpec>]>([
    ['user', { user: {} }, {}],
    ['ethernet', { ethernet: {} }, { filter: { name: 'no-mac-spoofing' } }],
  ])('%s: changes in place', async (kind, source, more) => {
    const [guest, mac] = [`vm-${kind}`, '52:54:00:00:00:05']
    const nic = (spec: Partial<GuestInterfaceSpec>) => guestInterface(kind, guest, { mac, source, ...spec })
    await startGuest(host, { name: guest })
    await agent.apply(nic({}))
    await agent.reaches(kind)
    await agent.apply(nic({ ...more, link: { state: 'down' } }))
    await agent.reaches(kind)
    for (const which of ['live', 'saved'] as const) {
      expect((await interfaces(host, guest, which))[0]).toContain("<link state='down'/>")
    }
    if (more.filter) {
      expect(await host.virsh('nwfilter-binding-list')).toContain(await deviceOf(host, guest, mac))
    }
  })
})

it('an MTU that the host does not show is told', async () => {
  const mac = '52:54:00:00:00:06'
  const nic = (state: 'up' | 'down') =>
    guestInterface('mtu', 'vm-mtu', { mac, ...bridge('br0'), mtu: 1400, link: { state } })
  await startGuest(host, { name: 'vm-mtu' })
  await agent.apply(nic('up'))
  await agent.reaches('mtu')
  const tap = await deviceOf(host, 'vm-mtu', mac)
  await host.run(`ip link set ${tap} mtu 1300`)
  await agent.apply(nic('down'))
  await agent.reaches('mtu', 'False NotVerified')
  expect((await agent.condition('mtu', 'Ready'))!.message).toBe(`${tap} has an MTU of 1300, not 1400`)
  await host.run(`ip link set ${tap} mtu 1400`)
  await agent.reaches('mtu')
})
