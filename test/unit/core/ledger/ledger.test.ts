import { expect, test } from 'vitest'
import type { VirtualPortType } from '../../../../src/api/settings.ts'
import type { InterfaceDefinition } from '../../../../src/core/definition.ts'
import {
  deviceOf,
  isExclusive,
  type Use,
  usesOf,
  type Witnesses,
} from '../../../../src/core/ledger/ledger.ts'
import type { Port } from '../../../../src/core/port.ts'
import { link, macvtap } from '../definitions.ts'

test.each<[Port, VirtualPortType | undefined, device: string | undefined, exclusive: boolean]>([
  [{ kind: 'direct', dev: 'eth1', mode: 'passthrough' }, undefined, 'eth1', true],
  [{ kind: 'direct', dev: 'eth1', mode: 'private' }, '802.1Qbh', 'eth1', true],
  [{ kind: 'direct', dev: 'eth1', mode: 'private' }, '802.1Qbg', 'eth1', false],
  [{ kind: 'direct', dev: 'eth1', mode: 'private' }, undefined, 'eth1', false],
  [{ kind: 'direct', dev: 'eth1', mode: 'vepa' }, '802.1Qbh', 'eth1', false],
  [{ kind: 'direct', dev: 'eth1', mode: 'bridge' }, undefined, 'eth1', false],
  [{ kind: 'hostdev', address: '0000:03:10.1' }, undefined, '0000:03:10.1', true],
  [{ kind: 'bridge', bridge: 'br0' }, undefined, undefined, false],
  [{ kind: 'network', network: 'default' }, undefined, undefined, false],
  [{ kind: 'user' }, undefined, undefined, false],
])('%o with %s: device %s, to itself: %s', (port, type, device, exclusive) => {
  expect(deviceOf(port)).toBe(device)
  expect(isExclusive(port, type)).toBe(exclusive)
})

const own: Port = { kind: 'direct', dev: 'eth1', mode: 'passthrough' }
const shared: Port = { kind: 'direct', dev: 'eth1', mode: 'vepa' }
const vm1 = { kind: 'interface', name: 'default/vm1' } as const
const vm2 = { kind: 'interface', name: 'default/vm2' } as const
const ours = (port: Port, more: Partial<InterfaceDefinition> = {}): InterfaceDefinition => ({
  port,
  alias: 'ua-patchbay-default_vm1',
  settings: {},
  ...more,
})
const guest = (name: string, ...interfaces: InterfaceDefinition[]) => ({
  name,
  uuid: name,
  interfaces,
  assignedDevices: [],
})
const recorded = (port: Port, key = 'default/vm1') => ({ key, port })

test.each<[string, Partial<Witnesses>, Use[]]>([
  ['nobody says anything', { links: [link('eth1')] }, []],
  ['only status', { recorded: [recorded(own)] }, [{ device: 'eth1', holder: vm1, exclusive: true }]],
  [
    'only a definition',
    { guests: [guest('g', ours(own))] },
    [{ device: 'eth1', holder: vm1, exclusive: true }],
  ],
  [
    'only the kernel',
    { links: [macvtap('macvtap0', 'eth1')] },
    [{ device: 'eth1', holder: { kind: 'link', name: 'macvtap0' }, exclusive: true }],
  ],
  [
    'all three of one interface, live and saved',
    {
      guests: [guest('g', ours(own, { device: 'macvtap0' }), ours(own))],
      links: [macvtap('macvtap0', 'eth1')],
      recorded: [recorded(own)],
    },
    [{ device: 'eth1', holder: vm1, exclusive: true }],
  ],
  [
    'a guest of somebody else',
    { guests: [guest('theirs', ours(shared, { alias: 'net0' }))] },
    [{ device: 'eth1', holder: { kind: 'guest', name: 'theirs' }, exclusive: false }],
  ],
  [
    'a plain host device of somebody else',
    { guests: [{ ...guest('theirs'), assignedDevices: ['0000:03:10.1'] }] },
    [{ device: '0000:03:10.1', holder: { kind: 'guest', name: 'theirs' }, exclusive: true }],
  ],
  [
    'a guest copied from ours, its alias and all',
    {
      guests: [guest('copy', ours(own))],
      recorded: [recorded(own)],
      belonging: [{ key: 'default/vm1', guest: { uuid: 'G' } }],
    },
    [
      { device: 'eth1', holder: { kind: 'guest', name: 'copy' }, exclusive: true },
      { device: 'eth1', holder: vm1, exclusive: true },
    ],
  ],
  [
    'a guest copied from ours, of an interface that was never looked at or is forgotten',
    {
      guests: [guest('copy', ours(own)), guest('g', ours(shared))],
      belonging: [{ key: 'default/vm1', guest: { name: 'g' } }],
    },
    [
      { device: 'eth1', holder: { kind: 'guest', name: 'copy' }, exclusive: true },
      { device: 'eth1', holder: vm1, exclusive: false },
    ],
  ],
  [
    'a macvtap that is made and not yet in the definition',
    { links: [macvtap('macvtap0', 'eth1')], recorded: [recorded(own)] },
    [{ device: 'eth1', holder: vm1, exclusive: true }],
  ],
  [
    'a macvtap of the recorded device that has another MAC address',
    {
      links: [macvtap('macvtap0', 'eth1', 'passthrough', '52:54:00:00:00:0a')],
      recorded: [{ ...recorded(own), mac: '52:54:00:00:00:0b' }],
    },
    [
      { device: 'eth1', holder: vm1, exclusive: true },
      { device: 'eth1', holder: { kind: 'link', name: 'macvtap0' }, exclusive: true },
    ],
  ],
  [
    'one macvtap more than are on their way',
    {
      links: [macvtap('macvtap0', 'eth1', 'vepa'), macvtap('macvtap1', 'eth1', 'vepa')],
      recorded: [recorded(shared)],
    },
    [
      { device: 'eth1', holder: vm1, exclusive: false },
      { device: 'eth1', holder: { kind: 'link', name: 'macvtap1' }, exclusive: false },
    ],
  ],
  [
    'a second macvtap beside the one that is plugged',
    {
      guests: [guest('g', ours(shared, { device: 'macvtap0' }))],
      links: [macvtap('macvtap0', 'eth1', 'vepa'), macvtap('macvtap1', 'eth1', 'vepa')],
      recorded: [recorded(shared)],
    },
    [
      { device: 'eth1', holder: vm1, exclusive: false },
      { device: 'eth1', holder: { kind: 'link', name: 'macvtap1' }, exclusive: false },
    ],
  ],
  [
    'a macvtap that the kernel shows on another device than the definition',
    {
      guests: [guest('g', ours(shared, { device: 'macvtap0' }))],
      links: [macvtap('macvtap0', 'eth2', 'vepa')],
    },
    [
      { device: 'eth1', holder: vm1, exclusive: false },
      { device: 'eth2', holder: { kind: 'link', name: 'macvtap0' }, exclusive: false },
    ],
  ],
  [
    'a tap that happens to have the name a definition gives another kind of interface',
    {
      guests: [guest('g', ours({ kind: 'bridge', bridge: 'br0' }, { device: 'data0' }))],
      links: [macvtap('data0', 'eth1', 'vepa')],
    },
    [{ device: 'eth1', holder: { kind: 'link', name: 'data0' }, exclusive: false }],
  ],
  [
    'a function of the host that is a link too',
    {
      guests: [{ ...guest('theirs'), assignedDevices: ['0000:03:10.1'] }],
      links: [link('eth1', { pciAddress: '0000:03:10.1' })],
      recorded: [recorded({ kind: 'direct', dev: 'eth1', mode: 'bridge' }, 'default/vm2')],
    },
    [
      { device: '0000:03:10.1', holder: { kind: 'guest', name: 'theirs' }, exclusive: true },
      { device: 'eth1', holder: { kind: 'guest', name: 'theirs' }, exclusive: true },
      { device: 'eth1', holder: vm2, exclusive: false },
      { device: '0000:03:10.1', holder: vm2, exclusive: false },
    ],
  ],
  [
    'private mode with 802.1Qbh, in status and in a definition',
    {
      recorded: [
        { ...recorded({ kind: 'direct', dev: 'eth1', mode: 'private' }), virtualPortType: '802.1Qbh' },
      ],
      guests: [
        guest('theirs', {
          port: { kind: 'direct', dev: 'eth2', mode: 'private' },
          settings: { virtualPort: { type: '802.1Qbh', profileID: 'x' } },
        }),
      ],
    },
    [
      { device: 'eth2', holder: { kind: 'guest', name: 'theirs' }, exclusive: true },
      { device: 'eth1', holder: vm1, exclusive: true },
    ],
  ],
  [
    'a guest with one definition that shares and one that does not',
    { guests: [guest('g', ours(own), ours(shared))], recorded: [recorded(shared)] },
    [{ device: 'eth1', holder: vm1, exclusive: true }],
  ],
  [
    'bridges have no device',
    {
      guests: [guest('g', ours({ kind: 'bridge', bridge: 'br0' }, { device: 'vnet0' }))],
      recorded: [recorded({ kind: 'bridge', bridge: 'br0' })],
      links: [link('vnet0', { kind: 'tun', master: 'br0' })],
    },
    [],
  ],
])('%s', (_, witnesses, uses) => {
  expect(usesOf({ guests: [], links: [], recorded: [], belonging: [], ...witnesses })).toEqual(uses)
})
