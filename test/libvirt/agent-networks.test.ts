/** The libvirt networks that Networks describe: made, kept, changed while they run, and let go. */
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { NetworkSpec } from '../../src/api/network.ts'
import { LabAgent } from '../lab/agent.ts'
import { defineGuest, startGuest } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'
import { guestInterface, inNetwork, type Manifest, network, pool, portGroup } from '../lab/manifests.ts'
import { addVethPool } from '../lab/pool.ts'
import { deviceOf } from '../lab/world.ts'

let host: LabHost
let agent: LabAgent

beforeAll(async () => {
  host = await LabHost.start({ name: 'abc' })
  await addVethPool(host, 2)
  agent = new LabAgent(host)
  await agent.apply(pool('pt', 'passthrough', ['pool0']))
  await agent.start()
  await agent.up()
})
afterAll(() => host?.stop())

const isUp = (name: string, wanted = 'True InSync') => agent.reaches(name, wanted, 20_000, 'Network')

async function message(name: string): Promise<string> {
  const { conditions } = (await agent.stored('Network', name))?.status ?? {}
  return conditions?.find(({ type }) => type === 'Ready')?.message ?? ''
}

const live = (name: string) => host.virsh('net-dumpxml', name)
const saved = (name: string) => host.virsh('net-dumpxml', name, '--inactive')
/** Both definitions whole, whether it runs, and its bridge's index: another one is another bridge. */
async function whole(name: string): Promise<unknown> {
  const info = await host.virsh('net-info', name)
  const bridge = /Bridge: +(\S+)/.exec(info)?.[1]
  const index = await host.run(`cat /sys/class/net/${bridge}/ifindex`)
  return { info, index, live: await live(name), saved: await saved(name) }
}

/** An isolated network, 10.N.0.1/24 on bridge labN. */
const lan = (n: number, spec: Partial<NetworkSpec> = {}, hosts: string[] = []): Manifest =>
  network(`lan${n}`, {
    bridge: { name: `lab${n}`, stp: false },
    ips: [
      {
        address: `10.${n}.0.1`,
        prefix: 24,
        dhcp: {
          ranges: [{ start: `10.${n}.0.100`, end: `10.${n}.0.200` }],
          hosts: hosts.map((ip, i) => ({ ip, mac: `52:54:00:00:00:${10 + i}` })),
        },
      },
    ],
    ...spec,
  })

async function gone(...manifests: Manifest[]): Promise<void> {
  await agent.remove(...manifests)
  for (const { metadata } of manifests) {
    await expect.poll(() => agent.stored('Network', metadata.name)).toBeUndefined()
  }
}

const networkNames = async () => (await host.virsh('net-list', '--all', '--name')).split('\n').filter(Boolean)

it('is defined, marked, started and set to autostart; and goes with its manifest', async () => {
  await agent.apply(lan(1))
  await isUp('lan1')
  const info = await host.virsh('net-info', 'lan1')
  expect(info).toMatch(/Active: +yes\nPersistent: +yes\nAutostart: +yes\nBridge: +lab1/)
  expect(await saved('lan1')).toContain(
    '<patchbay:network xmlns:patchbay="https://patchbay.dev/libvirt/network/v1" owner="lan1" name="lan1"/>',
  )
  expect(await saved('lan1')).toContain("<portgroup name='patchbay'>")
  expect(await host.run('ip -br address show lab1')).toContain('10.1.0.1/24')
  await expect
    .poll(async () => (await agent.stored('Host', 'abc'))?.status?.networks)
    .toContainEqual({
      name: 'lan1',
      objectName: 'lan1',
      observedGeneration: 1,
      inSync: true,
      restartRequired: false,
    })

  await gone(lan(1))
  expect(await networkNames()).toEqual([])
  expect(await host.run('ls /sys/class/net')).not.toContain('lab1')
})

it('is changed while it runs: both definitions, dnsmasq and its files; and status is written no more when nothing changes', async () => {
  await agent.apply(lan(2))
  await isUp('lan2')
  const bridge = await host.run('cat /sys/class/net/lab2/ifindex')
  await agent.apply(
    lan(
      2,
      { dns: { txts: [{ name: 'kind', value: 'lab' }], hosts: [{ ip: '10.2.0.9', hostnames: ['box'] }] } },
      ['10.2.0.5', '10.2.0.6'],
    ),
    portGroup('lan2-fast', 'lan2', { groupName: 'fast', default: true }),
  )
  await expect.poll(() => live('lan2')).toContain("<portgroup name='fast' default='yes'>")
  await isUp('lan2')
  expect(await message('lan2')).toMatch(/Last change: .*live update/)
  for (const xml of [await live('lan2'), await saved('lan2')]) {
    expect(xml).toContain("<host mac='52:54:00:00:00:10' ip='10.2.0.5'/>")
    expect(xml).toContain("<txt name='kind' value='lab'/>")
    expect(xml).toContain('<hostname>box</hostname>')
    expect(xml).toContain("<portgroup name='fast' default='yes'>")
  }
  const files = `${host.root}/var/lib/libvirt/dnsmasq/lan2`
  expect(await readFile(`${files}.hostsfile`, 'utf8')).toBe(
    '52:54:00:00:00:10,10.2.0.5\n52:54:00:00:00:11,10.2.0.6\n',
  )
  expect(await readFile(`${files}.addnhosts`, 'utf8')).toMatch(/^10\.2\.0\.9\s+box\s/m)
  expect(await readFile(`${files}.conf`, 'utf8')).toContain('txt-record=kind,lab')
  expect(await host.run('cat /sys/class/net/lab2/ifindex')).toBe(bridge)

  const written = await stateFile('lan2')
  await agent.stop()
  await agent.start()
  await agent.up()
  await agent.apply(portGroup('other-fast', 'other', { groupName: 'fast' }))
  await expect.poll(() => agent.stored('PortGroup', 'other-fast')).toBeDefined()
  expect(await stateFile('lan2')).toEqual(written)
})

const stateFile = (name: string) => readFile(`${agent.state}/network/${name}.json`, 'utf8')

it('the first DHCP host of an IPv6 address is served', async () => {
  const six = (hosts: { id: string; ip: string }[]) =>
    network('lan6', {
      bridge: { name: 'lab6', stp: false },
      ips: [{ address: 'fd00:6::1', prefix: 64, ...(hosts.length > 0 && { dhcp: { hosts } }) }],
    })
  await agent.apply(six([]))
  await isUp('lan6')
  const conf = `${host.root}/var/lib/libvirt/dnsmasq/lan6.conf`
  expect(await readFile(conf, 'utf8')).not.toContain('static')
  const hosts = [{ id: '00:03:00:01:52:54:00:00:00:01', ip: 'fd00:6::5' }]
  await agent.apply(six(hosts))
  await isUp('lan6')
  expect(await message('lan6')).toContain('dnsmasq is restarted')
  expect(await readFile(conf, 'utf8')).toMatch(/dhcp-range=fd00:6::1,static/)

  // The same when nothing differs any more, but dnsmasq was not told: an agent came no further.
  await agent.apply(six([]))
  await isUp('lan6')
  await agent.stop()
  const [{ id, ip }] = hosts as [(typeof hosts)[number]]
  const scope = ['--live', '--config', '--parent-index', '0']
  await host.virsh(
    'net-update',
    'lan6',
    'add-last',
    'ip-dhcp-host',
    `<host id='${id}' ip='${ip}'/>`,
    ...scope,
  )
  expect(await readFile(conf, 'utf8')).not.toContain('static')
  await agent.apply(six(hosts))
  await agent.start()
  await isUp('lan6')
  expect(await readFile(conf, 'utf8')).toMatch(/dhcp-range=fd00:6::1,static/)
  await gone(six([]))
})

it("puts back what somebody else changes, and says what it can't without a restart", async () => {
  await agent.apply(lan(3))
  await isUp('lan3')
  const before = (await whole('lan3')) as { info: string; live: string; saved: string }
  const back = async () => {
    await agent.apply(portGroup(`nudge${nudges++}`, 'lan3', { groupName: 'nudge' }))
    await expect.poll(async () => (await live('lan3')).includes("name='nudge'")).toBe(true)
    await agent.remove(portGroup(`nudge${nudges - 1}`, 'lan3', { groupName: 'nudge' }))
    await expect.poll(async () => (await live('lan3')).includes("name='nudge'")).toBe(false)
    await isUp('lan3')
  }
  await host.virsh('net-update', 'lan3', 'add-last', 'dns-txt', "<txt name='theirs' value='x'/>", '--live')
  await host.virsh(
    'net-update',
    'lan3',
    'delete',
    'ip-dhcp-range',
    "<range start='10.3.0.100' end='10.3.0.200'/>",
    '--config',
    '--parent-index',
    '0',
  )
  await host.virsh('net-autostart', 'lan3', '--disable')
  await back()
  expect(await whole('lan3')).toEqual(before)

  // Each of these is an event.
  await host.virsh('net-destroy', 'lan3')
  await expect.poll(() => host.virsh('net-info', 'lan3')).toBe(before.info)
  await host.virsh('net-undefine', 'lan3')
  await expect.poll(() => host.virsh('net-info', 'lan3')).toBe(before.info)
  await isUp('lan3')
  expect(await saved('lan3')).toContain('owner="lan3"')
  const edited = before.saved
    .replace("address='10.3.0.1'", "address='10.33.0.1'")
    .replace(/<dhcp>.*<\/dhcp>/s, '')
  await host.virsh('net-define', await host.file(edited))
  await expect.poll(() => saved('lan3')).toBe(before.saved)

  // With a restart in between the change is in the running network.
  await host.virsh('net-define', await host.file(edited))
  await host.run('virsh -q net-destroy lan3; virsh -q net-start lan3 || true')
  await expect
    .poll(async () => (await agent.ready('lan3', 'Network')) + (await saved('lan3')).includes('10.3.0.1'))
    .toMatch(/True InSynctrue|False RestartRequired/)
  await gone(lan(3))
})
let nudges = 0

it('leaves a network of somebody else alone, until it is told to adopt it', async () => {
  const theirs = `<network><name>lan4</name><metadata><x:y xmlns:x='urn:theirs' kept='yes'/></metadata><bridge name='lab4' stp='off'/>
    <ip address='10.4.0.1' prefix='24'><dhcp><range start='10.4.0.100' end='10.4.0.200'/></dhcp></ip></network>`
  await host.virsh('net-define', await host.file(theirs))
  await host.virsh('net-start', 'lan4')
  const before = (await whole('lan4')) as { index: string }
  await agent.apply(lan(4, {}, ['10.4.0.5']))
  await isUp('lan4', 'False NetworkNotOwned')
  expect(await message('lan4')).toContain('Set adopt: true')
  expect(await whole('lan4')).toEqual(before)
  await gone(lan(4))
  expect(await whole('lan4')).toEqual(before)

  await agent.apply(lan(4, { adopt: true }, ['10.4.0.5']))
  await isUp('lan4')
  const after = (await whole('lan4')) as { index: string; live: string; saved: string }
  expect(after.index).toBe(before.index)
  for (const xml of [after.live, after.saved]) {
    expect(xml).toContain("ip='10.4.0.5'")
    expect(xml).not.toContain('<portgroup')
  }
  expect(after.saved).toMatch(/<x:y xmlns:x=["']urn:theirs["'] kept=["']yes["']\/>/)
  expect(after.saved).toContain('owner="lan4"')

  await agent.apply(lan(4, { adopt: true, deletionPolicy: 'Retain' }, ['10.4.0.5']))
  await isUp('lan4')
  await gone(lan(4))
  expect(await host.virsh('net-info', 'lan4')).toMatch(/Active: +yes/)
  // Nothing of it is ours any more: an object of that name has another network, and this one stays.
  expect(await whole('lan4')).toEqual({ ...after, saved: expect.not.stringContaining('owner') })
  const another = lan(4, { networkName: 'lan40', bridge: { name: 'lab40' }, ips: [] })
  await agent.apply(another)
  await isUp('lan4')
  expect(await host.virsh('net-info', 'lan4')).toMatch(/Active: +yes/)
  await gone(another)
  await host.run('virsh -q net-destroy lan4; virsh -q net-undefine lan4')
})

it('leaves a network alone that somebody made out of one of ours, our mark included', async () => {
  await agent.apply(lan(8))
  await isUp('lan8')
  const copied = (await saved('lan8'))
    .replace(/<uuid>.*|<mac .*/g, '')
    .replace('<name>lan8<', '<name>copy<')
    .replaceAll('lab8', 'lab81')
    .replaceAll('10.8.', '10.81.')
  await host.virsh('net-define', await host.file(copied))
  await host.virsh('net-start', 'copy')
  const before = await whole('copy')
  await agent.apply(lan(8, {}, ['10.8.0.5']))
  await isUp('lan8')
  await gone(lan(8))
  expect(await whole('copy')).toEqual(before)
  await host.run('virsh -q net-destroy copy; virsh -q net-undefine copy')
})

it('knows the dnsmasq of a network whose name libvirt escapes', async () => {
  const odd = lan(9, { networkName: `it's <"R&D">` }, ['10.9.0.5'])
  await agent.apply(odd)
  await isUp('lan9')
  await gone(odd)
})

it('adopts a network with a pool, and needs none where there is none', async () => {
  const mine = (adopt: boolean) => ({
    ...pool('theirs', 'bridge', ['pool1']),
    spec: { ...pool('theirs', 'bridge', ['pool1']).spec, adopt },
  })
  await agent.apply(mine(true))
  await isUp('theirs', 'True Accepted')
  expect(await networkNames()).not.toContain('theirs')
  const xml = `<network><name>theirs</name><forward mode='bridge'><interface dev='pool0'/></forward></network>`
  await host.virsh('net-define', await host.file(xml))
  await isUp('theirs')
  expect(await host.virsh('net-info', 'theirs')).toMatch(/Active: +yes/)
  expect(await saved('theirs')).toContain("<interface dev='pool1'/>")
  expect(await saved('theirs')).not.toContain("<interface dev='pool0'/>")
  await gone(mine(true))
  expect(await networkNames()).not.toContain('theirs')
})

it('a restart is refused with every reason and nothing touched; asked for, it leaves every guest plugged in', async () => {
  const group = portGroup('lan5-iso', 'lan5', { groupName: 'iso', portIsolation: true })
  await agent.apply(lan(5), group, guestInterface('nic', 'vm1', inNetwork('lan5', 'iso')))
  await isUp('lan5')
  const mac = '52:54:00:00:00:77'
  await startGuest(host, { name: 'vm1' })
  const plain = `<interface type='network'><mac address='${mac}'/><source network='lan5'/><model type='virtio'/></interface>`
  await startGuest(host, { name: 'theirs', interfaces: [plain] })
  await agent.reaches('nic')
  const taps = [
    await deviceOf(host, 'theirs', mac),
    await deviceOf(host, 'vm1', (await agent.status('nic')).mac!),
  ]
  const ports = async () =>
    Promise.all(
      taps.map((tap) =>
        host.run(
          `basename $(readlink /sys/class/net/${tap}/master) && cat /sys/class/net/${tap}/brport/isolated || true`,
        ),
      ),
    )
  const plugged = (bridge: string) => [`${bridge}\n0`, `${bridge}\n1`]
  expect(await ports()).toEqual(plugged('lab5'))
  const before = await whole('lan5')

  const changed = { domain: { name: 'lab.example' }, mtu: 1400 }
  await agent.apply(lan(5, changed, ['10.5.0.7']))
  await isUp('lan5', 'False RestartRequired')
  expect(await message('lan5')).toMatch(/domain\.name: \(none\) -> lab\.example/)
  expect(await message('lan5')).toMatch(/mtu: \(none\) -> 1400/)
  expect(await whole('lan5')).toEqual(before)
  await expect
    .poll(async () => (await agent.stored('Host', 'abc'))?.status?.networks)
    .toContainEqual(expect.objectContaining({ name: 'lan5', inSync: false, restartRequired: true }))

  await agent.apply(lan(5, { ...changed, onRestartRequired: 'Restart' }, ['10.5.0.7']))
  await isUp('lan5')
  expect(await message('lan5')).toContain('restart')
  expect(await live('lan5')).toContain("<domain name='lab.example'/>")
  await expect.poll(ports).toEqual(plugged('lab5'))

  // By somebody else, and by a libvirtd that is started again.
  await host.run('virsh -q net-destroy lan5; virsh -q net-start lan5 || true')
  await expect.poll(ports).toEqual(plugged('lab5'))
  await host.libvirtd.kill9()
  await host.run('ip link set lab5 down; ip link delete lab5')
  await host.libvirtd.start()
  await expect.poll(ports).toEqual(plugged('lab5'))

  // With another bridge libvirt itself must know where the taps are now.
  const moved = { ...changed, onRestartRequired: 'Restart' as const, bridge: { name: 'lab50', stp: false } }
  await agent.apply(lan(5, moved, ['10.5.0.7']))
  await isUp('lan5')
  await expect.poll(ports).toEqual(plugged('lab50'))
  await agent.reaches('nic')
  expect(await host.virsh('dumpxml', 'theirs')).toContain("bridge='lab50'")

  // A change that libvirt cannot start with is taken back, and not tried again and again.
  await agent.apply(lan(5, { ...moved, dnsmasqOptions: ['no-such-option'] }, ['10.5.0.7']))
  await isUp('lan5', 'False ApplyRejected')
  expect(await message('lan5')).toContain('runs as before')
  await expect.poll(ports).toEqual(plugged('lab50'))
  await agent.apply(lan(5, moved, ['10.5.0.7']))
  await isUp('lan5')

  // It goes when nobody uses it any more.
  await agent.remove(lan(5))
  await isUp('lan5', 'False NetworkInUse')
  expect(await message('lan5')).toContain('theirs (running), vm1 (running)')
  await agent.remove(guestInterface('nic', 'vm1', inNetwork('lan5', 'iso')))
  await host.run('virsh -q destroy vm1; virsh -q destroy theirs')
  await expect.poll(() => message('lan5')).toMatch(/used by theirs$/)
  await host.virsh('undefine', 'theirs')
  await expect.poll(() => agent.stored('Network', 'lan5')).toBeUndefined()
  expect(await networkNames()).not.toContain('lan5')
  await host.virsh('undefine', 'vm1')
})

it('a bridge that somebody removed is made again, with its guests plugged in', async () => {
  await agent.apply(lan(7))
  await isUp('lan7')
  const nic = `<interface type='network'><mac address='52:54:00:00:00:79'/><source network='lan7'/><model type='virtio'/></interface>`
  await startGuest(host, { name: 'cut', interfaces: [nic] })
  const tap = await deviceOf(host, 'cut', '52:54:00:00:00:79')
  const master = () => host.run(`basename $(readlink /sys/class/net/${tap}/master)`).catch(() => 'none')
  expect(await master()).toBe('lab7')
  await host.run('ip link delete lab7')
  await expect.poll(master).toBe('lab7')
  await isUp('lan7')
  expect(await host.run('ip -br address show lab7')).toContain('10.7.0.1/24')
  await host.run('virsh -q destroy cut; virsh -q undefine cut')
  await gone(lan(7))
})

it('a dnsmasq that has died is started again', async () => {
  await agent.apply(lan(7))
  await isUp('lan7')
  const pid = () => host.run('cat /run/libvirt/network/lan7.pid')
  const first = await pid()
  await host.run(`kill -9 ${first}`)
  const before = await live('lan7')
  await agent.apply(lan(7, { ipv6: true }))
  await isUp('lan7', 'False RestartRequired')
  await expect.poll(pid).not.toBe(first)
  expect(await host.run(`tr '\\0' ' ' < /proc/$(cat /run/libvirt/network/lan7.pid)/cmdline`)).toContain(
    'lan7.conf',
  )
  expect(await live('lan7')).toBe(before)
  await gone(lan(7))
})

it('says what is in the way before it asks libvirt', async () => {
  await host.run(
    'ip link add taken type bridge; ip address add 10.8.0.9/24 dev pool0-wire; ip route add 10.9.0.0/24 dev pool0-wire',
  )
  const cases: [Manifest, string, RegExp][] = [
    [lan(11, { bridge: { name: 'taken' } }), 'BridgeNameTaken', /taken is a link of the host/],
    [
      lan(12, { bridge: { name: 'lab2' } }),
      'BridgeNameTaken',
      /lab2 is the bridge of libvirt's network lan2/,
    ],
    [lan(8), 'AddressInUse', /the host has 10\.8\.0\.9\/24 on pool0-wire/],
    [lan(9), 'AddressInUse', /the host has a route to 10\.9\.0\.0\/24 through pool0-wire/],
    [
      { ...lan(2), metadata: { name: 'lan13' }, spec: { ...lan(2).spec, bridge: { name: 'lab13' } } },
      'AddressInUse',
      /10\.2\.0\.1\/24 on lab2, the bridge of libvirt's network lan2/,
    ],
  ]
  for (const [manifest, reason, said] of cases) {
    await agent.apply(manifest)
    await isUp(manifest.metadata.name, `False ${reason}`)
    expect(await message(manifest.metadata.name)).toMatch(said)
    expect(await networkNames()).not.toContain(manifest.metadata.name)
  }
  await host.run('ip link delete taken; ip address flush dev pool0-wire')
  await isUp('lan11')
  await isUp('lan8')
  await gone(...cases.map(([manifest]) => manifest))
  expect(await networkNames()).toEqual(['lan2'])
})

it('under another name, on another host, or of another object: what was has to go', async () => {
  await agent.apply(lan(14))
  await isUp('lan14')
  const nic = `<interface type='network'><source network='lan14'/></interface>`
  await defineGuest(host, { name: 'holder', interfaces: [nic] })
  const renamed = lan(14, { networkName: 'lan15' })
  await agent.apply(renamed)
  await isUp('lan14', 'False BridgeNameTaken')
  expect(await message('lan14')).toMatch(
    /bridge of libvirt's network lan14.*\n.*lan14 goes when.*used by holder/,
  )
  await host.virsh('undefine', 'holder')
  await isUp('lan14')
  await expect.poll(networkNames).toEqual(['lan15', 'lan2'])
  // Another object takes it over as it is.
  const index = await host.run('cat /sys/class/net/lab14/ifindex')
  const successor = { ...renamed, metadata: { name: 'successor' } }
  await agent.apply(successor)
  await agent.remove(renamed)
  await expect.poll(() => agent.stored('Network', 'lan14')).toBeUndefined()
  await isUp('successor')
  expect(await host.run('cat /sys/class/net/lab14/ifindex')).toBe(index)
  expect(await saved('lan15')).toContain('owner="successor"')
  const elsewhere = { matchLabels: { 'kubernetes.io/hostname': 'def' } }
  const left = { ...successor, spec: { ...successor.spec, hostSelector: elsewhere } }
  await agent.apply(left)
  await isUp('successor', 'True Accepted')
  expect(await networkNames()).toEqual(['lan2'])
  await gone(left)
})

it('a guest that is off keeps its network, and a PortGroup of our own name is refused', async () => {
  const plain = `<interface type='network'><source network='lan2'/></interface>`
  await defineGuest(host, { name: 'off', interfaces: [plain] })
  const reserved = portGroup('reserved', 'lan2', { groupName: 'patchbay' })
  await agent.apply(reserved)
  await agent.reaches('reserved', 'False PortGroupReserved', 20_000, 'PortGroup')
  await isUp('lan2', 'False PortGroupReserved')
  await agent.remove(reserved, lan(2))
  await isUp('lan2', 'False NetworkInUse')
  await host.virsh('undefine', 'off')
  await expect.poll(() => agent.stored('Network', 'lan2')).toBeUndefined()
  expect(await networkNames()).toEqual([])
})
