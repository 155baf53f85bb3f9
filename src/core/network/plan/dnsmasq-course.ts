/** What libvirt does to the dnsmasq of a running network for each update, seen on libvirt 9.0. */
import type { Ip } from '../../../api/network-addresses.ts'
import type { NetworkChange, Section } from './change.ts'
import { IpDhcp } from './ip-dhcp.ts'

export type Dnsmasq = 'none' | 'reload' | 'restart'

const bySection: Record<Section, Dnsmasq> = {
  'ip-dhcp-host': 'reload',
  'ip-dhcp-range': 'restart',
  'forward-interface': 'none',
  portgroup: 'none',
  'dns-host': 'reload',
  'dns-txt': 'restart',
  'dns-srv': 'restart',
}

export interface DnsmasqCourse {
  /** For each update. */
  effects: Dnsmasq[]
  /**
   * The IPv6 `ip` whose DHCP dnsmasq has not begun or not ended to serve after all of them. libvirt restarts it when the first IPv4
   * host comes or the last one goes where there is no range, but for IPv6 it only reloads.
   */
  behind: number | undefined
}

/** `ips`: of the definition that the updates start from. */
export function courseOf(ips: readonly Ip[], updates: readonly NetworkChange[]): DnsmasqCourse {
  const dhcp = new IpDhcp(ips)
  let known = dhcp.served('ipv6')
  const effects = updates.map((update): Dnsmasq => {
    if (ips.length === 0) return 'none'
    const before = dhcp.served('ipv4') !== undefined
    dhcp.apply(update)
    const turned = before !== (dhcp.served('ipv4') !== undefined)
    const effect = turned ? 'restart' : bySection[update.section]
    if (effect === 'restart') known = dhcp.served('ipv6')
    return effect
  })
  const served = dhcp.served('ipv6')
  return { effects, behind: served === known ? undefined : (served ?? known) }
}
