/** The kinds of resources: one table for the CRDs, for reading manifests and for whoever goes over all of them. */
import type { z } from 'zod'
import { type GuestGrant, guestGrantSpec } from './guest-grant.ts'
import { type GuestInterface, guestInterfaceSpec, guestInterfaceStatus } from './guest-interface.ts'
import { type Host, hostSpec, hostStatus } from './host.ts'
import { type Network, networkSpec, networkStatus } from './network.ts'
import { checkNetwork } from './network-check.ts'
import { type PortGroup, portGroupSpec, portGroupStatus } from './port-group.ts'
import type { Problem } from './problem.ts'
import type { Kind } from './resource.ts'

/** Each kind's objects. */
export interface ResourceOf {
  Network: Network
  PortGroup: PortGroup
  GuestInterface: GuestInterface
  Host: Host
  GuestGrant: GuestGrant
}

export type AnyResource = ResourceOf[Kind]

/** A column of `kubectl get`. */
export interface Column {
  name: string
  type: 'string' | 'integer' | 'boolean' | 'date'
  jsonPath: string
  /** Above 0: shown with -o wide only. */
  priority?: number
}

export interface KindDefinition {
  kind: Kind
  plural: string
  singular: string
  shortName: string
  namespaced: boolean
  description: string
  spec: z.ZodObject
  /** An object of this kind need not have a spec. */
  specOptional?: boolean
  status?: z.ZodObject
  /** What CEL cannot say; asked only about a spec whose shape is right, and which zod has read. */
  check?: (spec: never) => Problem[]
  columns: Column[]
  selectableFields?: string[]
}

const condition = (type: string, field: string) => `.status.conditions[?(@.type=="${type}")].${field}`
const ready: Column[] = [
  { name: 'Ready', type: 'string', jsonPath: condition('Ready', 'status') },
  { name: 'Reason', type: 'string', jsonPath: condition('Ready', 'reason') },
]
/** The first of these that an object has: the union of a JSONPath, of which the API server shows the first value. */
const firstOf = (...fields: string[]) => `..[${fields.map((field) => `'${field}'`).join(',')}]`
const age: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }

export const kinds: Record<Kind, KindDefinition> = {
  Network: {
    kind: 'Network',
    plural: 'networks',
    singular: 'network',
    shortName: 'pbnet',
    namespaced: false,
    description: 'What interfaces of guests are plugged into, as it applies to the hosts it selects.',
    spec: networkSpec,
    status: networkStatus,
    check: (spec: Network['spec']) => checkNetwork(spec),
    columns: [
      { name: 'Network', type: 'string', jsonPath: firstOf('spec.networkName', 'metadata.name') },
      { name: 'Mode', type: 'string', jsonPath: '.spec.forward.mode' },
      { name: 'Bridge', type: 'string', jsonPath: '.spec.bridge.name' },
      { name: 'Hosts', type: 'integer', jsonPath: '.status.hosts.selected' },
      { name: 'In-Sync', type: 'integer', jsonPath: '.status.hosts.inSync' },
      { name: 'Failing', type: 'integer', jsonPath: '.status.hosts.failing', priority: 1 },
      ...ready,
      age,
    ],
  },
  PortGroup: {
    kind: 'PortGroup',
    plural: 'portgroups',
    singular: 'portgroup',
    shortName: 'pbpg',
    namespaced: false,
    description: 'A named set of settings of a network, for the interfaces that ask for it.',
    spec: portGroupSpec,
    status: portGroupStatus,
    columns: [
      { name: 'Network', type: 'string', jsonPath: '.spec.networkName' },
      { name: 'Group', type: 'string', jsonPath: firstOf('spec.groupName', 'metadata.name') },
      { name: 'Default', type: 'boolean', jsonPath: '.spec.default' },
      ...ready,
      age,
    ],
  },
  GuestInterface: {
    kind: 'GuestInterface',
    plural: 'guestinterfaces',
    singular: 'guestinterface',
    shortName: 'gi',
    namespaced: true,
    description: 'One network interface of a guest.',
    spec: guestInterfaceSpec,
    status: guestInterfaceStatus,
    columns: [
      { name: 'Guest', type: 'string', jsonPath: ".spec.guest['name','uuid']" },
      { name: 'Host', type: 'string', jsonPath: '.status.hostName' },
      { name: 'Network', type: 'string', jsonPath: '.spec.source.network.name' },
      { name: 'Port', type: 'string', jsonPath: '.status.port.name' },
      { name: 'Link', type: 'string', jsonPath: '.spec.link.state' },
      ...ready,
      { name: 'MAC', type: 'string', jsonPath: '.status.mac', priority: 1 },
      { name: 'Plan', type: 'string', jsonPath: '.status.plan.verdict', priority: 1 },
      age,
    ],
    selectableFields: ['.status.hostName', '.spec.guest.name', '.spec.source.network.name'],
  },
  Host: {
    kind: 'Host',
    plural: 'hosts',
    singular: 'host',
    shortName: 'pbhost',
    namespaced: false,
    description: 'A machine that runs libvirt, as its agent found it; one for each node.',
    spec: hostSpec,
    specOptional: true,
    status: hostStatus,
    columns: [
      { name: 'Libvirt', type: 'string', jsonPath: '.status.libvirtVersion' },
      { name: 'QEMU', type: 'string', jsonPath: '.status.qemuVersion' },
      ...ready,
      age,
    ],
  },
  GuestGrant: {
    kind: 'GuestGrant',
    plural: 'guestgrants',
    singular: 'guestgrant',
    shortName: 'pbgrant',
    namespaced: false,
    description: 'Guests that the interfaces of a namespace may touch; written by admins.',
    spec: guestGrantSpec,
    columns: [{ name: 'Namespace', type: 'string', jsonPath: '.spec.namespace' }, age],
  },
}

export const kindNames = Object.keys(kinds) as Kind[]
