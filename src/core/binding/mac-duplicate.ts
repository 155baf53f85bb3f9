/** Two interfaces of a cluster with one MAC address: legal for libvirt, and seldom meant. */
import type { GuestInterface } from '../../api/guest-interface.ts'
import { nameOf } from '../identity.ts'
import type { Check } from '../interface-status.ts'
import { some } from '../some-names.ts'

/** The address in force, else the one that is asked for; in small letters. */
export function macOf({ spec, status }: GuestInterface): string | undefined {
  return (spec.mac ?? status?.mac)?.toLowerCase()
}

/** Where there are more, none is: each that comes or goes would be a write of all of them, the square of their number together. */
const mostNamed = 3

/** `others`: all that may have the same address; the interface itself may be among them. */
export function macDuplicate(resource: GuestInterface, others: readonly GuestInterface[]): Check | undefined {
  const mac = macOf(resource)
  if (mac === undefined || isGoing(resource)) return undefined
  const own = nameOf(resource)
  const same: string[] = []
  for (const other of others) {
    if (macOf(other) !== mac || isGoing(other) || nameOf(other) === own) continue
    same.push(nameOf(other))
    if (same.length > mostNamed) break
  }
  if (same.length === 0) return undefined
  const whose = same.length > mostNamed ? `of more than ${mostNamed} others` : `of ${some(same)}`
  return {
    status: 'True',
    reason: 'MacDuplicate',
    message: `${mac} is the MAC address ${whose} too. Give one of them another, unless they never meet in one network`,
  }
}

function isGoing({ metadata }: GuestInterface): boolean {
  return metadata.deletionTimestamp !== undefined
}
