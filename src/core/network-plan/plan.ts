/** The shortest list of live updates by which libvirt makes one definition of a network another. */
import type { Ip } from '../../api/network-addresses.ts'
import { normalForm } from '../network-canonical.ts'
import type { NetworkDefinition } from '../network-definition.ts'
import type { NetworkChange, NetworkPlan, RestartReason, Section, SectionEntry } from './change.ts'
import { planDhcpHosts } from './dhcp-hosts.ts'
import { planDhcpRanges } from './dhcp-ranges.ts'
import { planDnsHosts, planDnsSrvs, planDnsTxts } from './dns.ts'
import { courseOf } from './dnsmasq.ts'
import { followUp } from './follow-up.ts'
import { planForwardInterfaces } from './forward-interfaces.ts'
import { inOrder, type Placed } from './order.ts'
import { planPortGroups } from './port-groups.ts'
import { ipReasons, restartReason, restartReasons } from './restart.ts'
import type { Step } from './step.ts'

export interface NetworkPlanOptions {
  /** The updates are for a running network: dnsmasq has to follow. */
  live: boolean
  /** This libvirt modifies DNS hosts and TXT records in place; 9.0 refuses with error 84. */
  canModifyDns: boolean
}

/**
 * What `to` leaves to libvirt (uuid, name and mac of the bridge) is as `from` has it. Neither the names nor the owners are
 * compared. Port groups are, Patchbay's own like any other: a caller that doesn't mean it leaves it out of both.
 *
 * With `restartRequired` the updates are those that libvirt can carry out all the same: nothing within what needs the restart.
 */
export function planNetwork(
  from: NetworkDefinition,
  to: NetworkDefinition,
  { live, canModifyDns }: NetworkPlanOptions,
): NetworkPlan {
  const before = normalForm(from)
  const after = asLibvirtChose(normalForm(to), before)
  const restartRequired = [
    ...restartReasons(before, after),
    ...ipReasons(before.settings.ips ?? [], after.settings.ips ?? []),
  ]
  const placed: Placed[] = []
  const plan = new Collector(placed, restartRequired)

  const [forward, nextForward] = [before.settings.forward, after.settings.forward]
  if (!restartRequired.some(({ field }) => /^forward\.(mode|pf|addresses)$/.test(field))) {
    const [left, right] = [forward?.interfaces ?? [], nextForward?.interfaces ?? []]
    plan.add('forward-interface', 'forward.interfaces', left, right, planForwardInterfaces(left, right))
  }
  plan.add(
    'portgroup',
    'portGroups',
    before.portGroups,
    after.portGroups,
    planPortGroups(before.portGroups, after.portGroups),
  )
  planDns(plan, before, after, canModifyDns)
  planIps(plan, before, after)

  const ips = before.settings.ips ?? []
  const updates = inOrder(placed, ips, live)
  const behind = live ? courseOf(ips, updates).behind : undefined
  return {
    updates: behind === undefined ? updates : [...updates, ...followUp(before, after, behind)],
    restartRequired,
  }
}

function asLibvirtChose(to: NetworkDefinition, from: NetworkDefinition): NetworkDefinition {
  const { mac, bridge } = from.settings
  const name = to.settings.bridge?.name ?? bridge?.name
  const settings = { ...to.settings }
  if (settings.mac === undefined && mac !== undefined) settings.mac = mac
  if (name !== undefined) settings.bridge = { ...settings.bridge, name }
  const uuid = to.uuid ?? from.uuid
  return { ...to, ...(uuid !== undefined && { uuid }), settings }
}

class Collector {
  readonly #placed: Placed[]
  readonly #restartRequired: RestartReason[]

  constructor(placed: Placed[], restartRequired: RestartReason[]) {
    this.#placed = placed
    this.#restartRequired = restartRequired
  }

  /** `steps` undefined: no updates lead from the one list to the other. */
  add<S extends Section>(
    section: S,
    field: string,
    from: readonly SectionEntry[S][],
    to: readonly SectionEntry[S][],
    steps: Step<SectionEntry[S]>[] | undefined,
    parentIndex = 0,
  ): void {
    if (steps === undefined) this.#restartRequired.push(restartReason(field, from, to))
    else {
      // A list that has deletes after modifies has them there for a reason.
      const isFree = steps.every(
        ({ command }, n) => n === 0 || phases[command] >= phases[steps[n - 1]!.command],
      )
      for (const { command, entry } of steps) {
        const change = { command, section, parentIndex, entry } as NetworkChange
        this.#placed.push({ change, phase: isFree ? phases[command] : phases.modify })
      }
    }
  }
}

const phases = { delete: 0, modify: 1, 'add-first': 2, 'add-last': 2 }

/** A DNS server that is switched on or off takes its records along. */
function planDns(plan: Collector, from: NetworkDefinition, to: NetworkDefinition, canModify: boolean): void {
  const [left, right] = [from.settings.dns ?? {}, to.settings.dns ?? {}]
  if (left.enable !== right.enable) return
  const [hosts, txts, srvs] = [left.hosts ?? [], left.txts ?? [], left.srvs ?? []]
  const wanted = { hosts: right.hosts ?? [], txts: right.txts ?? [], srvs: right.srvs ?? [] }
  plan.add('dns-host', 'dns.hosts', hosts, wanted.hosts, planDnsHosts(hosts, wanted.hosts, canModify))
  plan.add('dns-txt', 'dns.txts', txts, wanted.txts, planDnsTxts(txts, wanted.txts, canModify))
  plan.add('dns-srv', 'dns.srvs', srvs, wanted.srvs, planDnsSrvs(srvs, wanted.srvs))
}

/** An `ip` that is in one of them only, or of another size, has no updates: its addresses would be out of place. */
function planIps(plan: Collector, from: NetworkDefinition, to: NetworkDefinition): void {
  const wanted = new Map(to.settings.ips?.map((ip) => [ip.address, ip]))
  from.settings.ips?.forEach((ip, n) => {
    const other = wanted.get(ip.address)
    if (other && other.prefix === ip.prefix) planIp(plan, ip, other, n)
  })
}

function planIp(plan: Collector, from: Ip, to: Ip, n: number): void {
  const [hosts, wantedHosts] = [from.dhcp?.hosts ?? [], to.dhcp?.hosts ?? []]
  plan.add('ip-dhcp-host', `ips[${n}].dhcp.hosts`, hosts, wantedHosts, planDhcpHosts(hosts, wantedHosts), n)
  const [ranges, wantedRanges] = [from.dhcp?.ranges ?? [], to.dhcp?.ranges ?? []]
  plan.add(
    'ip-dhcp-range',
    `ips[${n}].dhcp.ranges`,
    ranges,
    wantedRanges,
    planDhcpRanges(ranges, wantedRanges),
    n,
  )
}
