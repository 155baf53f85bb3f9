/** Which namespace may touch a guest: by the GuestGrants that admins write, and by nothing that a guest could write itself. */
import type { GuestGrant } from '../api/guest-grant.ts'
import { type HostIdentity, labelsOf, selects } from './host-selector.ts'
import type { Refusal } from './refusal.ts'

/** The namespace that all guests belong to on a host without a cluster where no grant was ever written: one person keeps it. */
const ungranted = 'default'

/** Why interfaces of `namespace` must not touch the guest; undefined when they may. `grants`: all there are. */
export function notOwned(
  guest: { name: string; uuid: string },
  namespace: string,
  host: HostIdentity,
  grants: readonly GuestGrant[],
): Refusal | undefined {
  const owners = ownersOf(guest, host, grants)
  if (owners.length > 1) {
    return {
      reason: 'OwnerAmbiguous',
      field: 'guest',
      message: `guest: GuestGrants give guest ${guest.name} to more than one namespace: ${owners.join(', ')}. Leave one of them`,
    }
  }
  if (owners[0] === namespace) return undefined
  const whose = owners[0]
    ? `belongs to namespace ${owners[0]}`
    : `is granted to no namespace on host ${host.name}`
  return {
    reason: 'NotOwned',
    field: 'guest',
    message: `guest: guest ${guest.name} ${whose}, not to ${namespace}. Have an admin grant it by a GuestGrant`,
  }
}

/** The same on a host without a cluster: as long as there is no grant, all guests belong to the namespace `default`. */
export function notOwnedStandalone(
  guest: { name: string; uuid: string },
  namespace: string,
  host: HostIdentity,
  grants: readonly GuestGrant[],
): Refusal | undefined {
  if (grants.length > 0) return notOwned(guest, namespace, host, grants)
  if (namespace === ungranted) return undefined
  return {
    reason: 'NotOwned',
    field: 'guest',
    message: `guest: all guests belong to namespace ${ungranted}, since there is no GuestGrant, and not to ${namespace}. Put the interface into namespace ${ungranted}`,
  }
}

function ownersOf(
  guest: { name: string; uuid: string },
  host: HostIdentity,
  grants: readonly GuestGrant[],
): string[] {
  const granting = grants.filter(
    ({ spec }) =>
      selects(spec.hostSelector, labelsOf(host)) &&
      spec.guests.some(
        ({ name, uuid, namePrefix }) =>
          name === guest.name ||
          uuid?.toLowerCase() === guest.uuid ||
          (namePrefix !== undefined && guest.name.startsWith(namePrefix)),
      ),
  )
  return [...new Set(granting.map(({ spec }) => spec.namespace))].sort()
}
