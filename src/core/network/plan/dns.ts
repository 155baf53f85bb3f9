/** Records of a network's DNS server. */
import type { SectionEntry } from './change.ts'
import { planOrderedList } from './ordered-list.ts'
import type { Step } from './step.ts'
import { planMap } from './unordered-list.ts'

export type DnsHost = SectionEntry['dns-host']
export type DnsTxt = SectionEntry['dns-txt']
export type DnsSrv = SectionEntry['dns-srv']

export function planDnsHosts(
  from: readonly DnsHost[],
  to: readonly DnsHost[],
  canModify: boolean,
): Step<DnsHost>[] | undefined {
  return planMap(from, to, { key: ({ ip }) => ip, canModify })
}

export function planDnsTxts(
  from: readonly DnsTxt[],
  to: readonly DnsTxt[],
  canModify: boolean,
): Step<DnsTxt>[] | undefined {
  return planMap(from, to, { key: ({ name }) => name, canModify })
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
