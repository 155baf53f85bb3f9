import { describe, expect, test } from 'vitest'
import type { GuestInterfaceSpec } from '../../../../src/api/guest-interface.ts'
import type { NetworkSpec } from '../../../../src/api/network.ts'
import type { PortGroupSpec } from '../../../../src/api/port-group.ts'
import { generateInterfaceID, generateMac } from '../../../../src/core/resolve/generated.ts'
import { type Resolved, type ResolveInput, resolve } from '../../../../src/core/resolve/resolve.ts'
import { guestInterface, guestUUID, network, onHost, portGroup } from '../manifests.ts'

const abc = { name: 'abc', labels: {} }
const def = { name: 'def', labels: {} }
const id = '09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f'
const mac = '52:54:00:12:34:56'
const from = { guest: guestUUID, namespace: 'default', name: 'vm1-data' }

function input(parts: {
  interface?: Partial<GuestInterfaceSpec>
  network?: NetworkSpec
  portGroup?: Omit<PortGroupSpec, 'networkName' | 'default'>
}): ResolveInput {
  return {
    guestInterface: guestInterface({ mac, ...parts.interface }),
    guestUUID,
    networks: [network('testA', parts.network)],
    portGroups: parts.portGroup
      ? [portGroup('group', { networkName: 'testA', default: true, ...parts.portGroup })]
      : [],
    host: abc,
  }
}

function resolved(of: ResolveInput): Resolved {
  const result = resolve(of)
  expect(result).not.toHaveProperty('refusals')
  return result as Resolved
}

function refused(of: ResolveInput) {
  const result = resolve(of)
  return 'refusals' in result ? result.refusals.map(({ reason, field }) => ({ reason, field })) : []
}

describe('one interface on an Open vSwitch host and on an 802.1Qbg host', () => {
  const both: Omit<ResolveInput, 'host'> = {
    guestInterface: guestInterface({
      source: { network: { name: 'testA', portGroup: 'sales' } },
      virtualPort: { instanceID: id, interfaceID: id },
      link: { state: 'up' },
    }),
    guestUUID,
    networks: [
      network('test-a-abc', {
        networkName: 'testA',
        ...onHost('abc'),
        forward: { mode: 'bridge' },
        bridge: { name: 'ovsbr0' },
        virtualPort: { type: 'openvswitch' },
      }),
      network('test-a-def', {
        networkName: 'testA',
        ...onHost('def'),
        forward: { mode: 'vepa', interfaces: [{ dev: 'eth1' }, { dev: 'eth2' }] },
        virtualPort: { type: '802.1Qbg', typeID: 1193047, typeIDVersion: 2 },
      }),
    ],
    portGroups: [
      portGroup('abc-eng', {
        networkName: 'testA',
        groupName: 'engineering',
        ...onHost('abc'),
        virtualPort: { profileID: 'eng' },
      }),
      portGroup('abc-sales', {
        networkName: 'testA',
        groupName: 'sales',
        ...onHost('abc'),
        virtualPort: { profileID: 'sales' },
      }),
      portGroup('def-eng', {
        networkName: 'testA',
        groupName: 'engineering',
        ...onHost('def'),
        virtualPort: { managerID: 11 },
      }),
      portGroup('def-sales', {
        networkName: 'testA',
        groupName: 'sales',
        ...onHost('def'),
        virtualPort: { managerID: 55 },
      }),
    ],
  }

  test('on ABC', () => {
    expect(resolve({ ...both, host: abc })).toEqual({
      effective: {
        mac: generateMac(from),
        link: { state: 'up' },
        virtualPort: { type: 'openvswitch', interfaceID: id, profileID: 'sales' },
      },
      sources: {
        mac: 'generated',
        link: 'interface',
        'virtualPort.type': 'network',
        'virtualPort.interfaceID': 'interface',
        'virtualPort.profileID': 'portGroup',
      },
      plug: { kind: 'fixed', port: { kind: 'bridge', bridge: 'ovsbr0' } },
      unused: ['virtualPort.instanceID'],
      network: 'testA',
      portGroup: 'sales',
      generatedFromName: false,
    })
  })

  test('on DEF', () => {
    expect(resolve({ ...both, host: def })).toEqual({
      effective: {
        mac: generateMac(from),
        link: { state: 'up' },
        virtualPort: { type: '802.1Qbg', managerID: 55, typeID: 1193047, typeIDVersion: 2, instanceID: id },
      },
      sources: {
        mac: 'generated',
        link: 'interface',
        'virtualPort.type': 'network',
        'virtualPort.managerID': 'portGroup',
        'virtualPort.typeID': 'network',
        'virtualPort.typeIDVersion': 'network',
        'virtualPort.instanceID': 'interface',
      },
      plug: {
        kind: 'pool',
        network: 'testA',
        forwardMode: 'vepa',
        mode: 'vepa',
        devices: ['eth1', 'eth2'],
        exclusive: false,
      },
      unused: ['virtualPort.interfaceID'],
      network: 'testA',
      portGroup: 'sales',
      generatedFromName: false,
    })
  })

  test('on a host that neither network selects', () => {
    expect(refused({ ...both, host: { name: 'ghi', labels: {} } })).toEqual([
      { reason: 'NetworkNotFound', field: 'source.network.name' },
    ])
  })
})

describe('which layer a setting comes from', () => {
  const ofInterface = { bandwidth: { outbound: { average: 1 } }, vlan: { tags: [{ id: 1 }] } }
  const ofGroup = { bandwidth: { outbound: { average: 2 } }, vlan: { tags: [{ id: 2 }] } }
  const ofNetwork = { vlan: { tags: [{ id: 3 }] } }
  const ovs: NetworkSpec = {
    forward: { mode: 'bridge' },
    bridge: { name: 'ovsbr0' },
    virtualPort: { type: 'openvswitch' },
  }
  const flags = { trustGuestRxFilters: true, portIsolation: true }

  test.each([
    ['interface', ofInterface, ofGroup, ofNetwork, { bandwidth: 'interface', vlan: 'interface' }, 1],
    ['port group', {}, ofGroup, ofNetwork, { bandwidth: 'portGroup', vlan: 'portGroup' }, 2],
    ['network', {}, {}, ofNetwork, { vlan: 'network' }, 3],
  ])('bandwidth and vlan of the %s', (_, one, group, net, sources, tag) => {
    const result = resolved(input({ interface: one, portGroup: group, network: { ...ovs, ...net } }))
    expect(result.sources).toMatchObject(sources)
    expect(result.effective.vlan).toEqual({ tags: [{ id: tag }] })
    expect(result.effective.bandwidth?.outbound?.average).toBe('bandwidth' in sources ? tag : undefined)
  })

  test.each([
    ['interface', flags, {}, {}, true],
    ['portGroup', {}, flags, {}, true],
    ['network', {}, {}, flags, true],
    ['interface', { trustGuestRxFilters: false, portIsolation: false }, flags, flags, false],
  ])('flags of the %s', (layer, one, group, net, value) => {
    const result = resolved(input({ interface: one, portGroup: group, network: net }))
    expect(result.effective).toMatchObject({ trustGuestRxFilters: value, portIsolation: value })
    expect(result.sources).toMatchObject({ trustGuestRxFilters: layer, portIsolation: layer })
  })

  test('a rate is taken as a whole', () => {
    const result = resolved(
      input({
        interface: { bandwidth: { inbound: { average: 1 } } },
        portGroup: { bandwidth: { outbound: { average: 2 } } },
      }),
    )
    expect(result.effective.bandwidth).toEqual({ inbound: { average: 1 } })
  })

  test("the network's own rate is not the interface's", () => {
    const result = resolved(input({ network: { bandwidth: { inbound: { average: 1000 } } } }))
    expect(result.effective).toEqual({ mac })
  })

  test("everything that only the interface can say is the interface's", () => {
    const settings = {
      model: 'virtio',
      driver: { queues: 2 },
      link: { state: 'down' },
      mtu: 1400,
      filter: { name: 'clean-traffic' },
      coalesce: { rx: { frames: { max: 5 } } },
      targetDevice: 'tap-vm1',
      bootOrder: 1,
      rom: { enabled: false },
      address: '0000:01:00.0',
    } as const
    const result = resolved(input({ interface: settings, network: { mtu: 9000 } }))
    expect(result.effective).toEqual({ mac, ...settings })
    expect(new Set(Object.values(result.sources))).toEqual(new Set(['interface']))
    expect(Object.keys(result.sources).sort()).toEqual(['mac', ...Object.keys(settings)].sort())
  })

  test.each([
    ['several tags', { tags: [{ id: 1 }, { id: 2 }] }, true],
    ['a native VLAN alone', { tags: [{ id: 1, nativeMode: 'untagged' as const }] }, undefined],
    ['a native VLAN among others', { tags: [{ id: 1, nativeMode: 'untagged' as const }, { id: 2 }] }, true],
    ['one tag', { tags: [{ id: 1 }] }, undefined],
    ['a trunk of one', { trunk: true, tags: [{ id: 1 }] }, true],
  ])('%s: trunk %s', (_, vlan, trunk) => {
    expect(resolved(input({ interface: { vlan }, network: ovs })).effective.vlan).toEqual({
      tags: vlan.tags,
      ...(trunk && { trunk }),
    })
  })
})

test('an object without a field says nothing: the next layer is asked', () => {
  const bandwidth = { outbound: { average: 100 } }
  const network: NetworkSpec = { forward: { mode: 'bridge' }, bridge: { name: 'br0' } }
  const result = resolved(
    input({ interface: { bandwidth: {}, driver: {} }, portGroup: { bandwidth }, network }),
  )
  expect(result.effective).toEqual({ mac, bandwidth })
  expect(result.sources.bandwidth).toBe('portGroup')
})

describe('generated values', () => {
  const ovs: NetworkSpec = {
    forward: { mode: 'bridge' },
    bridge: { name: 'ovsbr0' },
    virtualPort: { type: 'openvswitch' },
  }
  const spec = { source: { network: { name: 'testA' } }, mac: undefined }

  test("are made from the guest's UUID", () => {
    const result = resolved(input({ interface: spec, network: ovs }))
    expect(result.effective.mac).toBe(generateMac(from))
    expect(result.effective.virtualPort?.interfaceID).toBe(generateInterfaceID(from))
    expect(result.sources).toMatchObject({ mac: 'generated', 'virtualPort.interfaceID': 'generated' })
    expect(result.generatedFromName).toBe(false)
  })

  test('are the same on whatever host and network', () => {
    const one = resolved(input({ interface: spec, network: ovs }))
    const other = resolved({ ...input({ interface: spec }), host: def })
    expect(one.effective.mac).toBe(other.effective.mac)
  })

  test("are made from the guest's name where nobody knows its UUID, which is said", () => {
    const result = resolved({ ...input({ interface: spec }), guestUUID: undefined })
    expect(result.effective.mac).toBe(generateMac({ ...from, guest: 'vm1' }))
    expect(result.generatedFromName).toBe(true)
  })

  test('are made from the UUID that the manifest gives', () => {
    const result = resolved({
      ...input({ interface: { ...spec, guest: { uuid: guestUUID } } }),
      guestUUID: undefined,
    })
    expect(result.effective.mac).toBe(generateMac(from))
    expect(result.generatedFromName).toBe(false)
  })

  test('nothing generated, nothing to say', () => {
    expect(resolved({ ...input({}), guestUUID: undefined }).generatedFromName).toBe(false)
  })
})

describe('refused', () => {
  test.each<[string, Parameters<typeof input>[0], { reason: string; field: string }[]]>([
    [
      'settings from three layers on a macvtap, all at once',
      {
        interface: { mtu: 9000 },
        portGroup: { portIsolation: true },
        network: { forward: { mode: 'bridge', dev: 'eth1' }, vlan: { tags: [{ id: 4 }] } },
      },
      [
        { reason: 'SettingNotSupported', field: 'mtu' },
        { reason: 'SettingNotSupported', field: 'portIsolation' },
        { reason: 'SettingNotSupported', field: 'vlan' },
      ],
    ],
    [
      'a virtual port on a network that libvirt makes',
      { network: { forward: { mode: 'nat' } }, interface: { virtualPort: { type: 'openvswitch' } } },
      [{ reason: 'VirtualPortNotAllowed', field: 'virtualPort.type' }],
    ],
    [
      "a network's own rate on an existing bridge",
      {
        network: {
          forward: { mode: 'bridge' },
          bridge: { name: 'br0' },
          bandwidth: { inbound: { average: 1 } },
        },
      },
      [{ reason: 'SettingNotSupported', field: 'network.bandwidth' }],
    ],
    [
      'a floor on a pool',
      {
        network: { forward: { mode: 'vepa', dev: 'eth1' } },
        interface: { bandwidth: { inbound: { average: 1, floor: 1 } } },
      },
      [{ reason: 'SettingNotSupported', field: 'bandwidth.inbound.floor' }],
    ],
    [
      'a pool without devices',
      { network: { forward: { mode: 'passthrough' } } },
      [{ reason: 'PoolEmpty', field: 'network.forward' }],
    ],
    [
      'a virtual port in conflict',
      {
        interface: { virtualPort: { type: 'openvswitch', profileID: 'a' } },
        portGroup: { virtualPort: { profileID: 'b' } },
      },
      [{ reason: 'VirtualPortConflict', field: 'virtualPort.profileID' }],
    ],
    [
      'a port group that does not exist',
      { interface: { source: { network: { name: 'testA', portGroup: 'nix' } } } },
      [{ reason: 'PortGroupNotFound', field: 'source.network.portGroup' }],
    ],
  ])('%s', (_, parts, refusals) => {
    expect(refused(input(parts))).toEqual(refusals)
  })
})

describe('what the host shows', () => {
  const vlan = { tags: [{ id: 42 }] }
  const onBridge = input({ interface: { source: { bridge: { name: 'br0' } }, vlan } })
  const facts = (type: 'linux' | 'openvswitch', vlanFiltering: boolean) => ({
    capabilities: { libvirt: 11_003_000, bridgeVlan: true },
    bridges: new Map([['br0', { type, vlanFiltering }]]),
  })

  test('a VLAN on a bridge that filters them', () => {
    expect(refused({ ...onBridge, facts: facts('linux', true) })).toEqual([])
  })
  test('a VLAN on a bridge that does not', () => {
    expect(refused({ ...onBridge, facts: facts('linux', false) })).toEqual([
      { reason: 'SettingNotSupported', field: 'vlan' },
    ])
  })
  test('no virtual port on an Open vSwitch bridge', () => {
    expect(refused({ ...onBridge, facts: facts('openvswitch', false) })).toEqual([
      { reason: 'VirtualPortNotAllowed', field: 'virtualPort.type' },
    ])
  })
})

test('a source of its own needs no Network and takes nothing from one', () => {
  const result = resolved({
    ...input({ interface: { source: { direct: { dev: 'eth1', mode: 'passthrough' } } } }),
    networks: [],
  })
  expect(result).toEqual({
    effective: { mac },
    sources: { mac: 'interface' },
    plug: { kind: 'fixed', port: { kind: 'direct', dev: 'eth1', mode: 'passthrough' } },
    unused: [],
    generatedFromName: false,
  })
})
