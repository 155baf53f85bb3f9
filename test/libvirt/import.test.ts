/** `patchbay import` on a host that people made: what comes out is what there is, and taking it over changes nothing. */
import { writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AnyResource } from '../../src/api/kinds.ts'
import { formatProblem, readManifest } from '../../src/api/read-manifest.ts'
import type { PlanAnswer } from '../../src/cli/plan-answer.ts'
import { LabAgent } from '../lab/agent.ts'
import { defineGuest, startGuest } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'
import { addBridge, addVethPool } from '../lab/pool.ts'
import { macvtaps } from '../lab/world.ts'

let host: LabHost

/** What libvirt's users write, with a name that no object can have. */
const networks = [
  `<network ipv6='yes'>
    <name>Lab_Net</name>
    <metadata><note:by xmlns:note='urn:example:note'>ops</note:by></metadata>
    <forward mode='nat'><nat><port start='2000' end='3000'/></nat></forward>
    <bridge name='virbr7' stp='on' delay='0'/>
    <mtu size='1400'/>
    <domain name='lab.example' localOnly='yes'/>
    <dns forwardPlainNames='no'>
      <forwarder domain='corp.example' addr='192.0.2.53'/>
      <txt name='note' value='yes'/>
      <host ip='10.7.0.1'><hostname>gate</hostname><hostname>on</hostname></host>
      <srv service='ldap' protocol='tcp' domain='lab.example' target='gate' port='389' priority='0' weight='10'/>
    </dns>
    <ip address='10.7.0.1' netmask='255.255.255.0' localPtr='yes'>
      <dhcp>
        <range start='10.7.0.100' end='10.7.0.199'><lease expiry='2' unit='hours'/></range>
        <host mac='52:54:00:00:07:01' name='web' ip='10.7.0.11'/>
      </dhcp>
    </ip>
    <ip family='ipv6' address='fd00:7::1' prefix='64'/>
    <portgroup name='Sales' default='yes'/>
    <portgroup name='web'/>
  </network>`,
  `<network><name>pool</name><forward mode='bridge'><interface dev='pool0'/><interface dev='pool1'/></forward>
    <portgroup name='plain' default='yes'/></network>`,
  `<network><name>bridged</name><forward mode='bridge'/><bridge name='br0'/><portgroup name='fast'/></network>`,
]

const nic = (number: number, type: string, inner: string) =>
  `<interface type='${type}'><mac address='52:54:00:00:00:0${number}'/>${inner}<model type='virtio'/></interface>`

const running = [
  nic(1, 'network', "<source network='Lab_Net'/><link state='down'/>"),
  nic(2, 'network', "<source network='Lab_Net' portgroup='web'/>"),
  nic(3, 'network', "<source network='pool'/>"),
  nic(4, 'network', "<source network='bridged' portgroup='fast'/>"),
  nic(5, 'bridge', "<source bridge='br0'/><port isolated='yes'/><driver name='qemu'/>"),
  nic(6, 'direct', "<source dev='pool1' mode='bridge'/><boot order='1'/>"),
]
const off = [
  nic(7, 'user', ''),
  nic(8, 'ethernet', "<target dev='tap7'/>"),
  nic(9, 'network', "<source network='pool'/>"),
]

beforeAll(async () => {
  host = await LabHost.start({ name: 'abc' })
  await addVethPool(host, 2)
  await addBridge(host, 'br0')
  for (const xml of networks) {
    const name = /<name>(.*?)</.exec(xml)![1]!
    await host.virsh('net-define', await host.file(xml))
    await host.virsh('net-autostart', name)
    await host.virsh('net-start', name)
  }
  await startGuest(host, { name: 'vm1', interfaces: running })
  await defineGuest(host, { name: 'off', interfaces: off })
})
afterAll(() => host?.stop())

async function patchbay(args: string[], input = '') {
  const { exitCode, stdout, stderr } = await host.exec(process.execPath, ['src/cli/main.ts', ...args], {
    input,
    reject: false,
    stripFinalNewline: false,
  })
  return { code: exitCode, out: String(stdout), error: String(stderr) }
}

const fromLibvirt = (...args: string[]) => patchbay(['import', '--libvirt', '/run/libvirt', ...args])

function objectsOf(text: string): AnyResource[] {
  const { objects, problems } = readManifest(text)
  expect(problems.map(formatProblem)).toEqual([])
  return objects.map(({ object }) => object)
}

const idsOf = (objects: AnyResource[]) => objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)

/** Everything that libvirt and the kernel show of networks and guests, but for our marks. */
async function world() {
  const dumps: string[] = []
  for (const name of ['Lab_Net', 'pool', 'bridged']) {
    for (const more of [[], ['--inactive']]) dumps.push(await host.virsh('net-dumpxml', name, ...more))
    dumps.push(await host.virsh('net-info', name))
  }
  for (const more of [[], ['--inactive']]) {
    for (const name of ['vm1', 'off']) dumps.push(await host.virsh('dumpxml', name, ...more))
  }
  return {
    dumps: dumps.map(withoutMarks),
    macvtaps: await macvtaps(host),
    // A bridge with STP learns for some seconds before it forwards.
    taps: (await host.run('bridge link')).replace(/ state \w+ /g, ' '),
  }
}

function withoutMarks(xml: string): string {
  return xml
    .replace(/ *<patchbay:network [^>]*\/>\n/, '')
    .replace(/ *<patchbay:adopted .*?<\/patchbay:adopted>\n/s, '')
    .replace(/ *<metadata>\s*<\/metadata>\n/, '')
}

describe('a host as people made it', () => {
  let manifests: string

  it('comes out whole: networks, their port groups, and every kind of NIC', async () => {
    const { code, out, error } = await fromLibvirt('--all')
    expect({ code, error }).toEqual({
      code: 0,
      error: expect.stringMatching(/^note: network Lab_Net: network\/metadata.*\n$/),
    })
    const objects = objectsOf(out)
    expect(idsOf(objects)).toEqual([
      expect.stringMatching(/^Network lab-net-/),
      expect.stringMatching(/^PortGroup lab-net-sales-/),
      expect.stringMatching(/^PortGroup lab-net-web-/),
      'Network bridged',
      'PortGroup bridged.fast',
      'Network pool',
      'PortGroup pool.plain',
      ...[7, 8, 9].map((n) => `GuestInterface off.52-54-00-00-00-0${n}`),
      ...[1, 2, 3, 4, 5, 6].map((n) => `GuestInterface vm1.52-54-00-00-00-0${n}`),
    ])
    expect(objects[0]).toMatchObject({
      spec: {
        networkName: 'Lab_Net',
        adopt: true,
        dns: { txts: [{ name: 'note', value: 'yes' }], hosts: [{ hostnames: ['gate', 'on'] }] },
      },
    })
    manifests = out
  })

  it('comes out by the guest too, with the networks that its interfaces are plugged into', async () => {
    const { code, out } = await fromLibvirt('--guest', 'off')
    expect(code).toBe(0)
    expect(idsOf(objectsOf(out))).toEqual([
      'Network pool',
      'PortGroup pool.plain',
      ...[7, 8, 9].map((n) => `GuestInterface off.52-54-00-00-00-0${n}`),
    ])
  })

  it('says the same as libvirt: no update leads from one to the other', async () => {
    const files = ['Lab_Net', 'bridged', 'pool'].map(async (name) => {
      const file = await host.file(await host.virsh('net-dumpxml', name))
      const { out } = await fromLibvirt('--network', name)
      const { code, out: plan } = await patchbay(['network-plan', '--from', file, '--to', '-', '--live'], out)
      expect({ code, ...JSON.parse(plan) }).toMatchObject({ code: 0, updates: [], restartRequired: [] })
    })
    await Promise.all(files)
  })

  it('plans nothing but our marks', async () => {
    const before = await world()
    const { code, out, error } = await patchbay(['plan', '-f', '-', '--host-name', 'abc'], manifests)
    expect(error).toBe('')
    const { items } = JSON.parse(out) as PlanAnswer
    expect(items).toHaveLength(12)
    expect(items.filter(({ verdict }) => verdict !== 'None')).toEqual([])
    expect(code).toBe(0)
    expect(await world()).toEqual(before)
  })

  it('of one that does not run, or otherwise than it is saved, it is told what the agent will do', async () => {
    await host.virsh(
      'net-define',
      await host.file("<network><name>still</name><ip address='10.8.0.1' prefix='24'/></network>"),
    )
    const update = "<host mac='52:54:00:00:07:02' ip='10.7.0.12'/>"
    await host.virsh('net-update', 'Lab_Net', 'add-last', 'ip-dhcp-host', update, '--live')
    const [still, other] = [
      await fromLibvirt('--network', 'still'),
      await fromLibvirt('--network', 'Lab_Net'),
    ]
    expect(still.error.split('\n')).toEqual([
      'note: network still: does not run, and the agent starts it',
      'note: network still: does not start with the host, and the agent has it do so',
      '',
    ])
    expect(other.error).toContain('note: network Lab_Net: runs with another definition than its saved one')
    await host.virsh('net-undefine', 'still')
    await host.virsh('net-update', 'Lab_Net', 'delete', 'ip-dhcp-host', update, '--live')
  })

  it('is taken over without a change: libvirt shows nothing new but our marks', async () => {
    const before = await world()
    const agent = new LabAgent(host)
    await writeFile(`${agent.manifests}/imported.yaml`, manifests)
    expect(await agent.once()).toBe(0)
    expect(await world()).toEqual(before)
    // All is as the manifests say, marks and all.
    expect((await patchbay(['plan', '-f', '-', '--host-name', 'abc'], manifests)).code).toBe(0)
  })

  it('is then ours, and not imported again', async () => {
    const { code, out, error } = await fromLibvirt('--all')
    expect({ code, out }).toEqual({ code: 0, out: expect.not.stringContaining('GuestInterface') })
    expect(error.match(/is kept for GuestInterface default\//g)).toHaveLength(9)
    expect(error).toMatch(/network Lab_Net: left out, since it is kept for Network lab-net-/)
  })
})

it('what cannot be said is named, and nothing is written', async () => {
  await defineGuest(host, {
    name: 'odd',
    interfaces: [
      "<interface type='mcast'><mac address='52:54:00:00:01:01'/><source address='230.0.0.1' port='5558'/></interface>",
    ],
  })
  const { code, out, error } = await fromLibvirt()
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(error).toContain("error: guest odd: interface 52:54:00:00:01:01: type='mcast': ")
  await host.virsh('undefine', 'odd')
})

it.each([
  ['--network', /^error: libvirt has no network nobody: there are Lab_Net, bridged, pool\n$/],
  ['--guest', /^error: libvirt has no guest nobody: there are off, vm1\n$/],
])('a name that is not there: %s', async (option, message) => {
  const { code, error } = await fromLibvirt(option, 'nobody')
  expect({ code, error }).toEqual({ code: 1, error: expect.stringMatching(message) })
})
