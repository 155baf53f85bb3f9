/** DHCP ranges of one `ip`: known by start and end together, in the order in which dnsmasq looks for a free address. */
import type { SectionEntry } from './change.ts'
import { planOrderedList } from './ordered-list.ts'
import type { Step } from './step.ts'

export type DhcpRange = SectionEntry['ip-dhcp-range']

/** Undefined when libvirt can't tell the ranges apart. */
export function planDhcpRanges(
  from: readonly DhcpRange[],
  to: readonly DhcpRange[],
): Step<DhcpRange>[] | undefined {
  return planOrderedList(from, to, {
    group: ({ start, end }) => `${start} ${end}`,
    fits: () => true,
  })
}
