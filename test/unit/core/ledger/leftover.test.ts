import { expect, it } from 'vitest'
import type { Use } from '../../../../src/core/ledger/ledger.ts'
import { leftoverOf, type Plugging } from '../../../../src/core/ledger/leftover.ts'
import type { Link } from '../../../../src/core/link.ts'

const mac = '52:54:00:00:00:01'
const tap: Link = {
  name: 'macvtap3',
  index: 9,
  kind: 'macvtap',
  mac,
  mtu: 1500,
  up: true,
  lower: 'eth1',
  mode: 'passthrough',
  addresses: [],
  defaultRoute: false,
}
const plugging: Plugging = {
  self: 'default/vm1-data',
  port: { kind: 'direct', dev: 'eth1', mode: 'passthrough' },
  mac,
  unmistakable: true,
}
const unexplained = (name: string): Use => ({
  device: 'eth1',
  holder: { kind: 'link', name },
  exclusive: true,
})

it('is a macvtap on the port, with the MAC of the interface, that nothing explains', () => {
  expect(leftoverOf(plugging, { uses: [unexplained('macvtap3')], links: [tap] })).toEqual(tap)
})

it.each<[why: string, change: { plugging?: Partial<Plugging>; link?: Partial<Link>; uses?: Use[] }]>([
  ['a definition explains it', { uses: [] }],
  [
    'a definition shows the interface: it is being plugged',
    {
      uses: [
        unexplained('macvtap3'),
        { device: 'eth1', holder: { kind: 'interface', name: plugging.self }, exclusive: true },
      ],
    },
  ],
  [
    'a guest of somebody else is on the device: a copy may be starting',
    {
      uses: [
        unexplained('macvtap3'),
        { device: 'eth1', holder: { kind: 'guest', name: 'copy' }, exclusive: true },
      ],
    },
  ],
  ['somebody else could have made it', { plugging: { unmistakable: false } }],
  ['it is on another device', { plugging: { port: { kind: 'direct', dev: 'eth2', mode: 'passthrough' } } }],
  ['it is no name of libvirt’s', { link: { name: 'mine' }, uses: [unexplained('mine')] }],
  ['it has another MAC', { link: { mac: '52:54:00:00:00:02' } }],
  ['it is in another mode', { link: { mode: 'bridge' } }],
  ['it is no macvtap', { link: { kind: 'macvlan' } }],
  ['the port is no device', { plugging: { port: { kind: 'bridge', bridge: 'br0' } } }],
])('is nothing when %s', (_why, { plugging: other, link, uses = [unexplained('macvtap3')] }) => {
  expect(leftoverOf({ ...plugging, ...other }, { uses, links: [{ ...tap, ...link }] })).toBeUndefined()
})
