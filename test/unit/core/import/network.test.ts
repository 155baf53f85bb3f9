import { describe, expect, test } from 'vitest'
import { validate } from '../../../../src/api/validate.ts'
import { importNetwork } from '../../../../src/core/import/network.ts'
import { definitionOf, type NetworkDefinition } from '../../../../src/core/network/definition.ts'

const nat: NetworkDefinition = {
  name: 'Lab_Net',
  uuid: '09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f',
  settings: {
    forward: { mode: 'nat', nat: { ports: { start: 1024, end: 65535 } } },
    bridge: { name: 'virbr7', stp: true },
    ips: [{ address: '10.7.0.1', prefix: 24, dhcp: { hosts: [{ ip: '10.7.0.5', name: 'yes' }] } }],
    dns: { txts: [{ name: 'a', value: 'on' }] },
  },
  portGroups: [
    { name: 'sales', default: true, bandwidth: { inbound: { average: 100 } } },
    { name: 'Lab.1', trustGuestRxFilters: false },
  ],
}

test('a Network that adopts, and a PortGroup for each group; the original names stay', () => {
  const { network, portGroups, refusals } = importNetwork(nat)
  expect(refusals).toEqual([])
  expect(network).toEqual({
    apiVersion: 'patchbay.dev/v1alpha1',
    kind: 'Network',
    metadata: { name: expect.stringMatching(/^lab-net-[0-9a-f]{10}$/) },
    spec: { networkName: 'Lab_Net', adopt: true, ...nat.settings },
  })
  expect(portGroups.map(({ metadata, spec }) => ({ name: metadata.name, ...spec }))).toEqual([
    {
      name: expect.stringMatching(/^lab-net-sales-[0-9a-f]{10}$/),
      networkName: 'Lab_Net',
      groupName: 'sales',
      default: true,
      bandwidth: { inbound: { average: 100 } },
    },
    {
      name: expect.stringMatching(/^lab-net-lab-1-[0-9a-f]{10}$/),
      networkName: 'Lab_Net',
      groupName: 'Lab.1',
      trustGuestRxFilters: false,
    },
  ])
})

test('what libvirt is to have of it is what it was, with our mark and our empty group', () => {
  const { network, portGroups } = importNetwork(nat)
  expect(definitionOf(network, portGroups)).toEqual({
    name: nat.name,
    settings: nat.settings,
    portGroups: [nat.portGroups[1], nat.portGroups[0]],
    owner: network.metadata.name,
  })
})

test('a name that Kubernetes can carry is said once', () => {
  const { network } = importNetwork({ name: 'default', settings: {}, portGroups: [] })
  expect(network).toMatchObject({ metadata: { name: 'default' }, spec: { adopt: true } })
  expect(network.spec).not.toHaveProperty('networkName')
})

test('one with our mark gets the name it is kept for, and our empty group is nobody’s', () => {
  const { network, portGroups, refusals } = importNetwork({
    name: 'default',
    settings: {},
    portGroups: [{ name: 'patchbay' }],
    owner: 'lan',
  })
  expect({ portGroups, refusals }).toEqual({ portGroups: [], refusals: [] })
  expect(network).toMatchObject({ metadata: { name: 'lan' }, spec: { networkName: 'default' } })
  expect(validate(network).problems).toEqual([])
})

describe('what no manifest can say is refused by its field', () => {
  const cases: [string, Partial<NetworkDefinition>, RegExp[]][] = [
    [
      'a multicast MAC address, and an address that is none, both at once',
      { settings: { mac: '53:54:00:00:00:01', ips: [{ address: '10.0.0', prefix: 24 }] } },
      [/^spec\.mac: must be a unicast/, /^spec\.ips\[0\]\.address: /],
    ],
    [
      'in a port group',
      { portGroups: [{ name: 'sales', vlan: { tags: [{ id: 4096 }] } }] },
      [/^portgroup sales: spec\.vlan\.tags\[0\]\.id: must be at most 4095/],
    ],
    ['a group twice', { portGroups: [{ name: 'a' }, { name: 'a' }] }, [/^portgroup a: is there twice/]],
    [
      'two defaults',
      {
        portGroups: [
          { name: 'a', default: true },
          { name: 'b', default: true },
        ],
      },
      [/^portgroup: more than one is the default: a, b/],
    ],
    [
      'a group of the name that is ours, which is not empty',
      { portGroups: [{ name: 'patchbay', vlan: { tags: [{ id: 7 }] } }] },
      [/^portgroup patchbay: .*rename yours/],
    ],
    ['a name longer than any', { name: 'n'.repeat(254) }, [/^spec\.networkName: must have at most 253/]],
  ]
  test.each(cases)('%s', (_, definition, refusals) => {
    const imported = importNetwork({ name: 'lan', settings: {}, portGroups: [], ...definition })
    expect(imported.refusals).toEqual(refusals.map((refusal) => expect.stringMatching(refusal)))
  })
})
