/** What people and their tools see and do: kubectl, kstatus, every file of examples/, and another who applies fields of his own. */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import type { AnyResource } from '../../src/api/kinds.ts'
import { ClusterAgent } from '../cluster/agent.ts'
import { Cluster } from '../cluster/cluster.ts'
import { ClusterController } from '../cluster/controller.ts'
import { type Reach, reachFrom } from '../cluster/reach.ts'
import { BootedGuest } from '../lab/booted-guest.ts'
import { startGuest } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'
import { guestInterface, inNetwork, network, pool, portGroup } from '../lab/manifests.ts'
import { addBridge, addOpenVswitchBridge, addVethPool } from '../lab/pool.ts'
import { interfaces, linkNames } from '../lab/world.ts'
import { install, repository } from './installation.ts'
import { kstatus } from './kstatus.ts'

let cluster: Cluster
let host: LabHost
let reach: Reach
let agent: ClusterAgent
let controller: ClusterController

beforeAll(async () => {
  ;[cluster, host] = await Promise.all([Cluster.start(), LabHost.start({ name: 'abc', openVswitch: true })])
  await install(cluster)
  await addBridge(host, 'br0')
  await addOpenVswitchBridge(host, 'ovsbr0')
  await addVethPool(host, 5)
  // One that lets go of what is unplugged, and one that never does.
  await Promise.all([
    BootedGuest.start(host, { name: 'vm1', sparePorts: 12 }),
    startGuest(host, { name: 'vm2' }),
  ])
  reach = await reachFrom(host, cluster.url)
  agent = new ClusterAgent(host, await cluster.createHost('abc'))
  controller = new ClusterController(
    await cluster.createHost('abc', { serviceAccount: 'patchbay-controller' }),
  )
  await Promise.all([agent.start(), controller.start()])
  await cluster.admin.kubectlWith(
    [
      {
        apiVersion: 'patchbay.dev/v1alpha1',
        kind: 'GuestGrant',
        metadata: { name: 'all-to-default' },
        spec: { namespace: 'default', guests: [{ namePrefix: 'vm' }] },
      },
    ],
    'apply',
    '-f-',
  )
})

afterAll(async () => {
  await Promise.all([agent?.stop(), controller?.stop()])
  reach?.end()
  await Promise.all([host?.stop(), cluster?.stop()])
})

const apply = (objects: object[], ...args: string[]) =>
  cluster.admin.kubectlWith(objects, 'apply', '-f-', ...args)

async function get(resource: string): Promise<AnyResource> {
  return JSON.parse(await cluster.kubectl('get', resource, '-o', 'json', '--show-managed-fields'))
}

/** Waits until Ready says this of the newest spec; gives what kstatus makes of it. */
async function reaches(resource: string, reason: string): Promise<AnyResource> {
  let found: AnyResource | undefined
  await expect
    .poll(async () => {
      found = await get(resource)
      const status = 'status' in found ? found.status : undefined
      if (status?.observedGeneration !== found.metadata.generation) return 'Unseen'
      return status?.conditions?.find(({ type }) => type === 'Ready')?.reason
    })
    .toBe(reason)
  return found!
}

/** The cells of a table of kubectl's, by its first column; cells are parted by two spaces or more. */
function cells(text: string): Record<string, Record<string, string>> {
  const [head = '', ...lines] = text.split('\n')
  const columns = [...head.matchAll(/\S+\s*/g)].map(({ 0: name, index }) => ({ name: name.trim(), index }))
  const rows = lines.map((line) =>
    Object.fromEntries(
      columns.map(({ name, index }, n) => [name, line.slice(index, columns[n + 1]?.index).trim()]),
    ),
  )
  return Object.fromEntries(rows.map((row) => [row.NAME, row]))
}

describe('what kubectl shows', () => {
  it('answers the first question in columns', async () => {
    await apply([
      network('lan', { forward: { mode: 'bridge' }, bridge: { name: 'br0' } }),
      network('lan-elsewhere', {
        networkName: 'lan',
        hostSelector: { matchLabels: { rack: 'r9' } },
        forward: { mode: 'bridge' },
        bridge: { name: 'br9' },
      }),
      portGroup('staff', 'lan', { portIsolation: true }),
      guestInterface('data', 'vm1', inNetwork('lan', 'staff')),
      guestInterface('wrong', 'vm1', inNetwork('lna')),
    ])
    await cluster.kubectl('wait', '--for=condition=Ready', '--timeout=30s', 'gi/data')
    await reaches('gi/wrong', 'NetworkNotFound')
    expect(cells(await cluster.kubectl('get', 'gi'))).toMatchObject({
      data: { GUEST: 'vm1', HOST: 'abc', NETWORK: 'lan', PORT: 'br0', READY: 'True', REASON: 'InSync' },
      wrong: {
        GUEST: 'vm1',
        HOST: 'abc',
        NETWORK: 'lna',
        PORT: '',
        READY: 'False',
        REASON: 'NetworkNotFound',
      },
    })
    await expect
      .poll(async () => cells(await cluster.kubectl('get', 'pbnet')))
      .toMatchObject({
        lan: { NETWORK: 'lan', MODE: 'bridge', BRIDGE: 'br0', HOSTS: '1', 'IN-SYNC': '1', READY: 'True' },
        'lan-elsewhere': { NETWORK: 'lan', MODE: 'bridge', BRIDGE: 'br9', HOSTS: '0' },
      })
    await expect
      .poll(async () => cells(await cluster.kubectl('get', 'pbpg')))
      .toMatchObject({ staff: { NETWORK: 'lan', GROUP: 'staff', READY: 'True' } })
    await expect
      .poll(async () => cells(await cluster.kubectl('get', 'pbhost')))
      .toMatchObject({ abc: { LIBVIRT: expect.stringMatching(/^\d+\.\d+\.\d+$/), READY: 'True' } })
  })

  it('describes the settings with their layers, the port, the plan and what became of it', async () => {
    await apply([guestInterface('data', 'vm1', { ...inNetwork('lan', 'staff'), model: 'e1000' })])
    await reaches('gi/data', 'LiveChangeRefused')
    const refused = await cluster.kubectl('describe', 'gi', 'data')
    expect(refused).toMatch(/Port:\n\s+Bridge:\s+br0\n\s+Host Name:\s+abc\n/)
    expect(refused).toMatch(/Effective:\n(.*\n)*?\s+Port Isolation:\s+true/)
    expect(refused).toMatch(/Sources:\n(.*\n)*?\s+Port Isolation:\s+portGroup/)
    expect(refused).toMatch(
      /Plan:\n(.*\n)*?\s+Effective:\s+e1000\n\s+Field:\s+model\n\s+Observed:\s+virtio\n/,
    )
    expect(refused).toMatch(/\n\s+Verdict:\s+Refused\n/)
    await apply([guestInterface('data', 'vm1', inNetwork('lan', 'staff'))])
    await reaches('gi/data', 'InSync')
    await expect
      .poll(async () => (await cluster.kubectl('describe', 'gi', 'data')).match(/Normal +InSync +/g))
      .toHaveLength(2)
    expect(await cluster.kubectl('describe', 'gi', 'data')).toMatch(
      /\nEvents:\n(.*\n)+?.*Warning +LiveChangeRefused .*patchbay\.dev\/agent +model: virtio -> e1000: /,
    )
  })
})

describe('kstatus', () => {
  it('tells an interface that is new, done, refused, waiting and going from one another', async () => {
    const created = await cluster.admin.kubectlWith(
      [guestInterface('phases', 'vm2', inNetwork('lan'))],
      'create',
      '-f-',
      '-o',
      'json',
    )
    expect(kstatus(JSON.parse(created))).toBe('InProgress')
    expect(kstatus(await reaches('gi/phases', 'InSync'))).toBe('Current')

    const edited = await apply(
      [guestInterface('phases', 'vm2', { ...inNetwork('lan'), model: 'e1000' })],
      '-o',
      'json',
    )
    expect(kstatus(JSON.parse(edited))).toBe('InProgress')
    expect(kstatus(await reaches('gi/phases', 'LiveChangeRefused'))).toBe('Failed')
    await apply([guestInterface('phases', 'vm2', inNetwork('lan'))])
    expect(kstatus(await reaches('gi/phases', 'InSync'))).toBe('Current')

    // Its guest never answers.
    await cluster.kubectl('delete', 'gi', 'phases', '--wait=false')
    const going = await reaches('gi/phases', 'GuestNotReleasing')
    expect(kstatus(going)).toBe('Terminating')
    await host.virsh('destroy', 'vm2')
    await cluster.kubectl('wait', '--for=delete', '--timeout=30s', 'gi/phases')
    await host.virsh('start', 'vm2')
  })

  it.each([
    [
      'of a guest that is nowhere',
      guestInterface('odd', 'vm9', inNetwork('lan')),
      'GuestNotFound',
      'InProgress',
    ],
    ['of a guest of others', guestInterface('odd', 'other', inNetwork('lan')), 'NotOwned', 'Failed'],
    ['in no network', guestInterface('odd', 'vm1', inNetwork('lna')), 'NetworkNotFound', 'Failed'],
    [
      'in a pool without a free device',
      guestInterface('odd', 'vm1', inNetwork('one')),
      'PoolExhausted',
      'InProgress',
    ],
  ])('of an interface %s', async (_, manifest, reason, expected) => {
    const holder = guestInterface('holder', 'vm1', inNetwork('one'))
    await startOther()
    await apply([pool('one', 'passthrough', ['pool4']), holder])
    await reaches('gi/holder', 'InSync')
    await apply([manifest])
    expect(kstatus(await reaches('gi/odd', reason))).toBe(expected)
    await cluster.kubectl('delete', 'gi', 'odd', '--timeout=30s')
  })

  it("tells a Network and a PortGroup that are done from those that stand in one another's way", async () => {
    expect(kstatus(await reaches('pbnet/lan', 'InSync'))).toBe('Current')
    await apply([
      network('lan-twin', { networkName: 'lan', forward: { mode: 'bridge' }, bridge: { name: 'br1' } }),
      portGroup('staff-twin', 'lan', { groupName: 'staff' }),
    ])
    expect(kstatus(await reaches('pbnet/lan', 'NetworkAmbiguous'))).toBe('Failed')
    expect(kstatus(await reaches('pbpg/staff', 'PortGroupAmbiguous'))).toBe('Failed')
    await cluster.kubectl('delete', 'pbnet/lan-twin', 'pbpg/staff-twin', '--timeout=30s')
    expect(kstatus(await reaches('pbnet/lan', 'InSync'))).toBe('Current')
    expect(kstatus(await reaches('gi/data', 'InSync'))).toBe('Current')
    expect(kstatus(await get('pbhost/abc'))).toBe('Current')
  })
})

async function startOther(): Promise<void> {
  const names = await host.virsh('list', '--all', '--name')
  if (!names.includes('other')) await startGuest(host, { name: 'other' })
}

describe('somebody else who applies', () => {
  it('fields of the spec and labels keeps them, and status stays ours', async () => {
    // He says only what is his.
    const others = ['--server-side', '--field-manager=other', '--validate=false']
    const meta = { apiVersion: 'patchbay.dev/v1alpha1', kind: 'GuestInterface' }
    const spec = {
      ...meta,
      metadata: { name: 'shared', labels: { team: 'a' } },
      spec: { link: { state: 'down' } },
    }
    await apply([guestInterface('shared', 'vm1', inNetwork('lan'))], '--server-side')
    await apply([spec], ...others)
    await reaches('gi/shared', 'InSync')
    await apply([{ ...spec, spec: { link: { state: 'up' } } }], ...others)
    const after = await reaches('gi/shared', 'InSync')
    expect(after.metadata.labels).toMatchObject({ team: 'a' })
    expect(after).toMatchObject({ spec: { link: { state: 'up' } } })
    expect(managersOf(after)).toEqual(
      expect.arrayContaining(['kubectl', 'other', 'patchbay-agent', 'patchbay-controller']),
    )
    // Applying it once more takes nothing from anybody, and changes nothing.
    await apply([{ ...spec, spec: { link: { state: 'up' } } }], ...others)
    expect((await get('gi/shared')).metadata.resourceVersion).toBe(after.metadata.resourceVersion)

    const status = { ...meta, metadata: { name: 'shared' }, status: { hostName: 'def' } }
    expect(
      await cluster.admin.refusal(apply([status], ...others, '--subresource=status', '--force-conflicts')),
    ).toContain("status is written by Patchbay's agents and controller alone")
  })
})

function managersOf(object: AnyResource): string[] {
  const { managedFields } = object.metadata as unknown as { managedFields: { manager: string }[] }
  return managedFields.map(({ manager }) => manager)
}

describe('every file of examples/', () => {
  beforeAll(() =>
    cluster
      .kubectl('delete', 'gi', '--all', '--timeout=60s')
      .then(() => cluster.kubectl('delete', 'pbnet,pbpg', '--all', '--timeout=60s')),
  )

  const files = ['first-hour', 'worked-example'].flatMap((directory) =>
    readdirSync(path.join(repository, 'examples', directory)).map((file) =>
      path.join(repository, 'examples', directory, file),
    ),
  )
  const objects = files.flatMap((file) =>
    parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS() as AnyResource),
  )
  const nics = objects
    .filter(({ kind }) => kind === 'GuestInterface')
    .map(({ metadata }) => `gi/${metadata.name}`)

  it.each([
    ['client-side', []],
    ['server-side', ['--server-side']],
  ])('is applied, edited and deleted, %s', async (_, how) => {
    const links = await linkNames(host)
    await cluster.kubectl('apply', ...how, ...files.flatMap((file) => ['-f', file]))
    await cluster.kubectl('wait', '--for=condition=Ready', '--timeout=60s', ...nics)
    expect(await interfaces(host, 'vm1', 'live')).toHaveLength(nics.length)

    await cluster.admin.kubectlWith(objects.map(edited), 'apply', ...how, '-f-')
    for (const nic of nics) await reaches(nic, 'InSync')
    const down = (await interfaces(host, 'vm1', 'live')).filter((xml) => xml.includes("<link state='down'/>"))
    expect(down).toHaveLength(nics.length)
    await reaches('pbnet/office', 'InSync')
    expect(await host.virsh('net-dumpxml', 'office')).toContain('<hostname>edited</hostname>')

    await cluster.kubectl('delete', '--timeout=60s', ...files.flatMap((file) => ['-f', file]))
    expect(await interfaces(host, 'vm1', 'live')).toEqual([])
    expect(await linkNames(host)).toEqual(links)
  })
})

/** As somebody edits each of them. */
function edited(object: AnyResource): AnyResource {
  const copy = structuredClone(object)
  if (copy.kind === 'GuestInterface') copy.spec.link = { state: 'down' }
  if (copy.kind === 'PortGroup') copy.metadata.labels = { edited: 'yes' }
  if (copy.kind !== 'Network') return copy
  if (copy.spec.dns) copy.spec.dns.hosts?.push({ ip: '192.168.150.21', hostnames: ['edited'] })
  else if (copy.spec.forward?.interfaces) copy.spec.forward.interfaces.push({ dev: 'pool4' })
  else copy.spec.allowedNamespaces = ['default']
  return copy
}
