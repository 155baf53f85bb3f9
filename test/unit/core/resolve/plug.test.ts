import { expect, test } from 'vitest'
import type { NetworkSpec } from '../../../../src/api/network.ts'
import type { Source, VirtualPortType } from '../../../../src/api/settings.ts'
import { type Plug, socketOfNetwork, socketOfSource } from '../../../../src/core/resolve/plug.ts'
import { network } from '../manifests.ts'

const vepaTypes: VirtualPortType[] = ['802.1Qbg', '802.1Qbh']
const interfaces = [{ dev: 'eth1' }, { dev: 'eth2' }]
const devices = ['eth1', 'eth2']
const madeByLibvirt: Plug = { kind: 'fixed', port: { kind: 'network', network: 'testA' } }

test.each<[string, NetworkSpec, VirtualPortType | undefined, Plug, VirtualPortType[]]>([
  ['isolated', {}, undefined, madeByLibvirt, []],
  ['isolated, its bridge named', { bridge: { name: 'virbr7' } }, undefined, madeByLibvirt, []],
  ['nat', { forward: { mode: 'nat', dev: 'eth0' } }, undefined, madeByLibvirt, []],
  ['route', { forward: { mode: 'route' } }, undefined, madeByLibvirt, []],
  ['open', { forward: { mode: 'open' } }, undefined, madeByLibvirt, []],
  [
    'bridge with bridge.name',
    { forward: { mode: 'bridge' }, bridge: { name: 'br0' } },
    undefined,
    { kind: 'fixed', port: { kind: 'bridge', bridge: 'br0' } },
    ['openvswitch'],
  ],
  [
    'bridge with devices',
    { forward: { mode: 'bridge', interfaces } },
    undefined,
    { kind: 'pool', network: 'testA', forwardMode: 'bridge', mode: 'bridge', devices, exclusive: false },
    vepaTypes,
  ],
  [
    'vepa',
    { forward: { mode: 'vepa', interfaces } },
    '802.1Qbh',
    { kind: 'pool', network: 'testA', forwardMode: 'vepa', mode: 'vepa', devices, exclusive: false },
    vepaTypes,
  ],
  [
    'private',
    { forward: { mode: 'private', interfaces } },
    '802.1Qbg',
    { kind: 'pool', network: 'testA', forwardMode: 'private', mode: 'private', devices, exclusive: false },
    vepaTypes,
  ],
  [
    'private with 802.1Qbh',
    { forward: { mode: 'private', interfaces } },
    '802.1Qbh',
    { kind: 'pool', network: 'testA', forwardMode: 'private', mode: 'private', devices, exclusive: true },
    vepaTypes,
  ],
  [
    'passthrough',
    { forward: { mode: 'passthrough', interfaces } },
    undefined,
    {
      kind: 'pool',
      network: 'testA',
      forwardMode: 'passthrough',
      mode: 'passthrough',
      devices,
      exclusive: true,
    },
    vepaTypes,
  ],
  [
    'a device in forward itself, repeated in the list',
    { forward: { mode: 'vepa', dev: 'eth2', interfaces } },
    undefined,
    {
      kind: 'pool',
      network: 'testA',
      forwardMode: 'vepa',
      mode: 'vepa',
      devices: ['eth2', 'eth1'],
      exclusive: false,
    },
    vepaTypes,
  ],
  [
    "a physical function's virtual functions as links",
    { forward: { mode: 'passthrough', pf: { dev: 'eth5' } } },
    undefined,
    {
      kind: 'pool',
      network: 'testA',
      forwardMode: 'passthrough',
      mode: 'passthrough',
      devices: [],
      pf: 'eth5',
      exclusive: true,
    },
    vepaTypes,
  ],
  [
    'hostdev with addresses',
    { forward: { mode: 'hostdev', managed: true, addresses: ['0000:03:10.1', '0000:03:10.0'] } },
    undefined,
    {
      kind: 'pool',
      network: 'testA',
      forwardMode: 'hostdev',
      mode: 'hostdev',
      devices: ['0000:03:10.1', '0000:03:10.0'],
      managed: true,
      exclusive: true,
    },
    vepaTypes,
  ],
  [
    'hostdev with a physical function',
    { forward: { mode: 'hostdev', pf: { dev: 'eth5' } } },
    undefined,
    {
      kind: 'pool',
      network: 'testA',
      forwardMode: 'hostdev',
      mode: 'hostdev',
      devices: [],
      pf: 'eth5',
      exclusive: true,
    },
    vepaTypes,
  ],
])('a network: %s', (_, spec, virtualPort, plug, virtualPorts) => {
  expect(socketOfNetwork(network('testA', spec), virtualPort)).toEqual({ plug, virtualPorts })
})

test.each<[Source, Extract<Plug, { kind: 'fixed' }>['port'], VirtualPortType[]]>([
  [{ bridge: { name: 'br0' } }, { kind: 'bridge', bridge: 'br0' }, ['openvswitch', 'midonet']],
  [{ direct: { dev: 'eth1', mode: 'vepa' } }, { kind: 'direct', dev: 'eth1', mode: 'vepa' }, vepaTypes],
  [
    { hostdev: { address: '0000:03:10.1', managed: true } },
    { kind: 'hostdev', address: '0000:03:10.1', managed: true },
    vepaTypes,
  ],
  [
    { vhostuser: { path: '/run/v', mode: 'client' } },
    { kind: 'vhostuser', path: '/run/v', mode: 'client' },
    [],
  ],
  [{ vdpa: { dev: '/dev/vhost-vdpa-0' } }, { kind: 'vdpa', dev: '/dev/vhost-vdpa-0' }, []],
  [{ user: {} }, { kind: 'user' }, []],
  [{ ethernet: {} }, { kind: 'ethernet' }, []],
])('a source of its own: %o', (source, port, virtualPorts) => {
  expect(socketOfSource(source)).toEqual({ plug: { kind: 'fixed', port }, virtualPorts })
})
