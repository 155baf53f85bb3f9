/** Two interfaces of a cluster with one MAC address: legal for libvirt, and seldom meant. */
import type { GuestInterface } from '../../api/guest-interface.ts'
import { nameOf } from '../identity.ts'
import type { Check } from '../interface-status.ts'
import { some } from './place.ts'

/** The address in force, else the one that is asked for; in small letters. */
export function macOf({ spec, status }: GuestInterface): string | undefined {
  return (spec.mac ?? status?.mac)?.toLowerCase()
}

/** `others`: all that may have the same address; the interface itself may be among them. */
export function macDuplicate(resource: GuestInterface, others: readonly GuestInterface[]): Check | undefined {
  const mac = macOf(resource)
  if (mac === undefined || isGoing(resource)) return undefined
  const own = nameOf(resource)
  const same = others
    .filter((other) => macOf(other) === mac && !isGoing(other))
    .map(nameOf)
    .filter((name) => name !== own)
  if (same.length === 0) return undefined
  return {
    status: 'True',
    reason: 'MacDuplicate',
    message: `${mac} is the MAC address of ${some(same)} too. Give one of them another, unless they never meet in one network`,
  }
}

function isGoing({ metadata }: GuestInterface): boolean {
  return metadata.deletionTimestamp !== undefined
}
