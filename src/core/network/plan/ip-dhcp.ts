/** What DHCP each `ip` has, and how a list of updates changes that. */
import { isIPv4 } from 'node:net'
import type { Ip } from '../../../api/network-addresses.ts'
import type { NetworkChange } from './change.ts'

interface Count {
  isIPv4: boolean
  hosts: number
  ranges: number
}

/** Numbers of ranges and hosts by the number of the `ip`, as updates go over them. libvirt knows one `ip` of a family with any. */
export class IpDhcp {
  readonly #counts: Count[]

  constructor(ips: readonly Ip[]) {
    this.#counts = ips.map(({ address, dhcp }) => ({
      isIPv4: isIPv4(address),
      hosts: dhcp?.hosts?.length ?? 0,
      ranges: dhcp?.ranges?.length ?? 0,
    }))
  }

  /** The `ip` of this family that has DHCP. */
  served(family: 'ipv4' | 'ipv6'): number | undefined {
    const found = this.#counts.findIndex(
      (count) => count.isIPv4 === (family === 'ipv4') && count.hosts + count.ranges > 0,
    )
    return found < 0 ? undefined : found
  }

  /** False, and nothing changes: libvirt lets no second `ip` of a family come to have DHCP. */
  apply({ command, section, parentIndex }: NetworkChange): boolean {
    const count = this.#counts[parentIndex]
    if (count === undefined || (section !== 'ip-dhcp-host' && section !== 'ip-dhcp-range')) return true
    const kind = section === 'ip-dhcp-host' ? 'hosts' : 'ranges'
    if (command === 'delete') count[kind]--
    if (command === 'delete' || command === 'modify') return true
    const other = this.served(count.isIPv4 ? 'ipv4' : 'ipv6')
    if (other !== undefined && other !== parentIndex) return false
    count[kind]++
    return true
  }

  /** Whether this `ip` has no DHCP: then libvirt forgets its bootp, which no update brings back. */
  isEmpty(ip: number): boolean {
    const count = this.#counts[ip]
    return count === undefined || count.hosts + count.ranges === 0
  }
}
