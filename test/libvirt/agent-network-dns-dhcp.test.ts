/** That updates of a network reach those who ask it: DHCP and DNS as a machine on its bridge gets them, and the firewall. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Ip } from '../../src/api/network-addresses.ts'
import type { Dns } from '../../src/api/network-dns.ts'
import { LabAgent } from '../lab/agent.ts'
import { addOutside, BridgeClient } from '../lab/bridge-client.ts'
import { LabDns } from '../lab/dns.ts'
import { LabHost } from '../lab/host.ts'
import { type Manifest, network, portGroup } from '../lab/manifests.ts'

type Dhcp = NonNullable<Ip['dhcp']>
interface Wishes {
  four?: Dhcp
  six?: Dhcp
  dns?: Dns
  dev?: string
}

const mac = '52:54:00:00:00:01'
const duid = '00:03:00:01:52:54:00:00:00:01'
const domain = 'lab.example'
const range = { start: '10.1.0.100', end: '10.1.0.150' }

let host: LabHost
let agent: LabAgent
let dns: LabDns
let client: BridgeClient
/** Has a lease that nobody touches. */
let idle: BridgeClient

/** Everything that `wishes` leaves out is as at the beginning. */
const lab = ({ four = { ranges: [range] }, six, dns, dev = 'up0' }: Wishes = {}): Manifest =>
  network('lab', {
    forward: { mode: 'nat', interfaces: [{ dev }] },
    bridge: { name: 'lab0', stp: false },
    domain: { name: domain },
    ips: [
      { address: '10.1.0.1', prefix: 24, dhcp: four },
      { address: 'fd00:1::1', prefix: 64, ...(six && { dhcp: six }) },
    ],
    ...(dns && { dns }),
    dnsmasqOptions: ['no-ping'],
  })

beforeAll(async () => {
  host = await LabHost.start({ name: 'abc' })
  await addOutside(host, { dev: 'up0', address: '198.51.100.2' })
  await addOutside(host, { dev: 'up1', address: '203.0.113.2' })
  agent = new LabAgent(host)
  await agent.apply(lab())
  await agent.start()
  await inForce()
  dns = new LabDns(host, '10.1.0.1')
  client = await BridgeClient.plug(host, 'client', 'lab0', mac)
  idle = await BridgeClient.plug(host, 'idle', 'lab0', '52:54:00:00:00:09')
})
afterAll(() => host?.stop())

const inForce = () => agent.reaches('lab', 'True InSync', 20_000, 'Network')

async function edit(wishes: Wishes): Promise<void> {
  await agent.apply(lab(wishes))
  await inForce()
}

const leases = async () => (await host.virsh('net-dhcp-leases', 'lab')).split('\n')
const firewall = async () => (await host.run('iptables-save; ip6tables-save')).replaceAll(/^[#:].*\n?/gm, '')
const dnsmasq = () => host.run('cat /run/libvirt/network/lab.pid')

it('every kind of update is in the answers at once, and leases survive all of them', async () => {
  const { ip } = (await idle.dhcp())!
  expect(ip).toMatch(/^10\.1\.0\.1\d\d$/)
  const stored = async () => (await leases()).filter((lease) => lease.includes(`${ip}/24`))
  // dnsmasq has it written down after it has answered.
  await expect.poll(stored).toHaveLength(1)

  const dynamic = { ip: expect.stringMatching(/^10\.1\.0\.1\d\d$/), lease: 3600 }
  const expiring = { ...range, lease: { expiry: 10, unit: 'minutes' as const } }
  const hosts = (name: string, last: number, alias: number) => ({
    four: { ranges: [range], hosts: [{ mac, name, ip: `10.1.0.${last}` }] },
    dns: { hosts: [{ ip: `10.1.0.${alias}`, hostnames: ['box', 'case'] }] },
  })
  const records = (value: string, port: number) => ({
    dns: {
      txts: [{ name: 'note', value }],
      srvs: [
        {
          service: 'ldap',
          protocol: 'tcp' as const,
          domain,
          target: `a.${domain}`,
          port,
          priority: 1,
          weight: 2,
        },
      ],
    },
  })
  const six = (last: number) => ({ six: { hosts: [{ id: duid, name: 'six', ip: `fd00:1::${last}` }] } })
  const four = () => client.dhcp()
  const srv = () => dns.srv(`_ldap._tcp.${domain}`)

  // dnsmasq reads hosts again for those of the first kind, and is restarted for the others: neither hides what is missing of the other.
  const edits: [title: string, Wishes, ...[ask: () => Promise<unknown>, answer: unknown][]][] = [
    ['nothing', {}, [four, dynamic], [() => dns.a('box'), []]],
    [
      'a DHCP and a DNS host',
      hosts('first', 20, 30),
      [four, { ip: '10.1.0.20', hostname: 'first' }],
      [() => dns.a('case'), ['10.1.0.30']],
    ],
    [
      'another name',
      hosts('second', 20, 30),
      [four, { ip: '10.1.0.20', hostname: 'second' }],
      [() => dns.a(`second.${domain}`), ['10.1.0.20']],
    ],
    [
      'other addresses',
      hosts('second', 21, 31),
      [four, { ip: '10.1.0.21' }],
      [() => dns.a('box'), ['10.1.0.31']],
      [() => dns.ptr('10.1.0.31'), [`box.${domain}`]],
    ],
    ['no hosts', {}, [four, dynamic], [() => dns.a('box'), []]],
    ['a range', { four: { ranges: [expiring] } }, [four, { lease: 600 }]],
    [
      'a text and a service',
      records('old', 389),
      [() => dns.txt('note'), ['old']],
      [srv, [`1 2 389 a.${domain}`]],
    ],
    ['others', records('new', 636), [() => dns.txt('note'), ['new']], [srv, [`1 2 636 a.${domain}`]]],
    ['none', {}, [() => dns.txt('note'), []], [srv, []], [() => client.dhcpv6(duid), undefined]],
    ['the first DHCPv6 host', six(20), [() => client.dhcpv6(duid), 'fd00:1::20']],
    ['its address', six(21), [() => client.dhcpv6(duid), 'fd00:1::21']],
  ]
  for (const [title, wishes, ...questions] of edits) {
    await edit(wishes)
    for (const [ask, answer] of questions) {
      const isPart = typeof answer === 'object' && !Array.isArray(answer)
      expect(await ask(), title).toEqual(isPart ? expect.objectContaining(answer) : answer)
    }
  }
  expect(await stored()).toHaveLength(1)
  expect(await idle.dhcp()).toMatchObject({ ip })
})

it('a range is given from that replaces another; one with less addresses than there are leases waits, and is given from as before', async () => {
  const small = (end: number) => ({ four: { ranges: [{ start: '10.1.0.60', end: `10.1.0.${end}` }] } })
  await idle.dhcp()
  await edit(small(63))
  expect(await client.dhcp()).toMatchObject({ ip: expect.stringMatching(/^10\.1\.0\.6\d$/) })
  // dnsmasq has a lease written down after it has answered.
  await expect
    .poll(async () => (await leases()).filter((line) => line.includes('/24')).length)
    .toBeGreaterThan(1)
  await agent.apply(lab(small(60)))
  await agent.reaches('lab', 'False LeasesExceedRanges', 20_000, 'Network')
  const { conditions } = (await agent.stored('Network', 'lab'))!.status!
  expect(conditions!.find(({ type }) => type === 'Ready')!.message).toMatch(
    /would have 1 address, and [23] are lent \(10\.1\.0\./,
  )
  expect(await client.dhcp()).toMatchObject({ ip: expect.stringMatching(/^10\.1\.0\.6\d$/) })
  await edit({})
  expect(await client.dhcp()).toMatchObject({ ip: expect.stringMatching(/^10\.1\.0\.1\d\d$/) })
  expect(await host.virsh('net-dumpxml', 'lab')).not.toContain('patchbay.invalid')
})

it('a dnsmasq that was killed is there again with all that it knew', async () => {
  const known = {
    dns: { hosts: [{ ip: '10.1.0.30', hostnames: ['box'] }], txts: [{ name: 'note', value: 'x' }] },
  }
  await edit(known)
  const pid = await dnsmasq()
  await host.run(`kill -9 ${pid}; while kill -0 ${pid} 2>/dev/null; do sleep 0.01; done`)
  await agent.apply(portGroup('nudge', 'lab', {}))
  await expect.poll(dnsmasq).not.toBe(pid)
  await inForce()
  await expect.poll(() => dns.a('box')).toEqual(['10.1.0.30'])
  expect(await dns.txt('note')).toEqual(['x'])
  expect(await client.dhcp()).toBeDefined()
})

it('guests get out through the forward interface that the manifest names, by the rules of a network just started', async () => {
  await client.join()
  const out = async () => [await client.reaches('198.51.100.2'), await client.reaches('203.0.113.2')]
  expect(await out()).toEqual([true, false])
  const served = (last: number) => ({ ranges: [range], hosts: [{ mac, ip: `10.1.0.${last}` }] })
  await edit({ dev: 'up1', four: served(20) })
  expect(await out()).toEqual([false, true])
  const rules = await firewall()
  await agent.stop()
  await host.run('virsh -q net-destroy lab; virsh -q net-start lab')
  expect(await firewall()).toBe(rules)

  // An agent that is killed while libvirt makes them again leaves no more than that.
  await client.replug('lab0')
  await agent.apply(lab({ dev: 'up1', four: served(21) }))
  await agent.startCrashing(2)
  expect(await agent.ended()).toBe('SIGKILL')
  expect(await firewall()).toContain('PATCHBAY_')
  await agent.start()
  await inForce()
  await expect.poll(firewall).toBe(rules)
  expect(await client.dhcp()).toMatchObject({ ip: '10.1.0.21' })
})

it('edits that meet are all carried out, and what somebody else does in between is undone', async () => {
  const hosts = (count: number) =>
    Array.from({ length: count }, (_, n) => ({ mac: `52:54:00:00:01:0${n}`, ip: `10.1.0.${20 + n}` }))
  const steps = () => agent.log.filter((line) => line.includes('"step begins"')).length
  const before = steps()
  await agent.apply(lab({ four: { ranges: [range], hosts: hosts(4) } }))
  await expect.poll(steps, { interval: 5 }).toBeGreaterThan(before)
  const texts = { txts: [{ name: 'note', value: 'x' }] }
  await agent.apply(
    portGroup('lab-fast', 'lab', { groupName: 'fast' }),
    lab({ four: { ranges: [range], hosts: hosts(6).slice(1) }, dns: texts }),
  )
  await host.virsh(
    'net-update',
    'lab',
    'add',
    'dns-txt',
    "<txt name='theirs' value='y'/>",
    '--live',
    '--config',
  )
  await agent.apply(
    lab({
      four: { ranges: [range], hosts: hosts(6).slice(1) },
      dns: { ...texts, hosts: [{ ip: '10.1.0.30', hostnames: ['box'] }] },
    }),
  )
  await inForce()
  const wanted = [
    ...hosts(6)
      .slice(1)
      .map(({ ip }) => `ip='${ip}'`),
    "name='fast'",
    "name='note'",
    '<hostname>box<',
  ]
  const found = (xml: string) => wanted.map((part) => xml.split(part).length - 1)
  for (const definition of [[], ['--inactive']]) {
    const xml = await host.virsh('net-dumpxml', 'lab', ...definition)
    expect(found(xml)).toEqual(wanted.map(() => 1))
    expect(xml).not.toContain("ip='10.1.0.20'")
    expect(xml).not.toContain('theirs')
  }
  expect(await dns.txt('note')).toEqual(['x'])
  expect(await dns.txt('theirs')).toEqual([])
  expect(await dns.a('box')).toEqual(['10.1.0.30'])
})
