import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Use } from '../../../../src/core/ledger/ledger.ts'
import {
  blockedBy,
  type Claim,
  choosePort as choosePortOf,
  keepsPort,
  obstacle,
} from '../../../../src/core/ledger/pool.ts'
import { poolStatus } from '../../../../src/core/ledger/pool-status.ts'
import { UsesByDevice } from '../../../../src/core/ledger/uses-by-device.ts'
import type { Link } from '../../../../src/core/link.ts'
import type { Port } from '../../../../src/core/port.ts'
import type { Plug, Pool } from '../../../../src/core/resolve/plug.ts'
import { link } from '../definitions.ts'

const own: Pool = { network: 'testA', mode: 'passthrough', devices: ['eth1', 'eth2'], exclusive: true }
const shared: Pool = { ...own, mode: 'vepa', devices: ['eth1', 'eth2', 'eth3'], exclusive: false }
const functions: Pool = {
  network: 'testA',
  mode: 'hostdev',
  devices: ['0000:03:10.1'],
  exclusive: true,
  managed: true,
}
const links = ['eth1', 'eth2', 'eth3'].map((name) => link(name))
const self = 'default/self'
const claim: Claim = { self, waiting: [] }
const use = (device: string, name: string, exclusive = false): Use => ({
  device,
  holder: { kind: 'interface', name },
  exclusive,
})
const strangers: Use[] = [
  { device: 'eth1', holder: { kind: 'guest', name: 'theirs' }, exclusive: false },
  { device: 'eth2', holder: { kind: 'link', name: 'macvtap7' }, exclusive: false },
]
const on = (dev: string, { mode, network }: Pool) => ({ port: { kind: 'direct', dev, mode, network } })

const choosePort = (pool: Pool, uses: Use[], links: Link[], claim: Claim) =>
  choosePortOf(pool, new UsesByDevice(uses), links, claim)

describe('an obstacle', () => {
  test.each<[string, Partial<Link>, string]>([
    [
      'an address',
      { addresses: ['192.0.2.1/24', '2001:db8::1/64'] },
      'carries the address 192.0.2.1/24, 2001:db8::1/64',
    ],
    ['the default route', { defaultRoute: true }, 'carries the default route'],
    ['a bridge or bond', { master: 'br0' }, 'enslaved to br0'],
  ])('is %s, also to a shared mode and to a function by its link', (_, more, message) => {
    const found = { reason: 'DeviceInUse', message }
    expect(obstacle('eth1', own, [], [link('eth1', more)])).toEqual(found)
    expect(obstacle('eth1', shared, [], [link('eth1', more)])).toEqual(found)
    const asLink = link('eth1', { ...more, pciAddress: '0000:03:10.1' })
    expect(obstacle('0000:03:10.1', functions, [], [asLink])).toEqual(found)
  })

  test('is a link that is not there; a function may have none', () => {
    expect(obstacle('eth9', own, [], links)).toEqual({
      reason: 'DeviceNotFound',
      message: 'no such link on this host',
    })
    expect(obstacle('0000:03:10.1', functions, [], links)).toBeUndefined()
  })

  test('is a guest of somebody else and a link nobody explains, in every mode', () => {
    for (const pool of [own, shared]) {
      expect(obstacle('eth1', pool, strangers, links)?.message).toBe(
        'used by guest theirs, which is not managed here',
      )
      expect(obstacle('eth2', pool, strangers, links)?.message).toBe(
        'used by link macvtap7, which is not managed here',
      )
    }
  })

  test.each<[string, Pool, Use, blocked: boolean]>([
    ['shared beside shared', shared, use('eth1', 'default/a'), false],
    ['shared beside exclusive', shared, use('eth1', 'default/a', true), true],
    ['exclusive beside shared', own, use('eth1', 'default/a'), true],
    ['exclusive beside exclusive', own, use('eth1', 'default/a', true), true],
    ['exclusive beside itself', own, use('eth1', self, true), false],
  ])('%s', (_, pool, other, blocked) => {
    const expected = blocked ? { reason: 'Held', message: 'held by default/a' } : undefined
    expect(obstacle('eth1', pool, [other], links, self)).toEqual(expected)
    expect(blockedBy('eth1', pool.exclusive, [other], self)).toBe(blocked ? other : undefined)
  })
})

describe('the choice', () => {
  test.each<[string, Pool, Use[], string]>([
    ['exclusive: the first without a user', own, [use('eth1', 'default/a', true)], 'eth2'],
    ['exclusive: the order of the list', { ...own, devices: ['eth2', 'eth1'] }, [], 'eth2'],
    ['shared: the order of the list', { ...shared, devices: ['eth2', 'eth1'] }, [], 'eth2'],
    [
      'shared: the least used one',
      shared,
      [use('eth1', 'default/a'), use('eth2', 'default/b'), use('eth2', 'default/c')],
      'eth3',
    ],
    [
      'shared: the order of the list where they are used alike',
      shared,
      [use('eth1', 'default/a'), use('eth2', 'default/b'), use('eth3', 'default/c')],
      'eth1',
    ],
    ['shared: none that somebody has to himself', shared, [use('eth1', 'default/a', true)], 'eth2'],
    ['what it holds already', shared, [use('eth3', self), use('eth3', 'default/a')], 'eth3'],
    ['what it holds already, to itself', own, [use('eth2', self, true)], 'eth2'],
  ])('%s', (_, pool, uses, dev) => {
    expect(choosePort(pool, uses, links, claim)).toEqual(on(dev, pool))
  })

  test('of a function says who detaches its driver', () => {
    expect(choosePort(functions, [], [], claim)).toEqual({
      port: { kind: 'hostdev', address: '0000:03:10.1', managed: true, network: 'testA' },
    })
  })

  test.each<[string, Link[]]>([
    ['got an address', [link('eth1'), link('eth2', { addresses: ['192.0.2.1/24'] })]],
    ['was put into a bridge', [link('eth1'), link('eth2', { master: 'br0' })]],
    ['is gone', [link('eth1')]],
  ])('stays on a device that %s', (_, shown) => {
    expect(choosePort(own, [use('eth2', self, true)], shown, claim)).toEqual(on('eth2', own))
  })

  test('leaves a device that another one holds too', () => {
    const uses = [use('eth1', self), use('eth1', 'default/a')]
    expect(choosePort(own, uses, links, claim)).toEqual(on('eth2', own))
  })
})

describe('a refusal', () => {
  const start = 'No device of network testA is free '
  test.each<[string, Pool, Use[], Link[], Claim, reason: string, message: string]>([
    [
      'every device held',
      own,
      [use('eth1', 'default/a', true), use('eth2', 'default/b', true)],
      links,
      claim,
      'PoolExhausted',
      '(eth1: held by default/a; eth2: held by default/b). Remove an interface, or add a device to forward.interfaces',
    ],
    [
      'held and in use',
      own,
      [use('eth1', 'default/a', true)],
      [link('eth1'), link('eth2', { master: 'br0' })],
      claim,
      'PoolExhausted',
      '(eth1: held by default/a; eth2: enslaved to br0). Remove an interface, or add a device to forward.interfaces',
    ],
    [
      'in use and not there',
      own,
      [],
      [link('eth1', { defaultRoute: true })],
      claim,
      'DeviceInUse',
      '(eth1: carries the default route; eth2: no such link on this host). Free one of them, or add another to forward.interfaces',
    ],
    [
      'none there',
      { ...own, devices: ['eth8'] },
      [],
      links,
      claim,
      'DeviceNotFound',
      '(eth8: no such link on this host). Create one of them, or correct forward.interfaces',
    ],
    [
      'no device',
      { ...functions, devices: [] },
      [],
      links,
      claim,
      'DeviceNotFound',
      '(it has no devices). Create one of them, or correct forward.addresses',
    ],
    [
      'kept for one that waits longer',
      own,
      [use('eth1', 'default/a', true)],
      links,
      { self, waiting: [{ key: 'default/b', since: '2024-01-01T00:00:00Z' }] },
      'PoolExhausted',
      '(eth1: held by default/a; eth2: kept for one that waits longer; waiting longer: default/b). Remove an interface, or add a device to forward.interfaces',
    ],
  ])('%s', (_, pool, uses, shown, claimed, reason, message) => {
    expect(choosePort(pool, uses, shown, claimed)).toEqual({ refusal: { reason, message: start + message } })
  })

  test('of a pool of hundreds names ten', () => {
    const devices = Array.from({ length: 256 }, (_, i) => `eth${i}`)
    const chosen = choosePort({ ...own, devices }, [], [], claim)
    expect(chosen).toMatchObject({
      refusal: { message: expect.stringMatching(/eth9: no such link on this host; and 246 more\)\./) },
    })
  })
})

test('a freed device goes to the longest waiting, whoever asks first and however often', () => {
  const since = fc.nat(4).map((n) => `2024-01-01T00:00:0${n}.000Z`)
  const waiters = fc.array(since, { minLength: 1, maxLength: 6 }).chain((times) => {
    const all = times.map((time, i) => ({ key: `default/${'abcdef'[i]}`, since: time }))
    return fc.tuple(
      fc.constant(all),
      fc.array(fc.constantFrom(...all.map(({ key }) => key)), { maxLength: 12 }),
      fc.shuffledSubarray(
        all.map(({ key }) => key),
        { minLength: all.length },
      ),
    )
  })
  fc.assert(
    fc.property(waiters, fc.integer({ min: 0, max: 3 }), ([all, random, everybody], count) => {
      const devices = ['eth1', 'eth2', 'eth3'].slice(0, count)
      const uses: Use[] = []
      let waiting = all
      const ask = (key: string, waitingSince?: string) => {
        const chosen = choosePort({ ...own, devices }, uses, links, {
          self: key,
          waitingSince,
          waiting: waiting.filter((other) => other.key !== key),
        })
        if (!('port' in chosen) || chosen.port.kind !== 'direct') return
        uses.push(use(chosen.port.dev, key, true))
        waiting = waiting.filter((other) => other.key !== key)
      }
      // The last one is new, and has no place in the queue yet. Every one that is refused is asked again.
      const round = () => {
        for (const key of [...random, ...everybody]) {
          const place = waiting.find((each) => each.key === key)
          if (place) ask(key, place.since)
          if (!uses.some(({ holder }) => holder.name === 'default/new')) ask('default/new')
        }
      }
      for (const _ of all) round()
      const inOrder = [...all].sort((a, b) => (a.since + a.key < b.since + b.key ? -1 : 1))
      const served = new Set(uses.map(({ holder }) => holder.name))
      const expected = [...inOrder.map(({ key }) => key), 'default/new'].slice(0, count)
      expect(served).toEqual(new Set(expected))
      expect(new Set(uses.map(({ device }) => device)).size).toBe(uses.length)
    }),
    { numRuns: 500 },
  )
})

test('in a shared mode nobody gives way', () => {
  const waiting = [{ key: 'default/a', since: '2024-01-01T00:00:00Z' }]
  expect(choosePort({ ...shared, devices: ['eth1'] }, [], links, { self, waiting })).toEqual(
    on('eth1', shared),
  )
})

const pool: Plug = { ...own, kind: 'pool', forwardMode: 'passthrough' }
const fixed = (port: Port): Plug => ({ kind: 'fixed', port })
const device: Port = { kind: 'direct', dev: 'eth1', mode: 'passthrough', network: 'testA' }

test.each<[string, Plug, Port, boolean]>([
  ['a device of the pool', pool, device, true],
  ['a device that was taken out of the pool', pool, { ...device, dev: 'eth9' }, true],
  ['a device of another network', pool, { ...device, network: 'testB' }, false],
  [
    'a device that the interface named itself',
    pool,
    { kind: 'direct', dev: 'eth1', mode: 'passthrough' },
    false,
  ],
  ['a device in another mode', pool, { ...device, mode: 'vepa' }, false],
  ['a bridge for a pool', pool, { kind: 'bridge', bridge: 'br0' }, false],
  [
    'a function of a pool',
    { ...functions, kind: 'pool', forwardMode: 'hostdev' },
    { kind: 'hostdev', address: '0000:03:10.1', network: 'testA' },
    true,
  ],
  [
    'a function for a pool of links',
    pool,
    { kind: 'hostdev', address: '0000:03:10.1', network: 'testA' },
    false,
  ],
  ['the same bridge', fixed({ kind: 'bridge', bridge: 'br0' }), { kind: 'bridge', bridge: 'br0' }, true],
  ['another bridge', fixed({ kind: 'bridge', bridge: 'br0' }), { kind: 'bridge', bridge: 'br1' }, false],
  [
    "a pool's device that the interface now names itself",
    fixed({ kind: 'direct', dev: 'eth1', mode: 'passthrough' }),
    device,
    false,
  ],
  [
    'a socket of which QEMU is to be the other side',
    fixed({ kind: 'vhostuser', path: '/run/v', mode: 'server' }),
    { kind: 'vhostuser', path: '/run/v', mode: 'client' },
    false,
  ],
  [
    'a function whose driver libvirt is now to detach',
    fixed({ kind: 'hostdev', address: '0000:03:10.1', managed: true }),
    { kind: 'hostdev', address: '0000:03:10.1' },
    false,
  ],
])('recorded: %s is kept: %4$s', (_, plug, port, kept) => {
  expect(keepsPort(plug, port)).toBe(kept)
})

test("a pool's status counts users, and says what keeps a device from being handed out", () => {
  const uses = [use('eth1', 'default/a', true), ...strangers.slice(1)]
  const shown = [link('eth1'), link('eth2'), link('eth3', { addresses: ['192.0.2.1/24'] })]
  expect(poolStatus({ ...own, devices: ['eth1', 'eth2', 'eth3', 'eth4'] }, uses, shown)).toEqual({
    network: 'testA',
    mode: 'passthrough',
    capacity: 4,
    inUse: 2,
    devices: [
      { name: 'eth1', users: 1 },
      { name: 'eth2', users: 1, unavailable: 'used by link macvtap7, which is not managed here' },
      { name: 'eth3', users: 0, unavailable: 'carries the address 192.0.2.1/24' },
      { name: 'eth4', users: 0, unavailable: 'no such link on this host' },
    ],
  })
})
