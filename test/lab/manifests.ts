/** Manifests as the tests write them. */
import type { GuestInterfaceSpec } from '../../src/api/guest-interface.ts'
import type { NetworkSpec } from '../../src/api/network.ts'
import type { PortGroupSpec } from '../../src/api/port-group.ts'

export interface Manifest {
  apiVersion: string
  kind: 'GuestInterface' | 'Network' | 'PortGroup'
  metadata: { name: string }
  spec: Record<string, unknown>
}

const apiVersion = 'patchbay.dev/v1alpha1'

/** A network whose ports are devices of the host, in this order. */
export function pool(
  name: string,
  mode: 'bridge' | 'vepa' | 'private' | 'passthrough',
  devices: readonly string[],
): Manifest {
  return network(name, { forward: { mode, interfaces: devices.map((dev) => ({ dev })) } })
}

export function network(name: string, spec: Partial<NetworkSpec>): Manifest {
  return { apiVersion, kind: 'Network', metadata: { name }, spec }
}

export function portGroup(
  name: string,
  networkName: string,
  spec: Omit<PortGroupSpec, 'networkName'>,
): Manifest {
  return { apiVersion, kind: 'PortGroup', metadata: { name }, spec: { networkName, ...spec } }
}

/** An interface of a guest named by its name; virtio unless `spec` says another model. */
export function guestInterface(
  name: string,
  guest: string,
  spec: Partial<GuestInterfaceSpec> & Pick<GuestInterfaceSpec, 'source'>,
): Manifest {
  return {
    apiVersion,
    kind: 'GuestInterface',
    metadata: { name },
    spec: { guest: { name: guest }, model: 'virtio', ...spec },
  }
}

/** `source` of an interface that is plugged into a Network. */
export const inNetwork = (name: string, portGroup?: string) => ({
  source: { network: { name, ...(portGroup && { portGroup }) } },
})
