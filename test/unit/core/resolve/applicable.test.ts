import { expect, test } from 'vitest'
import type { Network } from '../../../../src/api/network.ts'
import type { PortGroup } from '../../../../src/api/port-group.ts'
import { applicable } from '../../../../src/core/resolve/applicable.ts'
import { network, onHost, portGroup } from '../manifests.ts'

const abc = { name: 'abc', labels: {} }
const testA = network('testA')
const sales = portGroup('sales', { networkName: 'testA' })
const eng = portGroup('eng', { networkName: 'testA', default: true })

function going<T extends Network | PortGroup>(object: T): T {
  return { ...object, metadata: { ...object.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }
}

interface Case {
  name: string
  portGroup?: string
  namespace?: string
  networks: Network[]
  portGroups?: PortGroup[]
  /** Names of the objects, or the reason and what its message must name. */
  gives: { network: string; portGroup?: string } | { reason: string; naming: string[]; not?: string }
}

const cases: Case[] = [
  { name: 'the network alone', networks: [testA], gives: { network: 'testA' } },
  {
    name: 'networkName before the name of the object',
    networks: [network('testA', { networkName: 'other' }), network('x', { networkName: 'testA' })],
    gives: { network: 'x' },
  },
  {
    name: 'the network of this host',
    networks: [
      network('a-abc', { networkName: 'testA', ...onHost('abc') }),
      network('a-def', { networkName: 'testA', ...onHost('def') }),
    ],
    gives: { network: 'a-abc' },
  },
  {
    name: 'no network on this host: those that are there, and allowed, are named',
    networks: [
      network('testA', onHost('def')),
      network('b', { networkName: 'testB' }),
      network('testC', { allowedNamespaces: ['team-a'] }),
    ],
    gives: { reason: 'NetworkNotFound', naming: ['testA', 'abc', 'testB'], not: 'testC' },
  },
  {
    name: 'no network at all',
    networks: [],
    gives: { reason: 'NetworkNotFound', naming: ['there are none'] },
  },
  {
    name: 'two networks',
    networks: [testA, network('other', { networkName: 'testA' })],
    gives: { reason: 'NetworkAmbiguous', naming: ['other, testA'] },
  },
  {
    name: 'a network that is going beside its successor',
    networks: [going(testA), network('new', { networkName: 'testA' })],
    gives: { network: 'new' },
  },
  { name: 'a network that is going alone', networks: [going(testA)], gives: { network: 'testA' } },
  {
    name: 'a namespace that is allowed',
    networks: [network('testA', { allowedNamespaces: ['default'] })],
    gives: { network: 'testA' },
  },
  {
    name: 'a namespace that is not allowed',
    namespace: 'team-b',
    networks: [network('testA', { allowedNamespaces: ['default'] })],
    gives: { reason: 'NamespaceNotAllowed', naming: ['testA', 'team-b', 'allowedNamespaces'] },
  },
  {
    name: 'an empty list allows no namespace',
    networks: [network('testA', { allowedNamespaces: [] })],
    gives: { reason: 'NamespaceNotAllowed', naming: ['default'] },
  },
  {
    name: 'the named port group, though there is a default one',
    portGroup: 'sales',
    networks: [testA],
    portGroups: [eng, sales],
    gives: { network: 'testA', portGroup: 'sales' },
  },
  {
    name: 'the default port group',
    networks: [testA],
    portGroups: [sales, eng],
    gives: { network: 'testA', portGroup: 'eng' },
  },
  { name: 'no default port group', networks: [testA], portGroups: [sales], gives: { network: 'testA' } },
  {
    name: 'groupName before the name of the object',
    portGroup: 'sales',
    networks: [testA],
    portGroups: [portGroup('x', { networkName: 'testA', groupName: 'sales' })],
    gives: { network: 'testA', portGroup: 'x' },
  },
  {
    name: "another network's and another host's port group are not seen",
    portGroup: 'sales',
    networks: [testA],
    portGroups: [
      portGroup('b-sales', { networkName: 'testB', groupName: 'sales' }),
      portGroup('def-sales', { networkName: 'testA', groupName: 'sales', ...onHost('def') }),
      sales,
    ],
    gives: { network: 'testA', portGroup: 'sales' },
  },
  {
    name: 'a port group that does not exist: those that do are named',
    portGroup: 'hr',
    networks: [testA],
    portGroups: [sales, eng],
    gives: { reason: 'PortGroupNotFound', naming: ['hr', 'testA', 'there are eng, sales'] },
  },
  {
    name: 'a port group that is going',
    portGroup: 'sales',
    networks: [testA],
    portGroups: [going(sales)],
    gives: { reason: 'PortGroupNotFound', naming: ['there are none'] },
  },
  {
    name: 'two port groups of one name',
    portGroup: 'sales',
    networks: [testA],
    portGroups: [sales, portGroup('sales-2', { networkName: 'testA', groupName: 'sales' })],
    gives: { reason: 'PortGroupAmbiguous', naming: ['sales, sales-2'] },
  },
  {
    name: 'two default port groups',
    networks: [testA],
    portGroups: [eng, portGroup('hr', { networkName: 'testA', default: true })],
    gives: { reason: 'PortGroupAmbiguous', naming: ['eng, hr', 'default'] },
  },
  {
    name: 'a default port group with a namesake that is none',
    networks: [testA],
    portGroups: [eng, portGroup('eng-2', { networkName: 'testA', groupName: 'eng' })],
    gives: { reason: 'PortGroupAmbiguous', naming: ['eng, eng-2'] },
  },
  {
    name: 'two default port groups when one is named',
    portGroup: 'eng',
    networks: [testA],
    portGroups: [eng, portGroup('hr', { networkName: 'testA', default: true })],
    gives: { network: 'testA', portGroup: 'eng' },
  },
]

test.each(cases)('$name', ({ portGroup, namespace = 'default', networks, portGroups = [], gives }) => {
  const result = applicable({
    wanted: { name: 'testA', portGroup },
    namespace,
    host: abc,
    networks,
    portGroups,
  })
  if ('reason' in gives) {
    expect(result).toEqual({ refusals: [expect.objectContaining({ reason: gives.reason })] })
    const { message } = (result as { refusals: { message: string }[] }).refusals[0]!
    for (const text of gives.naming) expect(message).toContain(text)
    if (gives.not) expect(message).not.toContain(gives.not)
  } else {
    expect(result).toEqual({
      network: expect.objectContaining({ metadata: expect.objectContaining({ name: gives.network }) }),
      ...(gives.portGroup && {
        portGroup: expect.objectContaining({ metadata: expect.objectContaining({ name: gives.portGroup }) }),
      }),
    })
  }
})
