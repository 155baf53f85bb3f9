import { expect, test } from 'vitest'
import {
  isSamePlace,
  type KeptForm,
  networkForm,
  poolHolds,
} from '../../../../src/core/adoption/network-form.ts'
import { differencesOf } from '../../../../src/core/change/differences.ts'
import type { InterfaceDefinition } from '../../../../src/core/definition.ts'
import { uuid } from '../definitions.ts'

const mac = '52:54:00:00:00:01'
const vlan = (id: number) => ({ tags: [{ id }] })
const port = { kind: 'network', network: 'n' } as const
const merged = { type: 'openvswitch', interfaceID: uuid, profileID: 'sales' } as const
const running = (id: number): InterfaceDefinition => ({
  port: { kind: 'bridge', bridge: 'ovs0' },
  settings: { mac, vlan: vlan(id), virtualPort: merged },
})

const given = (more: Partial<KeptForm>): KeptForm => ({
  saved: { port, settings: { mac }, portGroup: 'sales' },
  live: running(10),
  own: { portGroup: 'sales' },
  resolved: {
    effective: { mac, vlan: vlan(10), virtualPort: merged },
    sources: { mac: 'interface', vlan: 'portGroup', 'virtualPort.type': 'network' },
  },
  ...more,
})
const differing = (more: Partial<KeptForm>) =>
  differencesOf(given(more).saved, networkForm(given(more))).map(({ field }) => field)

test.each<[string, Partial<KeptForm>, string[]]>([
  ['what libvirt merges from the port group', {}, []],
  ['the same of a guest that is off', { live: undefined }, []],
  ['another VLAN than the running guest has', { live: running(20) }, ['vlan.tags']],
  [
    'another port group',
    { own: { portGroup: 'eng' } },
    ['source.portGroup', 'virtualPort.interfaceID', 'virtualPort.profileID', 'virtualPort.type', 'vlan.tags'],
  ],
  [
    'a port group that the manifest no longer has',
    { own: {} },
    ['source.portGroup', 'virtualPort.interfaceID', 'virtualPort.profileID', 'virtualPort.type', 'vlan.tags'],
  ],
  [
    'a setting of the manifest itself',
    {
      resolved: {
        effective: { mac, link: { state: 'down' } },
        sources: { mac: 'interface', link: 'interface' },
      },
      live: undefined,
    },
    ['link.state'],
  ],
  [
    'an id that libvirt made up in the saved definition',
    {
      saved: {
        port,
        portGroup: 'sales',
        settings: { mac, virtualPort: { type: 'openvswitch', interfaceID: uuid } },
      },
      own: { portGroup: 'sales', virtualPort: { type: 'openvswitch' } },
    },
    [],
  ],
])('what the saved definition lacks: %s', (_, more, fields) => {
  expect(differing(more)).toEqual(fields)
  expect(networkForm(given(more)).port).toEqual(port)
})

test.each([
  [{ mode: 'passthrough', interfaces: [{ dev: 'eth1' }] }, 'eth1', true],
  [{ mode: 'passthrough', interfaces: [{ dev: 'eth2' }] }, 'eth1', false],
  [{ mode: 'vepa', dev: 'eth1' }, 'eth1', true],
  [{ mode: 'hostdev', addresses: ['0000:03:10.1'] }, '0000:03:10.1', true],
  [{ mode: 'hostdev', pf: { dev: 'eth0' } }, '0000:03:10.1', true],
  [undefined, 'eth1', false],
] as const)('a network of %j and %s: %s', (forward, device, holds) => {
  expect(poolHolds(forward && structuredClone(forward as object as never), device)).toBe(holds)
})

test('a libvirt network is the same place where it plugs in as the Network of the manifests does', () => {
  const pool = {
    kind: 'pool',
    network: 'n',
    forwardMode: 'passthrough',
    mode: 'passthrough',
    devices: [],
    exclusive: true,
  } as const
  const onBridge = { kind: 'fixed', port: { kind: 'bridge', bridge: 'br0' } } as const
  expect(isSamePlace({ ...pool, devices: [] }, { forward: { mode: 'passthrough' } })).toBe(true)
  expect(isSamePlace({ ...pool, devices: [] }, { forward: { mode: 'vepa' } })).toBe(false)
  expect(isSamePlace(onBridge, { forward: { mode: 'bridge' }, bridge: { name: 'br0' } })).toBe(true)
  expect(isSamePlace(onBridge, { forward: { mode: 'bridge' }, bridge: { name: 'br1' } })).toBe(false)
})
