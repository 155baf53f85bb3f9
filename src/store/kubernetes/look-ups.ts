/** By what the controller looks objects up, so that no pass goes over all of them. */
import type { GuestGrant } from '../../api/guest-grant.ts'
import type { GuestInterface } from '../../api/guest-interface.ts'
import type { Host } from '../../api/host.ts'
import type { ClusterKind, ClusterResources } from './cluster-kinds.ts'
import type { Indexes } from './cluster-objects.ts'

export interface LookUps {
  /**
   * `guestName`, `guestUUID`: the guest that the interface names, or is bound to. `hostName`: every host that it is pinned to,
   * bound to, moves to or has a port on. `network`: networkName of its source. `mac`: in lower case, asked for or in force.
   */
  GuestInterface: 'guestName' | 'guestUUID' | 'hostName' | 'network' | 'mac' | 'namespace'
  /** Guests that are defined or run there. */
  Host: 'guestName' | 'guestUUID'
  /** Guests that it grants; `byPrefix`: under `true` those that grant any by the beginning of its name. */
  GuestGrant: 'guestName' | 'guestUUID' | 'byPrefix'
}

export const indexes: { [K in ClusterKind]: Indexes<ClusterResources[K]> } = {
  GuestInterface: {
    guestName: ({ spec }: GuestInterface) => [spec.guest.name],
    guestUUID: ({ spec, status }) => [spec.guest.uuid?.toLowerCase(), status?.guestUUID?.toLowerCase()],
    hostName: ({ spec, status }) => [
      spec.hostName,
      status?.hostName,
      status?.nextHostName,
      status?.port?.hostName,
    ],
    network: ({ spec }) => [spec.source.network?.name],
    mac: ({ spec, status }) => [spec.mac?.toLowerCase(), status?.mac?.toLowerCase()],
    namespace: ({ metadata }) => [metadata.namespace],
  },
  Host: {
    guestName: ({ status }: Host) => status?.guests?.map(({ name }) => name) ?? [],
    guestUUID: ({ status }) => status?.guests?.map(({ uuid }) => uuid.toLowerCase()) ?? [],
  },
  Network: {},
  PortGroup: {},
  GuestGrant: {
    guestName: ({ spec }: GuestGrant) => spec.guests.map(({ name }) => name),
    guestUUID: ({ spec }) => spec.guests.map(({ uuid }) => uuid?.toLowerCase()),
    byPrefix: ({ spec }) => (spec.guests.some(({ namePrefix }) => namePrefix !== undefined) ? ['true'] : []),
  },
  Node: {},
  Namespace: {},
  Lease: {},
}
