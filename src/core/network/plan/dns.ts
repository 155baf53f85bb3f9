/** Records of a network's DNS server. */
import type { SectionEntry } from './change.ts'
import { planOrderedList } from './ordered-list.ts'
import type { Step } from './step.ts'
import { planUnorderedList } from './unordered-list.ts'

type DnsHost = SectionEntry['dns-host']
type DnsTxt = SectionEntry['dns-txt']
type DnsSrv = SectionEntry['dns-srv']

/** libvirt refuses to modify one (9.0: error 84). */
export function planDnsHosts(from: readonly DnsHost[], to: readonly DnsHost[]): Step<DnsHost>[] | undefined {
  return planUnorderedList(from, to, { key: ({ ip }) => ip, canModify: false })
}

/** The same. */
export function planDnsTxts(from: readonly DnsTxt[], to: readonly DnsTxt[]): Step<DnsTxt>[] | undefined {
  return planUnorderedList(from, to, { key: ({ name }) => name, canModify: false })
}

/**
 * What an entry leaves out fits anything, and port, priority and weight are never looked at. So an entry is added before those
 * that say more than it does, and deleted after them.
 */
export function planDnsSrvs(from: readonly DnsSrv[], to: readonly DnsSrv[]): Step<DnsSrv>[] | undefined {
  return planOrderedList(from, to, {
    group: ({ service, protocol }) => `${service} ${protocol}`,
    fits: (given, srv) =>
      (given.domain === undefined || given.domain === srv.domain) &&
      (given.target === undefined || given.target === srv.target),
  })
}
