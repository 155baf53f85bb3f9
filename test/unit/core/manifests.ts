/** The resources that the tests of decisions start from: as few words as a manifest needs. */
import type { GuestInterface, GuestInterfaceSpec } from '../../../src/api/guest-interface.ts'
import type { Network, NetworkSpec } from '../../../src/api/network.ts'
import type { PortGroup, PortGroupSpec } from '../../../src/api/port-group.ts'
import { apiVersion } from '../../../src/api/resource.ts'

export const guestUUID = '4dea22b3-1d52-d8f3-2516-782e98ab3fa0'

export function network(name: string, spec: NetworkSpec = {}): Network {
  return { apiVersion, kind: 'Network', metadata: { name }, spec }
}

export function portGroup(name: string, spec: PortGroupSpec): PortGroup {
  return { apiVersion, kind: 'PortGroup', metadata: { name }, spec }
}

export function guestInterface(spec: Partial<GuestInterfaceSpec>, name = 'vm1-data'): GuestInterface {
  return {
    apiVersion,
    kind: 'GuestInterface',
    metadata: { name, namespace: 'default' },
    spec: {
      guest: { name: 'vm1' },
      source: { network: { name: 'testA' } },
      updatePolicy: 'Live',
      deletionPolicy: 'Detach',
      ...spec,
    },
  }
}

/** What a Network, a PortGroup or an interface says to be on one host only. */
export function onHost(name: string) {
  return { hostSelector: { matchLabels: { 'kubernetes.io/hostname': name } } }
}
