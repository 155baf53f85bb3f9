/** What every resource of ours looks like around its spec and status: Kubernetes' object shape. */
export const apiVersion = 'patchbay.dev/v1alpha1'

export type Kind = 'Network' | 'PortGroup' | 'GuestInterface' | 'Host' | 'GuestGrant'

export interface Metadata {
  name: string
  /** GuestInterfaces only; the other kinds are cluster-scoped. */
  namespace?: string
  uid?: string
  /** Counts changes of spec, from 1. */
  generation?: number
  resourceVersion?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
  /** Set while the object is going: its port is still to be freed. RFC 3339. */
  deletionTimestamp?: string
  /** Who has to agree before the object goes. */
  finalizers?: string[]
  /** RFC 3339. */
  creationTimestamp?: string
}

export interface Resource<K extends Kind, Spec, Status> {
  apiVersion: typeof apiVersion
  kind: K
  metadata: Metadata
  spec: Spec
  status?: Status
}
