/**
 * What a guest and its neighbours feel of changes of their network: a guest pings through NAT while manifests are edited. What
 * each edit costs is printed.
 */
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { NetworkSpec } from '../../src/api/network.ts'
import { LabAgent } from '../lab/agent.ts'
import { BootedGuest } from '../lab/booted-guest.ts'
import { addOutside, BridgeClient } from '../lab/bridge-client.ts'
import { LabDns } from '../lab/dns.ts'
import { LabHost } from '../lab/host.ts'
import { guestInterface, inNetwork, network, portGroup } from '../lab/manifests.ts'
import { pingsDuring } from '../lab/pings.ts'
import { deviceOf } from '../lab/world.ts'

const mac = '52:54:00:00:00:01'
const neighbourMac = '52:54:00:00:00:02'
const outside = '198.51.100.2'
const none = { missed: 0 }

let host: LabHost
let agent: LabAgent
let guest: BootedGuest
let neighbour: BridgeClient
let dns: LabDns

const nat = (spec: Partial<NetworkSpec> = {}, dhcpHosts: { mac: string; ip: string }[] = []) =>
  network('office', {
    forward: { mode: 'nat' },
    bridge: { name: 'office0', stp: false },
    ips: [
      {
        address: '192.168.150.1',
        prefix: 24,
        dhcp: { ranges: [{ start: '192.168.150.100', end: '192.168.150.200' }], hosts: dhcpHosts },
      },
    ],
    dns: { hosts: [{ ip: '192.168.150.8', hostnames: ['printer'] }] },
    dnsmasqOptions: ['no-ping'],
    onRestartRequired: 'Restart',
    ...spec,
  })
const staff = (portIsolation: boolean) =>
  portGroup('office-staff', 'office', { groupName: 'staff', portIsolation })
const visitors = (average: number) =>
  portGroup('office-visitors', 'office', { groupName: 'visitors', bandwidth: { inbound: { average } } })

beforeAll(async () => {
  host = await LabHost.start({ name: 'abc' })
  await addOutside(host, { dev: 'uplink', address: outside })
  agent = new LabAgent(host)
  await agent.start()
  await agent.apply(
    nat(),
    staff(true),
    visitors(1000),
    guestInterface('vm1-office', 'vm1', { mac, ...inNetwork('office', 'staff') }),
  )
  await inForce()
  guest = await BootedGuest.start(host, { name: 'vm1', addresses: { [mac]: 'dhcp' }, pings: outside })
  await agent.reaches('vm1-office')
  neighbour = await BridgeClient.plug(host, 'neighbour', 'office0', neighbourMac)
  dns = new LabDns(host, '192.168.150.1')
})
afterAll(() => host?.stop())

const inForce = () => agent.reaches('office', 'True InSync', 20_000, 'Network')

/** Where the guest's tap is, and whether it is isolated. */
async function tap(): Promise<string> {
  const device = await deviceOf(host, 'vm1', mac)
  return host.run(`cd /sys/class/net/${device} && echo $(basename $(readlink master)) $(cat brport/isolated)`)
}

const leaseOfGuest = async () =>
  new RegExp(`${mac} +ipv4 +(\\S+)`).exec(await host.virsh('net-dhcp-leases', 'office'))?.[1]

it('what can be changed live costs the guest no packet, and its neighbours have the news', async () => {
  const hosts = [{ mac: neighbourMac, ip: '192.168.150.20' }]
  await guest.sees(mac, { carrier: true })
  const before = (await neighbour.dhcp())!
  expect(before).toMatchObject({
    ip: expect.stringMatching(/^192\.168\.150\.1\d\d$/),
    router: '192.168.150.1',
  })
  expect(await dns.a('printer')).toEqual(['192.168.150.8'])

  const dhcpHost = await pingsDuring('a DHCP host is added', guest, async () => {
    await agent.apply(nat({}, hosts))
    await inForce()
  })
  expect(dhcpHost).toMatchObject(none)
  expect(await neighbour.dhcp()).toMatchObject({ ip: '192.168.150.20' })

  const printer = { dns: { hosts: [{ ip: '192.168.150.9', hostnames: ['printer'] }] } }
  const record = await pingsDuring('a DNS record is changed', guest, async () => {
    await agent.apply(nat(printer, hosts))
    await inForce()
  })
  expect(record).toMatchObject(none)
  expect(await dns.a('printer')).toEqual(['192.168.150.9'])

  const texts = { dns: { ...printer.dns, txts: [{ name: 'floor', value: '3' }] } }
  const text = await pingsDuring('a TXT record is added (dnsmasq restarts)', guest, async () => {
    await agent.apply(nat(texts, hosts))
    await inForce()
  })
  expect(text).toMatchObject(none)
  expect(await dns.txt('floor')).toEqual(['3'])

  expect(await tap()).toBe('office0 1')
  const group = await pingsDuring("the guest's port group is changed", guest, async () => {
    await agent.apply(staff(false))
    await expect.poll(tap).toBe('office0 0')
  })
  expect(group).toMatchObject(none)
  const other = await pingsDuring('another port group is changed', guest, async () => {
    await agent.apply(visitors(2000))
    await expect.poll(() => host.virsh('net-dumpxml', 'office')).toContain("average='2000'")
  })
  expect(other).toMatchObject(none)
  await agent.apply(staff(true), nat({}, hosts))
  await expect.poll(tap).toBe('office0 1')
  await inForce()
  expect(await dns.txt('floor')).toEqual([])
})

it('a restart that was asked for cuts the guest off for a moment, and leaves it all that it had', async () => {
  const bridge = () => host.run('cat /sys/class/net/office0/ifindex /sys/class/net/office0/address')
  const [index, address] = (await bridge()).split('\n')
  const leased = await leaseOfGuest()
  expect(leased).toMatch(/^192\.168\.150\.1\d\d\/24$/)

  const restart = { domain: { name: 'office.example' } }
  await pingsDuring('the network is restarted', guest, async () => {
    await agent.apply(nat(restart))
    await inForce()
    await expect.poll(tap).toBe('office0 1')
  })
  const [newIndex, newAddress] = (await bridge()).split('\n')
  expect(newIndex).not.toBe(index)
  // The guest knows its router by it.
  expect(newAddress).toBe(address)
  expect(await dns.a('printer.office.example')).toEqual(['192.168.150.8'])
  await agent.reaches('vm1-office')

  await pingsDuring('somebody else restarts the network', guest, async () => {
    await host.run('virsh -q net-destroy office; virsh -q net-start office || true')
    await expect.poll(tap).toBe('office0 1')
  })

  // Asking again, as a guest does whose cable was out, it keeps its address.
  expect(await leaseOfGuest()).toBe(leased)
  const link = (state: 'up' | 'down') =>
    guestInterface('vm1-office', 'vm1', { mac, ...inNetwork('office', 'staff'), link: { state } })
  await agent.apply(link('down'))
  await guest.sees(mac, { carrier: false })
  await agent.apply(link('up'))
  await expect.poll(() => guest.leases()).toEqual([`bound eth0 ${leased}`, `renew eth0 ${leased}`])
})
