/**
 * The order of updates of different sections: deletes, modifies, adds, DHCP hosts before what restarts dnsmasq, so that one restart
 * serves them too; ranges before hosts where that saves one.
 */
import type { Ip } from '../../../api/network-addresses.ts'
import type { NetworkChange, Section } from './change.ts'
import { courseOf } from './dnsmasq-course.ts'
import { IpDhcp } from './ip-dhcp.ts'

export interface Placed {
  change: NetworkChange
  /** 0 delete, 1 modify, 2 add; -1 what has to come before the deletes. */
  phase: number
}

const ranks: Record<Section, number> = {
  'ip-dhcp-host': 0,
  portgroup: 1,
  'forward-interface': 2,
  'dns-host': 3,
  'ip-dhcp-range': 4,
  'dns-txt': 5,
  'dns-srv': 6,
}

export function inOrder(placed: readonly Placed[], ips: readonly Ip[], live: boolean): NetworkChange[] {
  const usual = sorted(placed, ({ phase }) => phase)
  if (!live) return usual
  if (courseOf(ips, usual).behind === undefined) {
    // libvirt restarts dnsmasq for the first IPv4 host unless a range has had it begin with DHCP.
    const rangesFirst = sorted(placed, ({ phase, change }) =>
      phase === 2 && change.section === 'ip-dhcp-range' ? phase - 0.5 : phase,
    )
    return restartsIn(ips, rangesFirst) < restartsIn(ips, usual) ? rangesFirst : usual
  }
  // A delete of another section would restart dnsmasq too early for the hosts: it comes after them where libvirt takes that.
  const hostsFirst = sorted(placed, ({ phase, change }) =>
    change.section === 'ip-dhcp-host' ? phase : phase + 3,
  )
  const dhcp = new IpDhcp(ips)
  const taken = hostsFirst.every((change) => dhcp.apply(change))
  return taken && courseOf(ips, hostsFirst).behind === undefined ? hostsFirst : usual
}

/** How often dnsmasq is restarted; more than often enough where it stays behind. */
function restartsIn(ips: readonly Ip[], updates: readonly NetworkChange[]): number {
  const { effects, behind } = courseOf(ips, updates)
  return behind === undefined ? effects.filter((effect) => effect === 'restart').length : Infinity
}

function sorted(placed: readonly Placed[], place: (each: Placed) => number): NetworkChange[] {
  return placed
    .toSorted((a, b) => place(a) - place(b) || ranks[a.change.section] - ranks[b.change.section])
    .map(({ change }) => change)
}
