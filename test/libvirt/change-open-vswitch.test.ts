/** What changes on a running NIC that is plugged into Open vSwitch, as its database and libvirt show it. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { GuestInterfaceSpec } from '../../src/api/guest-interface.ts'
import type { PortGroupSpec } from '../../src/api/port-group.ts'
import { LabAgent } from '../lab/agent.ts'
import { startGuest } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'
import { guestInterface, inNetwork, network, portGroup } from '../lab/manifests.ts'
import { addBridge, addOpenVswitchBridge } from '../lab/pool.ts'
import { deviceOf, interfaces, libvirtVersion, otherInterfaces } from '../lab/world.ts'

const id = '09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f'
const mac = '52:54:00:00:00:01'
let host: LabHost
let agent: LabAgent
let tap: string
let others: string[]

const lan = (spec: Partial<GuestInterfaceSpec> = {}) =>
  guestInterface('lan', 'vm1', {
    mac,
    ...inNetwork('ovs', 'sales'),
    virtualPort: { interfaceID: id },
    ...spec,
  })
const ovs = (vlan: number) =>
  network('ovs', {
    forward: { mode: 'bridge' },
    bridge: { name: 'ovs0' },
    virtualPort: { type: 'openvswitch' },
    vlan: { tags: [{ id: vlan }] },
  })
const sales = (spec: Partial<PortGroupSpec> = {}) =>
  portGroup('sales', 'ovs', { virtualPort: { profileID: 'sales' }, ...spec })

beforeAll(async () => {
  host = await LabHost.start({ name: 'abc', openVswitch: true })
  await addOpenVswitchBridge(host, 'ovs0')
  await addOpenVswitchBridge(host, 'ovs1')
  await addBridge(host, 'br0')
  const bystander = `<interface type='bridge'><mac address='52:54:00:00:00:09'/><source bridge='ovs0'/><virtualport type='openvswitch'/><vlan><tag id='9'/></vlan><model type='virtio'/></interface>`
  await startGuest(host, { name: 'vm1', interfaces: [bystander] })
  agent = new LabAgent(host)
  await agent.apply(ovs(42), sales(), lan())
  await agent.start()
  await agent.reaches('lan')
  tap = await deviceOf(host, 'vm1', mac)
  others = await otherInterfaces(host, 'vm1', mac)
})
afterAll(() => host?.stop())

beforeEach(async () => {
  await agent.apply(ovs(42), sales(), lan())
  await agent.reaches('lan')
  await expect.poll(port).toEqual(asPlugged)
})

const asPlugged = {
  bridge: 'ovs0',
  tag: '42',
  trunks: '[]',
  mode: '[]',
  qos: '[]',
  policing: '0',
  ids: [`"${id}"`, 'sales'],
}

/** What Open vSwitch's database shows of the tap. */
async function port() {
  const [bridge, tag, trunks, mode, qos, policing, ...ids] = (
    await host.run(`
      ovs-vsctl port-to-br ${tap}
      ovs-vsctl get port ${tap} tag trunks vlan_mode
      qos=$(ovs-vsctl get port ${tap} qos)
      if [ "$qos" = '[]' ]; then echo '[]'; else ovs-vsctl get qos $qos other_config; fi
      ovs-vsctl get interface ${tap} ingress_policing_rate external_ids:iface-id external_ids:port-profile`)
  ).split('\n')
  return { bridge, tag, trunks, mode, qos, policing, ids }
}

async function untouched(): Promise<void> {
  expect(await otherInterfaces(host, 'vm1', mac)).toEqual(others)
  expect(await deviceOf(host, 'vm1', mac)).toBe(tap)
}

const definition = async (which: 'live' | 'saved') =>
  (await interfaces(host, 'vm1', which)).find((xml) => xml.includes(mac))!

describe('VLAN', () => {
  it('from the network, and ids, survive a link flip', async () => {
    for (const state of ['down', 'up'] as const) {
      await agent.apply(lan({ link: { state } }))
      await agent.reaches('lan')
      expect(await host.virsh('domif-getlink', 'vm1', tap)).toBe(`${tap} ${state}`)
      expect(await port()).toEqual(asPlugged)
    }
    await untouched()
  })

  it('from the port group survives a link flip', async () => {
    await agent.apply(sales({ virtualPort: { profileID: 'sales' }, vlan: { tags: [{ id: 7 }] } }))
    await expect.poll(port).toEqual({ ...asPlugged, tag: '7' })
    await agent.apply(lan({ link: { state: 'down' } }))
    await agent.reaches('lan')
    expect(await port()).toEqual({ ...asPlugged, tag: '7' })
    expect((await agent.status('lan')).sources).toMatchObject({ vlan: 'portGroup' })
    await untouched()
  })

  it('changes in place as the network is edited', async () => {
    await agent.apply(ovs(43))
    await expect.poll(port).toEqual({ ...asPlugged, tag: '43' })
    await expect.poll(() => definition('saved')).toContain("<tag id='43'/>")
    await agent.reaches('lan')
    await untouched()
  })

  it('becomes a trunk with a native VLAN', async () => {
    await agent.apply(lan({ vlan: { tags: [{ id: 8 }, { id: 7, nativeMode: 'untagged' }] } }))
    await agent.reaches('lan')
    expect(await port()).toEqual({ ...asPlugged, tag: '7', trunks: '[7, 8]', mode: 'native-untagged' })
  })

  it('that somebody takes from the port is told', async () => {
    await host.run(`ovs-vsctl clear port ${tap} tag`)
    await agent.apply(lan({ link: { state: 'down' } }))
    await agent.reaches('lan', 'False NotVerified')
    expect((await agent.condition('lan', 'Ready'))!.message).toContain('VLAN none, not tag 42')
    await host.run(`ovs-vsctl set port ${tap} tag=42`)
    await agent.reaches('lan')
  })
})

describe('rates', () => {
  const inbound = { average: 100, peak: 200, burst: 300 }
  const outbound = { average: 50, peak: 60, burst: 70 }
  const limited = {
    ...asPlugged,
    qos: '{burst="2457600", max-rate="1600000", min-rate="800000"}',
    policing: '400',
  }

  it('of one direction change and leave the other', async () => {
    await agent.apply(lan({ bandwidth: { inbound, outbound } }))
    await agent.reaches('lan')
    expect(await port()).toEqual(limited)
    await agent.apply(lan({ bandwidth: { inbound, outbound: { average: 25 } } }))
    await agent.reaches('lan')
    expect(await port()).toEqual({ ...limited, policing: '200' })
    await agent.apply(
      lan({ bandwidth: { inbound: { ...inbound, average: 110 }, outbound: { average: 25 } } }),
    )
    await agent.reaches('lan')
    expect(await port()).toEqual({
      ...limited,
      qos: '{burst="2457600", max-rate="1600000", min-rate="880000"}',
      policing: '200',
    })
    await untouched()
  })

  it('of the port group, of which one direction goes', async () => {
    await agent.apply(sales({ virtualPort: { profileID: 'sales' }, bandwidth: { inbound, outbound } }))
    await expect.poll(port).toEqual(limited)
    await agent.apply(sales({ virtualPort: { profileID: 'sales' }, bandwidth: { inbound } }))
    await expect.poll(port).toEqual({ ...limited, policing: '0' })
    await agent.reaches('lan')
  })

  it('that go leave neither QoS nor policing', async () => {
    await agent.apply(lan({ bandwidth: { inbound: { average: 100 }, outbound } }))
    await agent.reaches('lan')
    expect(await port()).toEqual({
      ...asPlugged,
      qos: expect.stringContaining('min-rate="800000"'),
      policing: '400',
    })
    await agent.apply(lan())
    await agent.reaches('lan')
    expect(await port()).toEqual(asPlugged)
    for (const which of ['live', 'saved'] as const) expect(await definition(which)).not.toContain('bandwidth')
    await untouched()
  })

  it('go back with a change that fails later', async () => {
    // The port's row is held by a switch that is told to refuse it.
    const before = [await definition('live'), await definition('saved')]
    const real = '/usr/bin/ovs-vsctl'
    await host.run(`
      cp ${real} /run/ovs-vsctl-real
      printf '#!/bin/sh\\ncase "$*" in *vlan_mode*) echo no such column >&2; exit 1;; esac\\nexec /run/ovs-vsctl-real "$@"\\n' > /run/ovs-vsctl
      chmod +x /run/ovs-vsctl
      nsenter -t $(cat /run/libvirtd.pid) -m mount --bind /run/ovs-vsctl ${real}`)
    await agent.apply(lan({ bandwidth: { inbound, outbound }, vlan: { tags: [{ id: 5 }] } }))
    await agent.reaches('lan', 'False ApplyFailed')
    await host.run(`nsenter -t $(cat /run/libvirtd.pid) -m umount ${real}`)
    expect((await agent.condition('lan', 'Ready'))!.message).toContain('What had been changed is undone')
    expect(await port()).toEqual(asPlugged)
    expect([await definition('live'), await definition('saved')]).toEqual(before)
    // Tried again by itself.
    await agent.reaches('lan')
    expect(await port()).toEqual({ ...limited, tag: '5' })
    await untouched()
  })
})

describe('before libvirt 10.8 refused, nothing touched', () => {
  it.each<[what: string, spec: Partial<GuestInterfaceSpec>, field: string]>([
    [
      'profile',
      { virtualPort: { interfaceID: id, profileID: 'engineering' }, ...inNetwork('ovs', 'plain') },
      'virtualPort.profileID',
    ],
    ['interface id', { virtualPort: { interfaceID: id.replace('0', '1') } }, 'virtualPort.interfaceID'],
    [
      'another Open vSwitch bridge',
      {
        source: { bridge: { name: 'ovs1' } },
        virtualPort: { type: 'openvswitch', interfaceID: id, profileID: 'sales' },
      },
      'source',
    ],
    ['a Linux bridge', { source: { bridge: { name: 'br0' } }, virtualPort: {} }, 'source'],
  ])('%s', async (_, spec, field) => {
    await agent.apply(portGroup('plain', 'ovs', {}))
    const before = [await definition('live'), await definition('saved')]
    await agent.apply(lan(spec))
    if ((await libvirtVersion(host)) >= 10_008_000) return agent.reaches('lan')
    await agent.reaches('lan', 'False LiveChangeRefused')
    const { plan, port: held } = await agent.status('lan')
    expect(plan!.differences.find((each) => each.field === field)).toMatchObject({ verdict: 'Refused' })
    expect((await agent.condition('lan', 'Ready'))!.message).toContain('it can from 10.8 on')
    expect(held).toMatchObject({ bridge: 'ovs0' })
    expect([await definition('live'), await definition('saved')]).toEqual(before)
    expect(await port()).toEqual(asPlugged)
    await untouched()
  })
})
