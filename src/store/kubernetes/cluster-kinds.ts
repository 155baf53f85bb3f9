/** What the controller follows of a cluster: our kinds, Nodes, Namespaces and the agents' Leases, and what it keeps of each. */
import type { AnyResource } from '../../api/kinds.ts'
import type { Metadata } from '../../api/resource.ts'
import type { Resources } from '../store.ts'
import { type FieldPath, onlyOwned } from './managed-fields.ts'
import type { Received } from './reflector.ts'
import { collectionPath, objectPath } from './resource-path.ts'

/** Where the agents' Leases are, each with the name of its Node. */
export const agentsNamespace = 'patchbay-agents'

/** Nothing but its metadata is read. */
export interface Node {
  kind: 'Node'
  metadata: Metadata
}

/** Nothing but its metadata is read. */
export interface Namespace {
  kind: 'Namespace'
  metadata: Metadata
}

/** Of an agent. */
export interface Lease {
  kind: 'Lease'
  metadata: Metadata
  spec: LeaseSpec
}

export interface LeaseSpec {
  holderIdentity?: string
  leaseDurationSeconds?: number
  /** RFC 3339 with microseconds. */
  acquireTime?: string
  /** RFC 3339 with microseconds. */
  renewTime?: string
  leaseTransitions?: number
}

/** Of a GuestInterface without status.effective, sources and plan, of a Host without what only people read. */
export interface ClusterResources extends Resources {
  Node: Node
  Namespace: Namespace
  Lease: Lease
}
export type ClusterKind = keyof ClusterResources
export type ClusterObject = ClusterResources[ClusterKind]

/** `namespace` for GuestInterfaces only: Leases are those of the agents. */
export interface ClusterKey {
  kind: ClusterKind
  namespace?: string
  name: string
}

export const clusterKinds = [
  'GuestInterface',
  'Network',
  'PortGroup',
  'Host',
  'GuestGrant',
  'Node',
  'Namespace',
  'Lease',
] as const satisfies readonly ClusterKind[]

/** An object as it is kept. */
export interface Kept<O extends ClusterObject = ClusterObject> {
  object: O
  /** Fields of its status that nobody but the controller has. */
  owned: readonly FieldPath[]
}

/** Of all objects of a kind that are followed. */
export function clusterCollectionPath(kind: ClusterKind): string {
  if (kind === 'Node') return '/api/v1/nodes'
  if (kind === 'Namespace') return '/api/v1/namespaces'
  if (kind === 'Lease') return `/apis/coordination.k8s.io/v1/namespaces/${agentsNamespace}/leases`
  return collectionPath(kind)
}

export function clusterObjectPath({ kind, namespace, name }: ClusterKey): string {
  return kind === 'Node' || kind === 'Namespace' || kind === 'Lease'
    ? `${clusterCollectionPath(kind)}/${encodeURIComponent(name)}`
    : objectPath({ kind, name, ...(namespace !== undefined && { namespace }) })
}

/** Whether nothing but metadata is asked for. */
export function isMetadataOnly(kind: ClusterKind): boolean {
  return kind === 'Node' || kind === 'Namespace'
}

/** Manager of the fields that the controller applies. */
export const controllersManager = 'patchbay-controller'

type AsReceived = Received & { metadata: Metadata & { managedFields?: unknown } } & Pick<
    AnyResource,
    'spec'
  > & { status?: Record<string, unknown> }

/** What is kept of an object of this kind: ten thousand of them are. */
export function kept<K extends ClusterKind>(kind: K): (received: Received) => Kept<ClusterResources[K]> {
  return (received) => {
    const { metadata, spec, status, ...rest } = received as AsReceived
    const object = { ...rest, kind, metadata: keptMetadata(kind, metadata) } as Record<string, unknown>
    // A Host's may be absent.
    if (!isMetadataOnly(kind)) object.spec = spec ?? {}
    if (status) object.status = keptStatus(kind, status)
    return {
      object: object as unknown as ClusterResources[K],
      owned: onlyOwned(metadata.managedFields, controllersManager),
    }
  }
}

function keptMetadata(kind: ClusterKind, metadata: Metadata): Metadata {
  const { name, namespace, uid, resourceVersion, generation, finalizers } = metadata
  const { labels, creationTimestamp, deletionTimestamp } = metadata
  return {
    name,
    ...(kind === 'GuestInterface' && { namespace }),
    uid,
    resourceVersion,
    ...(generation !== undefined && { generation }),
    ...(labels && (kind === 'Node' || kind === 'Namespace' || kind === 'Host') && { labels }),
    ...(finalizers && { finalizers }),
    ...(creationTimestamp !== undefined && { creationTimestamp }),
    ...(deletionTimestamp !== undefined && { deletionTimestamp }),
  } as Metadata
}

function keptStatus(kind: ClusterKind, status: Record<string, unknown>): object {
  if (kind === 'GuestInterface') {
    const { effective: _, sources: __, plan: ___, ...rest } = status
    return rest
  }
  if (kind === 'Host') {
    const { links: _, pools: __, capabilities: ___, ...rest } = status
    return rest
  }
  return status
}
