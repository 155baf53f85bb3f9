/** dnsmasq doesn't start with more leases than its ranges have addresses (libvirt gives it that number as dhcp-lease-max). */
import { ipNumber } from '../../api/ip-number.ts'
import type { Refusal } from '../refusal.ts'
import type { NetworkDefinition } from './definition.ts'

/** Why a network cannot come to these ranges yet. `leases`: addresses that are lent at the moment. */
export function leaseShortage(
  { settings }: NetworkDefinition,
  leases: readonly string[],
): Refusal | undefined {
  const ranges = (settings.ips ?? []).flatMap(({ dhcp }) => dhcp?.ranges ?? [])
  // Without a range libvirt sets no limit.
  if (ranges.length === 0) return undefined
  const room = ranges.reduce((sum, { start, end }) => sum + ipNumber(end) - ipNumber(start) + 1n, 0n)
  if (room >= leases.length) return undefined
  return {
    reason: 'LeasesExceedRanges',
    field: 'ips',
    message: `ips: the DHCP ranges would have ${room} address${room === 1n ? '' : 'es'}, and ${leases.length} are lent (${someOf(leases)}): dnsmasq would not start. The change is made when enough of them have run out; or make the ranges wider`,
  }
}

function someOf(leases: readonly string[]): string {
  const shown = leases.slice(0, 5).join(', ')
  return leases.length > 5 ? `${shown} and ${leases.length - 5} more` : shown
}
