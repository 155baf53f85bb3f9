/** To which host the controller binds an interface, and how it moves, on a real API server; the agents are played. */
import path from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { GuestGrantSpec } from '../../src/api/guest-grant.ts'
import type { GuestInterface } from '../../src/api/guest-interface.ts'
import type { AnyResource } from '../../src/api/kinds.ts'
import { guestInterface, inNetwork, network, portGroup } from '../lab/manifests.ts'
import { repository } from './installation.ts'
import { one, PlayedCluster, two, vm1 } from './played-cluster.ts'
import { writesOf, writesSince } from './writes.ts'

const finalizer = 'patchbay.dev/port'
const hosts = ['abc', 'def'] as const

let lab: PlayedCluster

beforeAll(async () => {
  lab = await PlayedCluster.start(...hosts)
  await lab.apply(grant({}))
})

afterAll(() => lab?.stop())

afterEach(async () => {
  for (const name of hosts) await lab.answers(name)
  await lab.apply(grant({}))
  for (const name of ['nic', 'other', 'third']) await sweep(name)
  for (const name of hosts) await lab.tells(name, [])
})

/** As the agents do it, whatever a test left. */
async function sweep(name: string): Promise<void> {
  if (!(await lab.get('GuestInterface', name))) return
  await lab.delete('GuestInterface', name)
  await lab.eventually(async () => {
    const found = await lab.get<GuestInterface>('GuestInterface', name)
    const hostName = found?.status?.hostName
    if (hostName) await lab.letsGo(hostName, name)
    return found
  }, undefined)
}

/** Deletes Networks that no host has, and waits until they are gone. */
async function removed(...names: string[]): Promise<void> {
  for (const name of names) await lab.delete('Network', name)
  for (const name of names) await lab.eventually(() => lab.get('Network', name), undefined)
}

function grant(spec: Partial<GuestGrantSpec>): AnyResource {
  return {
    apiVersion: 'patchbay.dev/v1alpha1',
    kind: 'GuestGrant',
    metadata: { name: 'guests' },
    spec: { namespace: 'default', guests: [{ namePrefix: 'vm' }], ...spec },
  }
}

const nic = (spec: object = {}, name = 'nic') => guestInterface(name, 'vm1', { ...inNetwork('lan'), ...spec })

async function bound(spec: object = {}): Promise<void> {
  await lab.tells('abc', [vm1()])
  await lab.apply(nic(spec))
  await lab.becomes('nic', 'abc Unknown Binding')
  await lab.plugs('abc', 'nic')
  await lab.becomes('nic', 'abc True InSync')
}

describe('an interface whose guest is on one host', () => {
  it('is bound there with a finalizer and the guest’s UUID: four writes, and then none', async () => {
    await lab.tells('abc', [vm1()])
    // By then the controller has heard of the guest.
    await lab.apply(nic({}, 'other'))
    await lab.becomes('other', 'abc Unknown Binding')
    const before = await writesOf(lab.cluster, 'guestinterfaces')
    await lab.apply(nic())
    const found = await lab.becomes('nic', 'abc Unknown Binding')
    expect(found?.metadata.finalizers).toEqual([finalizer])
    expect(found?.status).toMatchObject({ guestUUID: one, observedGeneration: 1 })
    expect(found?.status?.conditions?.map(({ type, status }) => `${type} ${status}`)).toEqual([
      'Ready Unknown',
    ])
    await lab.plugs('abc', 'nic')
    // The controller leaves that alone; it has seen it by the time that it has bound the next one.
    await lab.apply(nic({}, 'third'))
    await lab.becomes('third', 'abc Unknown Binding')
    expect(await lab.binding('nic')).toBe('abc True InSync')
    // Each is created, gets its finalizer and is bound; of one the agent has written port and result.
    expect(await writesSince(before, lab.cluster, 'guestinterfaces')).toEqual({
      'APPLY 201': 2,
      'PATCH 200': 2,
      'APPLY status 200': 2 + 2,
    })
  })

  it('goes at once when it was never bound, and when it is bound once its port is free', async () => {
    await lab.apply(nic())
    const found = await lab.becomes('nic', '- False GuestNotFound')
    expect(found?.metadata.finalizers).toBeUndefined()
    await lab.delete('GuestInterface', 'nic')
    expect(await lab.binding('nic')).toBe('gone')

    await bound()
    await lab.delete('GuestInterface', 'nic')
    await lab.eventually(
      async () => (await lab.interface('nic')).metadata.deletionTimestamp !== undefined,
      true,
    )
    expect(await lab.binding('nic')).toBe('abc True InSync')
    await lab.letsGo('abc', 'nic')
    await lab.becomes('nic', 'gone')
  })

  it('says while it is deleted that it waits for a silent agent, and goes with its host', async () => {
    await lab.join('ghi')
    await lab.tells('ghi', [vm1()])
    await lab.apply(nic())
    await lab.becomes('nic', 'ghi Unknown Binding')
    await lab.plugs('ghi', 'nic')
    await lab.falls('ghi')
    await lab.delete('GuestInterface', 'nic')
    const waiting = await lab.becomes('nic', 'ghi True InSync Held AgentSilent')
    const held = waiting?.status?.conditions?.find(({ type }) => type === 'Held')
    expect(held?.message).toContain('agent of host ghi, which is silent')
    await lab.eventually(async () => (await lab.events('nic')).at(-1), 'Warning AgentSilent')
    await lab.leave('ghi')
    await lab.becomes('nic', 'gone')
  })

  it('waits when its host is gone with its Node, goes on when that is back, and is bound anew where its guest is', async () => {
    await lab.join('ghi')
    await lab.tells('ghi', [vm1()])
    await lab.apply(nic())
    await lab.becomes('nic', 'ghi Unknown Binding')
    await lab.plugs('ghi', 'nic')
    await lab.leave('ghi')
    const waiting = await lab.becomes('nic', 'ghi Unknown HostGone')
    expect(waiting?.status?.port?.hostName).toBe('ghi')
    // As a kubelet does it that registers anew.
    await lab.join('ghi')
    await lab.tells('ghi', [vm1()])
    await lab.plugs('ghi', 'nic')
    await lab.becomes('nic', 'ghi True InSync')

    await lab.leave('ghi')
    await lab.becomes('nic', 'ghi Unknown HostGone')
    await lab.tells('def', [vm1({ running: false })])
    await lab.becomes('nic', 'def Unknown Binding')
  })
})

describe('an interface that cannot be bound', () => {
  it('waits for a guest that is nowhere, and says how many hosts were looked at', async () => {
    await lab.apply(nic())
    const found = await lab.becomes('nic', '- False GuestNotFound')
    const ready = found?.status?.conditions?.find(({ type }) => type === 'Ready')
    expect(ready?.message).toMatch(/^No guest vm1 on any of \d hosts/)
    expect(found?.status?.observedGeneration).toBe(1)
    await lab.apply(nic({ link: { state: 'down' } }))
    await lab.eventually(async () => (await lab.interface('nic')).status?.observedGeneration, 2)
    await lab.tells('abc', [vm1()])
    await lab.becomes('nic', 'abc Unknown Binding')
    // Being bound is on the way to a result.
    await lab.eventually(() => lab.events('nic').then((all) => all.slice(-1)), ['Warning GuestNotFound'])
  })

  it('is ambiguous between two hosts, unless pinned', async () => {
    await lab.tells('abc', [vm1()])
    await lab.tells('def', [vm1({ uuid: two })])
    await lab.apply(nic())
    const found = await lab.becomes('nic', '- False GuestAmbiguous')
    expect(found?.status?.conditions?.find(({ type }) => type === 'Ready')?.message).toContain('abc, def')
    await lab.apply(nic({ hostName: 'def' }))
    const pinned = await lab.becomes('nic', 'def Unknown Binding')
    expect(pinned?.status?.guestUUID).toBe(two)
  })

  it('says that its guest is not where it is pinned to', async () => {
    await lab.tells('abc', [vm1()])
    await lab.apply(nic({ hostName: 'def' }))
    const found = await lab.becomes('nic', '- False GuestNotFound')
    expect(found?.status?.conditions?.find(({ type }) => type === 'Ready')?.message).toContain('it is on abc')
  })

  it('may not touch a guest of others, until an admin grants it', async () => {
    await lab.tells('abc', [vm1()])
    await lab.apply(grant({ namespace: 'shop' }))
    await lab.apply(nic())
    await lab.becomes('nic', '- False NotOwned')
    await lab.apply(grant({}))
    await lab.becomes('nic', 'abc Unknown Binding')
  })

  it('may not name what is the host’s own where its namespace lost the label', async () => {
    const label = (value: string | null) =>
      lab.patch('/api/v1/namespaces/default', {
        metadata: { labels: { 'patchbay.dev/host-sources': value } },
      })
    await label('allowed')
    // The policy is asked at admission, by a label that is watched; who is in before that is asked again.
    const applied = () => lab.apply(nic({ source: { bridge: { name: 'br0' } } })).then(() => 'in', String)
    await expect.poll(applied).toBe('in')
    await lab.becomes('nic', '- False GuestNotFound')
    await label(null)
    await lab.tells('abc', [vm1()])
    await lab.becomes('nic', '- False HostSourceNotAllowed')
    await label('allowed')
    await lab.becomes('nic', 'abc Unknown Binding')
    await lab.plugs('abc', 'nic')
    await label(null)
    await lab.becomes('nic', 'abc True InSync Held HostSourceNotAllowed')
  })

  it('may not use a Network that does not allow its namespace', async () => {
    await lab.tells('abc', [vm1()])
    await lab.apply(
      network('lan', { forward: { mode: 'bridge' }, bridge: { name: 'br0' }, allowedNamespaces: ['shop'] }),
    )
    await lab.apply(nic())
    await lab.becomes('nic', '- False NamespaceNotAllowed')
    await removed('lan')
    await lab.becomes('nic', 'abc Unknown Binding')
  })
})

describe('an interface that is bound', () => {
  it('keeps what it has when its grant is withdrawn, is held, and goes when it is deleted', async () => {
    await bound()
    await lab.apply(grant({ guests: [{ name: 'others' }] }))
    const found = await lab.becomes('nic', 'abc True InSync Held NotOwned')
    expect(found?.status?.port?.hostName).toBe('abc')
    await lab.apply(grant({}))
    await lab.becomes('nic', 'abc True InSync')
    await lab.apply(grant({ guests: [{ name: 'others' }] }))
    await lab.becomes('nic', 'abc True InSync Held NotOwned')
    await lab.delete('GuestInterface', 'nic')
    await lab.letsGo('abc', 'nic')
    await lab.becomes('nic', 'gone')
  })

  it('stays while its guest is on no host, and while a migration has it on both', async () => {
    await bound()
    await lab.tells('abc', [])
    await lab.apply(nic({}, 'other'))
    await lab.becomes('other', '- False GuestNotFound')
    expect(await lab.binding('nic')).toBe('abc True InSync')
    await lab.tells('abc', [vm1()])
    await lab.becomes('other', 'abc Unknown Binding')
    await lab.tells('def', [vm1(), vm1({ name: 'vm2', uuid: two })])
    await lab.apply(guestInterface('third', 'vm2', inNetwork('lan')))
    await lab.becomes('third', 'def Unknown Binding')
    expect(await lab.binding('nic')).toBe('abc True InSync')
  })

  it('moves with its guest: the old agent lets go before the new one is told', async () => {
    await bound()
    await lab.tells('def', [vm1()])
    await lab.tells('abc', [vm1({ running: false })])
    const moving = await lab.becomes('nic', 'abc > def True InSync')
    expect(moving?.status?.port?.hostName).toBe('abc')
    await lab.letsGo('abc', 'nic')
    const moved = await lab.becomes('nic', 'def Unknown Binding')
    expect(moved?.status).not.toHaveProperty('nextHostName')
    expect(moved?.status).not.toHaveProperty('port')
    await lab.plugs('def', 'nic')
    expect(await lab.binding('nic')).toBe('def True InSync')
    // And whoever was told otherwise is denied.
    await expect(lab.plugs('abc', 'nic')).rejects.toThrow(/this one is bound to def/)
  })

  it('stays when its guest comes back before it was let go', async () => {
    await bound()
    await lab.tells('abc', [])
    await lab.tells('def', [vm1({ running: false })])
    await lab.becomes('nic', 'abc > def True InSync')
    await lab.tells('abc', [vm1()])
    await lab.becomes('nic', 'abc True InSync')
  })

  it('is taken from a silent agent only when its guest runs elsewhere', async () => {
    await bound()
    await lab.falls('abc')
    await lab.tells('def', [vm1({ running: false })])
    await lab.apply(nic({}, 'other'))
    // It runs on the silent one as far as is known.
    await lab.becomes('other', '- False AgentSilent')
    expect(await lab.binding('nic')).toBe('abc True InSync')
    await lab.tells('def', [vm1()])
    const moved = await lab.becomes('nic', 'def Unknown Binding')
    expect(moved?.status?.port?.hostName).toBe('abc')
    await lab.plugs('def', 'nic')
    expect((await lab.interface('nic')).status?.port?.hostName).toBe('def')
    await lab.becomes('other', 'def Unknown Binding')
  })

  it('says of a MAC address that another interface has too, as long as that is so', async () => {
    const mac = '52:54:00:00:00:01'
    await bound({ mac })
    await lab.apply(nic({ mac }, 'other'))
    await lab.becomes('other', 'abc Unknown Binding MacDuplicate')
    const found = await lab.becomes('nic', 'abc True InSync MacDuplicate')
    const duplicate = found?.status?.conditions?.find(({ type }) => type === 'MacDuplicate')
    expect(duplicate).toMatchObject({ status: 'True', reason: 'MacDuplicate' })
    expect(duplicate?.message).toContain('default/other')
    await lab.delete('GuestInterface', 'other')
    await lab.becomes('nic', 'abc True InSync')
    await lab.eventually(async () => (await lab.events('nic')).at(-1), 'Warning MacDuplicate')
  })
})

describe('a Network', () => {
  const told = (more: object = {}) => ({
    name: 'lan',
    objectName: 'lan',
    observedGeneration: 1,
    inSync: true,
    restartRequired: false,
    ...more,
  })
  const status = async () =>
    (await lab.get<Extract<AnyResource, { kind: 'Network' }>>('Network', 'lan'))?.status
  const onHosts = {
    hostSelector: {
      matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In' as const, values: ['abc', 'def'] }],
    },
  }

  it('counts hosts, names those that fail, and goes when none has it any more', async () => {
    await lab.apply(network('lan', { bridge: { name: 'lan0' }, ...onHosts }))
    await lab.eventually(() => lab.ready('Network', 'lan'), 'Unknown HostsPending')
    await lab.tells('abc', [], [told()])
    await lab.tells(
      'def',
      [],
      [told({ inSync: false, reason: 'BridgeNameTaken', message: 'bridge.name: taken' })],
    )
    await lab.eventually(() => lab.ready('Network', 'lan'), 'False BridgeNameTaken')
    expect(await status()).toMatchObject({
      hosts: { selected: 2, inSync: 1, restartRequired: 0, failing: 1 },
      failures: [{ hostName: 'def', reason: 'BridgeNameTaken', message: 'bridge.name: taken' }],
      observedGeneration: 1,
    })
    await lab.tells(
      'def',
      [],
      [told({ inSync: false, restartRequired: true, reason: 'RestartRequired', message: 'mtu' })],
    )
    await lab.eventually(() => lab.ready('Network', 'lan'), 'False RestartRequired')
    await lab.tells('def', [], [told()])
    await lab.eventually(() => lab.ready('Network', 'lan'), 'True InSync')
    expect(await status()).toMatchObject({ hosts: { selected: 2, inSync: 2 }, failures: [] })

    await lab.delete('Network', 'lan')
    await lab.tells('abc', [], [])
    await lab.tells('def', [], [told({ inSync: false, reason: 'NetworkInUse', message: 'used by vm1' })])
    await lab.eventually(() => lab.ready('Network', 'lan'), 'False NetworkInUse')
    await lab.tells('def', [], [])
    await lab.eventually(status, undefined)
  })

  it('is ambiguous with another of its name, and in force nowhere where it selects nothing', async () => {
    await lab.apply(
      network('lan', { bridge: { name: 'lan0' } }),
      network('lan2', { networkName: 'lan', bridge: { name: 'lan1' } }),
    )
    await lab.eventually(() => lab.ready('Network', 'lan'), 'False NetworkAmbiguous')
    await lab.eventually(() => lab.ready('Network', 'lan2'), 'False NetworkAmbiguous')
    await lab.apply(network('lan2', { networkName: 'lan', hostSelector: { matchLabels: { rack: 'none' } } }))
    await lab.eventually(() => lab.ready('Network', 'lan2'), 'True NoHostSelected')
    await lab.eventually(() => lab.ready('Network', 'lan'), 'Unknown HostsPending')
    await removed('lan', 'lan2')
  })

  it('has port groups of which the manifests say one thing each', async () => {
    await lab.apply(portGroup('sales', 'lan', { default: true }))
    await lab.eventually(() => lab.ready('PortGroup', 'sales'), 'False NetworkNotFound')
    await lab.apply(network('lan', { bridge: { name: 'lan0' } }))
    await lab.eventually(() => lab.ready('PortGroup', 'sales'), 'True Accepted')
    await lab.apply(
      portGroup('shop', 'lan', { default: true }),
      portGroup('reserved', 'lan', { groupName: 'patchbay' }),
    )
    await lab.eventually(() => lab.ready('PortGroup', 'sales'), 'False PortGroupAmbiguous')
    await lab.eventually(() => lab.ready('PortGroup', 'shop'), 'False PortGroupAmbiguous')
    await lab.eventually(() => lab.ready('PortGroup', 'reserved'), 'False PortGroupReserved')
    await lab.delete('PortGroup', 'shop')
    await lab.eventually(() => lab.ready('PortGroup', 'sales'), 'True Accepted')
    for (const name of ['sales', 'reserved']) await lab.delete('PortGroup', name)
    await removed('lan')
  })
})

it('writes nothing when nothing changes', async () => {
  await bound()
  await lab.apply(guestInterface('other', 'vm3', inNetwork('lan')))
  await lab.becomes('other', '- False GuestNotFound')
  const [interfaces, networks, portGroups] = [
    await writesOf(lab.cluster, 'guestinterfaces'),
    await writesOf(lab.cluster, 'networks'),
    await writesOf(lab.cluster, 'portgroups'),
  ]
  // Something else of the host changes: whoever it concerned has been looked at when the other one is bound, by what Hosts tell next.
  await lab.tells('abc', [vm1(), vm1({ name: 'vm2', uuid: two })])
  await lab.tells('abc', [vm1()])
  await lab.tells('def', [vm1({ name: 'vm3', uuid: two })])
  await lab.becomes('other', 'def Unknown Binding')
  expect(await writesSince(interfaces, lab.cluster, 'guestinterfaces')).toEqual({
    'PATCH 200': 1,
    'APPLY status 200': 1,
  })
  expect(await writesSince(networks, lab.cluster, 'networks')).toEqual({})
  expect(await writesSince(portGroups, lab.cluster, 'portgroups')).toEqual({})
})

describe('with deploy/finalizer-at-creation beside the deployment', () => {
  const created = async (name: string, finalizers: string[], ...options: string[]) => {
    const manifest = { ...nic({}, name), metadata: { name, namespace: 'default', finalizers } }
    const said = await lab.cluster.admin.kubectlWith([manifest], 'create', '-ojson', '-f-', ...options)
    return (JSON.parse(said) as GuestInterface).metadata.finalizers
  }

  beforeAll(async () => {
    const policy = path.join(repository, 'deploy/finalizer-at-creation')
    await lab.cluster.kubectl('apply', '-k', policy, '--warnings-as-errors')
    await lab.eventually(() => created('try', [], '--dry-run=server'), [finalizer])
  })

  it('an interface has the finalizer before anybody has seen it: three writes', async () => {
    await lab.tells('abc', [vm1()])
    await lab.apply(nic({}, 'other'))
    await lab.becomes('other', 'abc Unknown Binding')
    const before = await writesOf(lab.cluster, 'guestinterfaces')
    await lab.apply(nic())
    await lab.becomes('nic', 'abc Unknown Binding')
    await lab.plugs('abc', 'nic')
    await lab.becomes('nic', 'abc True InSync')
    // Whoever applies it again takes nothing away.
    await lab.apply(nic({ model: 'virtio' }))
    expect((await lab.interface('nic')).metadata.finalizers).toEqual([finalizer])
    expect(await writesSince(before, lab.cluster, 'guestinterfaces')).toEqual({
      'APPLY 201': 1,
      'APPLY 200': 1,
      'APPLY status 200': 1 + 2,
    })
  })

  it('it keeps the finalizers of others, and has ours once', async () => {
    const others = 'example.com/other'
    expect(await created('try', [others], '--dry-run=server')).toEqual([others, finalizer])
    expect(await created('try', [finalizer], '--dry-run=server')).toEqual([finalizer])
  })

  it('it goes at once when it was never bound', async () => {
    expect(await created('nic', [])).toEqual([finalizer])
    await lab.becomes('nic', '- False GuestNotFound')
    await lab.delete('GuestInterface', 'nic')
    await lab.becomes('nic', 'gone')
  })
})
