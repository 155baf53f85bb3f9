/** What changes on a running NIC that is plugged into a Linux bridge, as the guest, the kernel and libvirt show it. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { GuestInterfaceSpec } from '../../src/api/guest-interface.ts'
import { LabAgent } from '../lab/agent.ts'
import { BootedGuest } from '../lab/booted-guest.ts'
import { LabHost } from '../lab/host.ts'
import { guestInterface } from '../lab/manifests.ts'
import { addBridge, addVethPool } from '../lab/pool.ts'
import { deviceOf, interfaces, otherInterfaces } from '../lab/world.ts'

const mac = '52:54:00:00:00:01'
let host: LabHost
let agent: LabAgent
let guest: BootedGuest
let tap: string
let others: string[]

const lan = (spec: Partial<GuestInterfaceSpec> = {}) =>
  guestInterface('lan', 'vm1', { mac, source: { bridge: { name: 'br0' } }, ...spec })
const bridge = (name: string) => ({ source: { bridge: { name } } })
const rate = { bandwidth: { inbound: { average: 1000 } } }

beforeAll(async () => {
  host = await LabHost.start({ name: 'abc' })
  await addBridge(host, 'br0')
  await addBridge(host, 'br1')
  await addVethPool(host, 2)
  await host.run('ip address add 10.9.0.1/24 dev br0 && ip address add 10.9.0.3/24 dev br1')
  // An interface of somebody else, and a second one of ours.
  const bystander = `<interface type='bridge'><mac address='52:54:00:00:00:09'/><source bridge='br1'/><model type='virtio'/></interface>`
  guest = await BootedGuest.start(host, {
    name: 'vm1',
    addresses: { [mac]: '10.9.0.2/24' },
    interfaces: [bystander],
  })
  agent = new LabAgent(host)
  await agent.apply(
    lan(),
    guestInterface('beside', 'vm1', {
      mac: '52:54:00:00:00:02',
      source: { direct: { dev: 'pool0', mode: 'bridge' } },
    }),
  )
  await agent.start()
  await agent.reaches('lan')
  await agent.reaches('beside')
  await guest.sees(mac, { carrier: true, address: '10.9.0.2/24' })
  tap = await deviceOf(host, 'vm1', mac)
  others = await otherInterfaces(host, 'vm1', mac)
})
afterAll(() => host?.stop())

beforeEach(async () => {
  await agent.apply(lan())
  await agent.reaches('lan')
  expect(await kernel()).toEqual(asPlugged)
})

const asPlugged = { master: 'br0', isolated: '0', qdiscs: '' }

/** What the kernel shows of the tap. */
async function kernel() {
  const [master, isolated, ...qdiscs] = (
    await host.run(`
      basename "$(readlink /sys/class/net/${tap}/master)"
      cat /sys/class/net/${tap}/brport/isolated
      tc qdisc show dev ${tap} | grep -E 'htb|ingress' || true`)
  ).split('\n')
  return { master, isolated, qdiscs: qdiscs.join('\n') }
}

async function untouched(): Promise<void> {
  expect(await otherInterfaces(host, 'vm1', mac)).toEqual(others)
  expect(await deviceOf(host, 'vm1', mac)).toBe(tap)
}

const definition = async (which: 'live' | 'saved') =>
  (await interfaces(host, 'vm1', which)).find((xml) => xml.includes(mac))!

it('to another bridge: the guest keeps its carrier, and isolation goes along', async () => {
  await agent.apply(lan({ portIsolation: true }))
  await agent.reaches('lan')
  expect(await kernel()).toEqual({ ...asPlugged, isolated: '1' })
  await host.run('busybox ping -c 1 -W 5 -I br0 10.9.0.2')
  const seen = (await guest.console()).length

  await agent.apply(lan({ portIsolation: true, ...bridge('br1') }))
  await agent.reaches('lan')
  expect(await kernel()).toEqual({ ...asPlugged, master: 'br1', isolated: '1' })
  await host.run('busybox ping -c 1 -W 5 -I br1 10.9.0.2')
  expect((await guest.console()).slice(seen)).not.toContain(mac)
  const { plan, port } = await agent.status('lan')
  expect(plan).toMatchObject({ verdict: 'None', steps: [], differences: [] })
  expect(port).toMatchObject({ kind: 'bridge', bridge: 'br1' })
  for (const which of ['live', 'saved'] as const) {
    expect(await definition(which)).toContain("<source bridge='br1'/>")
    expect(await definition(which)).toContain("<port isolated='yes'/>")
  }
  await untouched()
})

it('filter, isolation, coalescing and link, all at once and back', async () => {
  await agent.apply(
    lan({
      filter: { name: 'no-mac-spoofing', parameters: { CTRL_IP_LEARNING: 'none' } },
      portIsolation: true,
      coalesce: { rx: { frames: { max: 7 } } },
      link: { state: 'down' },
    }),
  )
  await agent.reaches('lan')
  expect(await kernel()).toEqual({ ...asPlugged, isolated: '1' })
  expect(await host.run('nft list ruleset')).toContain(`I-${tap}-mac`)
  expect(await host.virsh('nwfilter-binding-dumpxml', tap)).toContain("filter='no-mac-spoofing'")
  for (const which of ['live', 'saved'] as const)
    expect(await definition(which)).toContain("<frames max='7'/>")
  await guest.sees(mac, { carrier: false })
  await untouched()

  await agent.apply(lan())
  await agent.reaches('lan')
  expect(await kernel()).toEqual(asPlugged)
  expect(await host.run('nft list ruleset')).not.toContain(`I-${tap}-mac`)
  expect(await definition('live')).not.toContain('coalesce')
  await guest.sees(mac, { carrier: true })
  await untouched()
})

it('a rate that this kernel cannot set is undone, and with it all that was to change', async () => {
  const before = [await definition('live'), await definition('saved')]
  await agent.apply(lan({ ...rate, portIsolation: true, link: { state: 'down' } }))
  if (await limitsRates()) {
    await agent.reaches('lan')
    expect(await host.run(`tc class show dev ${tap}`)).toMatch(/class htb 1:1 .* rate 8Mbit/)
    return
  }
  await agent.reaches('lan', 'False ApplyFailed')
  const { message } = (await agent.condition('lan', 'Ready'))!
  expect(message).toContain('tc ')
  expect(message).toContain('What had been changed is undone')
  expect(await kernel()).toEqual(asPlugged)
  expect([await definition('live'), await definition('saved')]).toEqual(before)
  await host.run('busybox ping -c 1 -W 5 -I br0 10.9.0.2')
  await untouched()
})

/** Whether the kernel has what libvirt makes a rate of. */
async function limitsRates(): Promise<boolean> {
  const tried = await host.run(
    'tc qdisc add dev pool1 root sfq && tc qdisc delete dev pool1 root && echo yes || echo no',
  )
  return tried === 'yes'
}

it('a later step that fails takes back the steps before it, and the port that was taken for it', async () => {
  const before = [await definition('live'), await definition('saved')]
  const tries = () => agent.log.filter((line) => line.includes('step failed, is undone')).length
  const triedBefore = tries()
  await agent.apply(
    lan({
      filter: { name: 'no-mac-spoofing' },
      portIsolation: true,
      link: { state: 'down' },
      // A link, and no bridge.
      ...bridge('pool1'),
    }),
  )
  await agent.reaches('lan', 'False ApplyFailed')
  const { message } = (await agent.condition('lan', 'Ready'))!
  expect(message).toMatch(/add bridge pool1 port .*\n?What had been changed is undone/)
  expect(await kernel()).toEqual(asPlugged)
  expect([await definition('live'), await definition('saved')]).toEqual(before)
  expect(await host.virsh('nwfilter-binding-list')).not.toContain(tap)
  expect((await agent.status('lan')).port).toMatchObject({ kind: 'bridge', bridge: 'br0' })
  await host.run('busybox ping -c 1 -W 5 -I br0 10.9.0.2')
  await untouched()
  // Changing and undoing stirs the tap, whose events wake the interface: it is let rest all the same.
  expect(tries()).toBe(triedBefore + 1)
})

it('a bridge that is not there is told before anything is touched', async () => {
  const before = [await definition('live'), await definition('saved')]
  await agent.apply(lan({ ...bridge('br7'), portIsolation: true }))
  await agent.reaches('lan', 'False DeviceNotFound')
  expect((await agent.status('lan')).port).toMatchObject({ bridge: 'br0' })
  expect(await kernel()).toEqual(asPlugged)
  expect([await definition('live'), await definition('saved')]).toEqual(before)
})

it.each<[what: string, spec: Partial<GuestInterfaceSpec>, fields: string[]]>([
  ['MTU', { mtu: 1400 }, ['mtu']],
  ['name of the tap', { targetDevice: 'lan0' }, ['targetDevice']],
  ['option ROM', { rom: { bar: false } }, ['rom.bar']],
  ['trust', { trustGuestRxFilters: true }, ['trustGuestRxFilters']],
  ['macvtap', { source: { direct: { dev: 'pool1', mode: 'bridge' } } }, ['source']],
  ['user network', { source: { user: {} } }, ['source']],
  // One refused, none changed.
  ['MTU and bridge', { mtu: 1400, ...bridge('br1'), portIsolation: true, link: { state: 'down' } }, ['mtu']],
])('refused, nothing touched: %s', async (_, spec, fields) => {
  const before = [await definition('live'), await definition('saved')]
  await agent.apply(lan(spec))
  await agent.reaches('lan', 'False LiveChangeRefused')
  const { plan, port } = await agent.status('lan')
  expect(plan).toMatchObject({ verdict: 'Refused', steps: [] })
  const refused = plan!.differences.filter(({ verdict }) => verdict === 'Refused')
  expect(refused.map(({ field }) => field)).toEqual(fields)
  expect(port).toMatchObject({ bridge: 'br0' })
  expect([await definition('live'), await definition('saved')]).toEqual(before)
  expect(await kernel()).toEqual(asPlugged)
  await untouched()
})

it('what the host does not show is put right, or told', async () => {
  await agent.apply(lan({ filter: { name: 'no-mac-spoofing' }, portIsolation: true }))
  await agent.reaches('lan')
  await host.run(`echo 0 > /sys/class/net/${tap}/brport/isolated`)
  await host.virsh('nwfilter-binding-delete', tap)
  // Any change wakes it.
  await agent.apply(
    lan({
      filter: { name: 'no-mac-spoofing' },
      portIsolation: true,
      coalesce: { rx: { frames: { max: 3 } } },
    }),
  )
  await agent.reaches('lan', 'False NotVerified')
  const { message } = (await agent.condition('lan', 'Ready'))!
  expect(message).toContain(`no filter on ${tap}, not no-mac-spoofing`)
  expect(await host.run(`cat /sys/class/net/${tap}/brport/isolated`)).toBe('1')
})
