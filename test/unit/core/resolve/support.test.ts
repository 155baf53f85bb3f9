import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { InterfaceSettings, VirtualPortType } from '../../../../src/api/settings.ts'
import { type Place, unsupported, unsupportedOfNetwork } from '../../../../src/core/resolve/support.ts'

const debian12 = { libvirt: 9_000_000, bridgeVlan: false }
const newest = { libvirt: 11_003_000, bridgeVlan: true }
const vepaTypes: VirtualPortType[] = ['802.1Qbg', '802.1Qbh']

const linuxBridge: Place = {
  kind: 'bridge',
  bridge: 'br0',
  bridgeFacts: { type: 'linux' },
  virtualPorts: ['openvswitch'],
  capabilities: debian12,
}
const openvswitch: Place = {
  kind: 'bridge',
  bridge: 'ovsbr0',
  bridgeFacts: { type: 'openvswitch' },
  virtualPort: 'openvswitch',
  virtualPorts: ['openvswitch'],
  capabilities: debian12,
}
const places = {
  network: { kind: 'network', virtualPorts: [], capabilities: debian12 },
  linuxBridge,
  openvswitch,
  midonet: {
    ...linuxBridge,
    bridgeFacts: undefined,
    virtualPort: 'midonet',
    virtualPorts: ['openvswitch', 'midonet'],
  },
  direct: { kind: 'direct', virtualPorts: vepaTypes, capabilities: debian12 },
  hostdev: { kind: 'hostdev', virtualPorts: vepaTypes, capabilities: debian12 },
  vhostuser: { kind: 'vhostuser', virtualPorts: [] },
  vdpa: { kind: 'vdpa', virtualPorts: [] },
  user: { kind: 'user', virtualPorts: [] },
  ethernet: { kind: 'ethernet', virtualPorts: [] },
} satisfies Record<string, Place>
type PlaceName = keyof typeof places

function refusedFields(settings: InterfaceSettings, place: Place) {
  return unsupported(settings, {}, place).map(({ field }) => field)
}

describe('what can go where', () => {
  const table: [InterfaceSettings, PlaceName[]][] = [
    [{ mtu: 9000 }, ['network', 'linuxBridge', 'openvswitch', 'midonet', 'ethernet', 'vhostuser']],
    [{ coalesce: { rx: { frames: { max: 7 } } } }, ['network', 'linuxBridge', 'openvswitch', 'midonet']],
    [{ portIsolation: true }, ['network', 'linuxBridge']],
    [{ portIsolation: false }, Object.keys(places) as PlaceName[]],
    [
      { bandwidth: { outbound: { average: 100 } } },
      ['network', 'linuxBridge', 'openvswitch', 'midonet', 'direct', 'ethernet'],
    ],
    [{ filter: { name: 'clean-traffic' } }, ['network', 'linuxBridge', 'ethernet']],
    [{ vlan: { tags: [{ id: 42 }] } }, ['openvswitch', 'hostdev']],
    [
      { link: { state: 'down' } },
      ['network', 'linuxBridge', 'openvswitch', 'midonet', 'direct', 'user', 'ethernet'],
    ],
    [{ targetDevice: 'tap-vm1' }, ['network', 'linuxBridge', 'openvswitch', 'midonet', 'ethernet']],
    [{ targetDevice: 'vnet7' }, []],
    [{ targetDevice: 'macvtap7' }, []],
    [{ targetDevice: 'macvlan7' }, []],
    [{ bootOrder: 1 }, Object.keys(places) as PlaceName[]],
    [{ model: 'virtio', rom: { bar: false }, trustGuestRxFilters: true }, Object.keys(places) as PlaceName[]],
  ]
  const cells = table.flatMap(([settings, possible]) =>
    (Object.keys(places) as PlaceName[]).map(
      (name) => [Object.keys(settings)[0]!, settings, name, possible.includes(name)] as const,
    ),
  )
  test.each(cells)('%s (%o) on %s: %s', (field, settings, name, possible) => {
    expect(refusedFields(settings, places[name])).toEqual(possible ? [] : [field])
  })
})

test.each<[string, Place, boolean]>([
  [
    'libvirt 9.0, though the bridge filters VLANs',
    { ...linuxBridge, bridgeFacts: { type: 'linux', vlanFiltering: true } },
    false,
  ],
  ['libvirt 11, the bridge does not filter', { ...linuxBridge, capabilities: newest }, false],
  [
    'libvirt 11, the bridge filters',
    { ...linuxBridge, bridgeFacts: { type: 'linux', vlanFiltering: true }, capabilities: newest },
    true,
  ],
  ['no libvirt asked', { kind: 'bridge', bridge: 'br0', virtualPorts: [] }, true],
  [
    'libvirt 11, a network whose bridge filters',
    {
      kind: 'network',
      virtualPorts: [],
      bridgeFacts: { type: 'linux', vlanFiltering: true },
      capabilities: newest,
    },
    true,
  ],
])('VLAN on a Linux bridge: %s', (_, place, possible) => {
  expect(refusedFields({ vlan: { tags: [{ id: 42 }] } }, place)).toEqual(possible ? [] : ['vlan'])
})

test.each<[string, InterfaceSettings['vlan'], VirtualPortType | undefined, boolean]>([
  ['one tag', { tags: [{ id: 42 }] }, undefined, true],
  ['a trunk', { trunk: true, tags: [{ id: 42 }] }, undefined, false],
  ['two tags', { tags: [{ id: 42 }, { id: 43 }] }, undefined, false],
  ['a tag beside a virtual port', { tags: [{ id: 42 }] }, '802.1Qbh', false],
])('VLAN of a virtual function: %s', (_, vlan, virtualPort, possible) => {
  expect(refusedFields({ vlan }, { ...places.hostdev, virtualPort })).toEqual(possible ? [] : ['vlan'])
})

test.each<[string, Place, string[]]>([
  ['a network with an inbound rate', { ...places.network, inboundRate: true }, []],
  ['a network without one', places.network, ['bandwidth.inbound.floor']],
  ['an existing bridge', { ...linuxBridge, inboundRate: true }, ['bandwidth.inbound.floor']],
  ['a macvtap', places.direct, ['bandwidth.inbound.floor']],
  ['a function', places.hostdev, ['bandwidth', 'bandwidth.inbound.floor']],
])('floor on %s', (_, place, refused) => {
  expect(refusedFields({ bandwidth: { inbound: { floor: 100 } } }, place)).toEqual(refused)
})

test.each<[string | undefined, Place, boolean]>([
  ['virtio', linuxBridge, true],
  ['Virtio', places.direct, true],
  ['virtio-non-transitional', places.network, true],
  ['virtio', places.hostdev, false],
  ['e1000e', linuxBridge, false],
  [undefined, linuxBridge, false],
])("a driver's options on model %s of %o: %s", (model, place, possible) => {
  expect(refusedFields({ driver: { queues: 2 }, model }, place)).toEqual(possible ? [] : ['driver'])
})

test('a boot order beside <os><boot> is refused', () => {
  expect(refusedFields({ bootOrder: 1 }, { ...linuxBridge, guestHasOsBoot: true })).toEqual(['bootOrder'])
})

test.each<[string, Place, boolean]>([
  ['openvswitch on Open vSwitch', openvswitch, true],
  ['openvswitch on a Linux bridge', { ...openvswitch, bridgeFacts: { type: 'linux' } }, false],
  ['none on Open vSwitch', { ...openvswitch, virtualPort: undefined }, false],
  ['openvswitch where nobody looked at the bridge', { ...openvswitch, bridgeFacts: undefined }, true],
  ['midonet on a network with a bridge', { ...openvswitch, virtualPort: 'midonet' }, false],
  ['openvswitch on a network that libvirt makes', { ...places.network, virtualPort: 'openvswitch' }, false],
  ['802.1Qbg on a macvtap', { ...places.direct, virtualPort: '802.1Qbg' }, true],
  ['openvswitch on a macvtap', { ...places.direct, virtualPort: 'openvswitch' }, false],
  ['802.1Qbh on a function', { ...places.hostdev, virtualPort: '802.1Qbh' }, true],
  ['802.1Qbg on a bridge', { ...linuxBridge, virtualPort: '802.1Qbg' }, false],
])('virtual port: %s', (_, place, possible) => {
  expect(unsupported({}, {}, place)).toEqual(
    possible ? [] : [expect.objectContaining({ reason: 'VirtualPortNotAllowed', field: 'virtualPort.type' })],
  )
})

test('everything that is refused is named, with value, layer, place and what would do', () => {
  const settings: InterfaceSettings = {
    mtu: 9000,
    vlan: { tags: [{ id: 42 }] },
    link: { state: 'down' },
    targetDevice: 'vnet1',
  }
  const refusals = unsupported(settings, { mtu: 'interface', vlan: 'network' }, places.direct)
  expect(refusals.map(({ message }) => message)).toEqual([
    'mtu: 9000 is not possible on a macvtap. Possible on: network, bridge, ethernet and vhostuser. Take it away, or plug the interface in elsewhere',
    'vlan: {"tags":[{"id":42}]} (from the Network) is not possible on a macvtap. Possible on: Open vSwitch, hostdev without a virtual port (one untrunked tag), and Linux bridges with vlan_filtering=1 from libvirt 11.0. Take it away, or plug the interface in elsewhere',
    'targetDevice: vnet1 is not possible on a macvtap. Possible on: network, bridge and ethernet, beginning neither vnet, macvtap nor macvlan. Take it away, or plug the interface in elsewhere',
  ])
})

test('each setting is judged by itself: together they are refused exactly as one by one', () => {
  const some = fc.record<InterfaceSettings>(
    {
      mtu: fc.constant(9000),
      bandwidth: fc.constant({ inbound: { average: 5, floor: 5 } }),
      filter: fc.constant({ name: 'f' }),
      vlan: fc.constant({ tags: [{ id: 1 }] }),
      link: fc.constant({ state: 'up' }),
      portIsolation: fc.boolean(),
      targetDevice: fc.constantFrom('tap0', 'vnet0'),
      coalesce: fc.constant({ rx: { frames: { max: 1 } } }),
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(some, fc.constantFrom(...Object.values<Place>(places)), (settings, place) => {
      const oneByOne = Object.entries(settings).flatMap(([field, value]) =>
        refusedFields({ [field]: value }, place),
      )
      expect(refusedFields(settings, place).sort()).toEqual(oneByOne.sort())
    }),
  )
})

test("a Network's own rate and MAC table need a network that libvirt makes", () => {
  const spec = {
    bandwidth: { inbound: { average: 100 } },
    bridge: { name: 'br0', macTableManager: 'libvirt' },
  }
  expect(unsupportedOfNetwork(spec, 'network')).toEqual([])
  expect(unsupportedOfNetwork(spec, 'bridge').map(({ field }) => field)).toEqual([
    'network.bandwidth',
    'network.bridge.macTableManager',
  ])
  expect(unsupportedOfNetwork({ bridge: { name: 'br0' } }, 'bridge')).toEqual([])
})
