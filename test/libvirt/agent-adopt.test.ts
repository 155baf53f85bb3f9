/** NICs that somebody else made are taken over as they are: nothing of a guest is touched but a mark in its metadata. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { importInterface } from '../../src/core/import/interface.ts'
import { readDomain } from '../../src/libvirt/xml/domain.ts'
import { LabAgent } from '../lab/agent.ts'
import { defineGuest, startGuest } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'
import { guestInterface, type Manifest, network } from '../lab/manifests.ts'
import { addBridge, addVethPool } from '../lab/pool.ts'
import { interfaces, macvtaps } from '../lab/world.ts'

let host: LabHost
let agent: LabAgent

const nic = (type: string, mac: string, rest = '') =>
  `<interface type='${type}'><mac address='${mac}'/>${rest}<model type='virtio'/></interface>`

/** One of each simple kind; what is given beside stands in the manifests too. */
const simple = (n: number) => {
  const mac = (kind: number) => `52:54:00:0${n}:00:0${kind}`
  return [
    nic('bridge', mac(1), "<source bridge='br0'/><mtu size='1400'/><port isolated='yes'/>"),
    nic('network', mac(2), "<source network='lan'/><link state='up'/>"),
    nic('direct', mac(3), "<source dev='pool0' mode='vepa'/>"),
    nic('ethernet', mac(4)),
    nic('user', mac(5)),
    `<interface type='bridge'><mac address='${mac(6)}'/><source bridge='br0'/></interface>`,
    nic('network', mac(7), "<source network='uplink'/>"),
  ]
}
const ofQemuAlone = [
  nic('vhostuser', '52:54:00:09:00:01', "<source type='unix' path='/run/vhost.sock' mode='server'/>"),
  `<interface type='hostdev' managed='yes'><mac address='52:54:00:09:00:02'/><source><address type='pci' domain='0' bus='3' slot='0x10' function='1'/></source></interface>`,
]

beforeAll(async () => {
  host = await LabHost.start({ name: 'abc' })
  await Promise.all([addBridge(host, 'br0'), addBridge(host, 'br1'), addVethPool(host, 1)])
  const lan = "<network><name>lan</name><bridge name='lan0'/><portgroup name='patchbay'/></network>"
  const uplink = "<network><name>uplink</name><forward mode='bridge'/><bridge name='br0'/></network>"
  for (const xml of [lan, uplink]) await host.virsh('net-define', await host.file(xml))
  for (const name of ['lan', 'uplink']) await host.virsh('net-start', name)
  await startGuest(host, { name: 'web', interfaces: simple(1) })
  await defineGuest(host, { name: 'db', interfaces: [...simple(2), ...ofQemuAlone] })
  const twin = nic('bridge', '52:54:00:03:00:01', "<source bridge='br0'/>")
  await startGuest(host, { name: 'twins', interfaces: [twin, twin] })
  agent = new LabAgent(host)
  await agent.start()
  await agent.up()
}, 30_000)
afterAll(() => host?.stop())

/** As `patchbay import` writes them. */
async function imported(guest: string): Promise<Manifest[]> {
  const { interfaces: found, uuid } = readDomain(await host.virsh('dumpxml', guest, '--inactive'))
  const definitions = found.map(({ definition }) => definition)
  return definitions.map((definition) => {
    const result = importInterface({ name: guest, uuid }, definition, 'default', definitions)
    if ('refusals' in result) throw new Error(result.refusals.join('\n'))
    return result.manifest as unknown as Manifest
  })
}

/** Both definitions without metadata, and every link of the host with its index. */
async function world(guest: string): Promise<unknown> {
  const withoutMetadata = (xml: string) => xml.replace(/ *<metadata>.*<\/metadata>\n/s, '')
  const [live, saved, links] = await Promise.all([
    host.virsh('dumpxml', guest),
    host.virsh('dumpxml', guest, '--inactive'),
    host.run("ip -o link | sed 's/:.*//'; ip -o link | awk '{print $2}'"),
  ])
  return { live: withoutMetadata(live), saved: withoutMetadata(saved), links, macvtaps: await macvtaps(host) }
}

async function marks(guest: string): Promise<string> {
  const xml = await host.virsh('dumpxml', guest)
  return /<patchbay:adopted .*<\/patchbay:adopted>/s.exec(xml)?.[0] ?? ''
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await delay(20)
}

describe.each([
  ['running', 'web'],
  ['off', 'db'],
])('a guest that is %s', (_, guest) => {
  let manifests: Manifest[]

  it('has its NICs taken over, and nothing of them changed', async () => {
    manifests = await imported(guest)
    const before = await world(guest)
    const uplink = network('uplink', { forward: { mode: 'bridge' }, bridge: { name: 'br0' } })
    await agent.apply(network('lan', { adopt: true }), uplink, ...manifests)
    for (const { metadata } of manifests) {
      await agent.reaches(metadata.name)
      expect((await agent.status(metadata.name)).plan).toMatchObject({ verdict: 'None', steps: [] })
    }
    expect(await world(guest)).toEqual(before)
    for (const { metadata, spec } of manifests) {
      expect(await marks(guest)).toMatch(`namespace="default" name="${metadata.name}" mac="${spec.mac}"`)
    }
  })

  it('keeps them when the agent starts anew, and its later changes are made', async () => {
    await agent.kill9()
    await agent.start()
    await agent.up()
    const [first, second] = manifests as [Manifest, Manifest]
    const before = await world(guest)
    for (const { metadata } of manifests) await agent.reaches(metadata.name)
    expect(await world(guest)).toEqual(before)

    const down = { ...second, spec: { ...second.spec, link: { state: 'down' } } }
    const moved = { ...first, spec: { ...first.spec, source: { bridge: { name: 'br1' } } } }
    await agent.apply(down, moved)
    for (const { metadata } of [down, moved]) await agent.reaches(metadata.name)
    for (const definition of ['live', 'saved'] as const) {
      const [one, two, ...others] = await interfaces(host, guest, definition)
      expect(one).toMatch("<source bridge='br1'/>")
      expect(two).toMatch("<link state='down'/>")
      expect(two).toMatch("<source network='lan'")
      expect(others).toHaveLength(manifests.length - 2)
    }
  })
})

it('a removed manifest takes its NIC out of a guest that is off, and its mark; the others stay', async () => {
  const [gone, ...rest] = await imported('db')
  await agent.remove(gone!)
  await until(async () => (await agent.stored('GuestInterface', gone!.metadata.name)) === undefined)
  expect(await interfaces(host, 'db', 'saved')).toHaveLength(rest.length)
  const left = await marks('db')
  expect(left).not.toMatch(gone!.metadata.name)
  for (const { metadata } of rest) expect(left).toMatch(metadata.name)
})

it('with deletionPolicy Retain the NIC stays, and only the mark goes', async () => {
  const [, , direct, ...rest] = await imported('web')
  const retained = { ...direct!, spec: { ...direct!.spec, deletionPolicy: 'Retain' } }
  await agent.apply(retained)
  await agent.reaches(retained.metadata.name)
  const before = await world('web')
  await agent.remove(retained)
  await until(async () => (await agent.stored('GuestInterface', retained.metadata.name)) === undefined)
  expect(await world('web')).toEqual(before)
  const left = await marks('web')
  expect(left).not.toMatch(retained.metadata.name)
  for (const { metadata } of rest) expect(left).toMatch(metadata.name)
})

it('a removed manifest is held while the running guest does not let go of its NIC, and so is the mark', async () => {
  const user = (await imported('web')).find(({ spec }) => 'user' in (spec.source as object))!
  await agent.remove(user)
  await agent.reaches(user.metadata.name, 'False GuestNotReleasing')
  expect(await marks('web')).toMatch(user.metadata.name)
  await host.virsh('destroy', 'web')
  await until(async () => (await agent.stored('GuestInterface', user.metadata.name)) === undefined)
  expect(await marks('web')).not.toMatch(user.metadata.name)
  await host.virsh('start', 'web')
  expect((await interfaces(host, 'web', 'live')).join()).not.toMatch("type='user'")
}, 30_000)

it('without adopt a NIC of that MAC address is refused, and of two with one only the one at the given slot is taken', async () => {
  const mac = '52:54:00:03:00:01'
  const source = { bridge: { name: 'br0' } }
  const before = await world('twins')
  const at = (await interfaces(host, 'twins', 'live')).map((xml) => /bus='0x(..)'/.exec(xml)![1])
  const address = (n: number) => ({ address: `0000:${at[n]}:00.0` })

  await agent.apply(guestInterface('twin', 'twins', { mac, source }))
  await agent.reaches('twin', 'False MacConflict')
  expect((await agent.condition('twin', 'Ready'))?.message).toMatch('Set adopt: true')
  await agent.apply(guestInterface('twin', 'twins', { mac, source, adopt: true }))
  await agent.reaches('twin', 'False MacConflict')
  expect((await agent.condition('twin', 'Ready'))?.message).toMatch('more than one interface')
  expect(await marks('twins')).toBe('')
  await agent.apply(guestInterface('twin', 'twins', { mac, source, adopt: true, ...address(1) }))
  await agent.reaches('twin')
  expect(await marks('twins')).toMatch(address(1).address)
  // That one is taken, which leaves no doubt about the other.
  await agent.apply(guestInterface('other', 'twins', { mac, source, adopt: true }))
  await agent.reaches('other')
  await agent.apply(guestInterface('third', 'twins', { mac, source, adopt: true }))
  await agent.reaches('third', 'False MacConflict')
  expect((await agent.condition('third', 'Ready'))?.message).toMatch('kept by')
  expect(await world('twins')).toEqual(before)

  const link = { state: 'down' as const }
  await agent.apply(guestInterface('twin', 'twins', { mac, source, adopt: true, link, ...address(1) }))
  await agent.reaches('twin')
  for (const definition of ['live', 'saved'] as const) {
    const [first, second] = await interfaces(host, 'twins', definition)
    expect([first, second]).toEqual([
      expect.not.stringContaining("<link state='down'/>"),
      expect.stringContaining("<link state='down'/>"),
    ])
  }
})

it('a manifest that the running NIC cannot become is refused by field, and nothing is marked', async () => {
  await startGuest(host, {
    name: 'plain',
    interfaces: [nic('bridge', '52:54:00:04:00:01', "<source bridge='br0'/>")],
  })
  const before = await world('plain')
  const source = { bridge: { name: 'br0' } }
  await agent.apply(
    guestInterface('plain', 'plain', { mac: '52:54:00:04:00:01', adopt: true, source, mtu: 1400 }),
  )
  await agent.reaches('plain', 'False LiveChangeRefused')
  expect((await agent.condition('plain', 'Ready'))?.message).toMatch('mtu')
  expect(await world('plain')).toEqual(before)
  expect(await marks('plain')).toBe('')
})
