import { describe, expect, it } from 'vitest'
import { Wakes } from '../../../src/agent/wakes.ts'
import { aliasOf } from '../../../src/core/identity.ts'
import { type Key, keyName, type Resources, type Store, type StoredKind } from '../../../src/store/store.ts'
import { guestInterface, network } from '../core/manifests.ts'

const vm1 = { name: 'vm1', uuid: '00000000-0000-4000-8000-000000000001' }
const onBridge = (name: string, bridge: string) => ({
  ...guestInterface({ guest: { name: 'vm1' }, source: { network: { name: 'lan' } } }, name),
  status: { port: { kind: 'bridge' as const, name: bridge, hostName: 'abc', bridge } },
})
const objects: Resources[StoredKind][] = [
  onBridge('one', 'br0'),
  onBridge('two.b', 'br1'),
  guestInterface(
    { guest: { name: 'vm2' }, source: { bridge: { name: 'br0' } }, targetDevice: 'tap7' },
    'three',
  ),
  network('lan', { forward: { mode: 'bridge' }, bridge: { name: 'br1' } }),
]
const store = {
  list: (kind: StoredKind) => objects.filter((each) => each.kind === kind),
} as Partial<Store> as Store

const [one, two, three, lan, host] = [
  'GuestInterface/default/one',
  'GuestInterface/default/two.b',
  'GuestInterface/default/three',
  'Network/lan',
  'Host/abc',
]
const wakes = () => new Wakes(store, 'abc')
const names = (keys: Key[]) => keys.map(keyName).sort()

describe('a NIC that was plugged into a guest', () => {
  const added = (alias: string) => ({ kind: 'domain', event: 'device-added', ...vm1, alias }) as const

  it('wakes the interface that its alias names, and the inventory', () => {
    expect(names(wakes().ofLibvirt(added(aliasOf('default', 'two.b'))))).toEqual([two, host])
  })

  it("wakes all interfaces of the guest when it is somebody else's", () => {
    expect(names(wakes().ofLibvirt(added('net0')))).toEqual([one, two, host])
  })

  it('wakes its interface not while a pass plugs it in and reads it, and again afterwards', async () => {
    const [tested, alias] = [wakes(), aliasOf('default', 'one')]
    const key: Key = { kind: 'GuestInterface', namespace: 'default', name: 'one' }
    const during = await tested.during(key, async () => ({
      own: names(tested.ofLibvirt(added(alias))),
      removed: names(tested.ofLibvirt({ ...added(alias), event: 'device-removed' })),
      other: names(tested.ofLibvirt(added(aliasOf('default', 'two.b')))),
    }))
    expect(during).toEqual({ own: [host], removed: [one, two, host], other: [two, host] })
    await expect(tested.during(key, () => Promise.reject(new Error('refused')))).rejects.toThrow('refused')
    expect(names(tested.ofLibvirt(added(alias)))).toEqual([one, host])
  })
})

describe('changed links', () => {
  it('wake who is plugged into one of them, each once', () => {
    const tested = new Wakes(store, 'abc', () => undefined)
    tested.rememberLink({ kind: 'GuestInterface', namespace: 'default', name: 'one' }, 'vnet3')
    expect(names(tested.ofLinks(new Set(['vnet3', 'br0'])))).toEqual([one, host])
    expect(names(tested.ofLinks(new Set(['br1', 'tap7'])))).toEqual([three, two, host, lan])
    expect(names(tested.ofLinks(new Set(['eth0'])))).toEqual([host])
  })

  it('wake nobody where they are as they were found', () => {
    const shown: Record<string, string> = { vnet3: 'on br0', br0: 'a bridge' }
    const tested = new Wakes(store, 'abc', (link) => shown[link])
    const key: Key = { kind: 'GuestInterface', namespace: 'default', name: 'two.b' }
    const told = (link: string) => names(tested.ofLinks(new Set([link])))
    tested.rememberLink(key, 'vnet3')
    expect(told('vnet3')).toEqual([host])
    shown.vnet3 = 'on br1'
    expect(told('vnet3')).toEqual([two, host])
    tested.rememberLink(key, 'vnet3')
    expect(told('vnet3')).toEqual([host])
    delete shown.vnet3
    expect(told('vnet3')).toEqual([two, host])

    expect(told('br0')).toEqual([one, host])
    expect(told('br0')).toEqual([host])
    shown.br0 = 'another bridge'
    // Another pass that looks at it makes it no older news for those that looked before.
    tested.rememberPlace('br0')
    expect(told('br0')).toEqual([one, host])
    // Something was told that nobody heard.
    tested.ofLinks(undefined)
    expect(told('br0')).toEqual([one, host])
    tested.ofLinks(undefined)
    tested.rememberPlace('br0')
    expect(told('br0')).toEqual([host])
  })

  it('wake whoever looked before a bridge was there, also when another has seen it meanwhile', () => {
    const shown: Record<string, string> = {}
    const tested = new Wakes(store, 'abc', (link) => shown[link])
    tested.rememberPlace('br0')
    shown.br0 = 'a bridge'
    tested.rememberPlace('br0')
    expect(names(tested.ofLinks(new Set(['br0'])))).toEqual([one, host])
    expect(names(tested.ofLinks(new Set(['br0'])))).toEqual([host])
  })

  it('wake everybody when nobody knows which they are', () => {
    expect(names(wakes().ofLinks(undefined))).toEqual([one, three, two, host, lan])
  })
})
