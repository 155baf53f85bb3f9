/** The shortest list of live updates by which libvirt makes one definition of a network another. */
import type { Ip } from '../../../api/network-addresses.ts'
import { normalForm } from '../canonical.ts'
import { isMadeByLibvirt, type NetworkDefinition } from '../definition.ts'
import type { NetworkChange, NetworkPlan, RestartReason, Section, SectionEntry } from './change.ts'
import { planDhcpHosts } from './dhcp-hosts.ts'
import { type DhcpRange, planDhcpRanges } from './dhcp-ranges.ts'
import { planDnsHosts, planDnsSrvs, planDnsTxts } from './dns.ts'
import { courseOf } from './dnsmasq-course.ts'
import { followUp } from './follow-up.ts'
import { planForwardInterfaces } from './forward-interfaces.ts'
import { IpDhcp } from './ip-dhcp.ts'
import { inOrder, type Placed } from './order.ts'
import { planPortGroups } from './port-groups.ts'
import { ipReasons, restartReason, restartReasons, valueText } from './restart.ts'
import { isInPhases, phases, type Step } from './step.ts'

export interface NetworkPlanOptions {
  /** The updates are for a running network: dnsmasq has to follow. */
  live: boolean
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
  { live }: NetworkPlanOptions,
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
  // libvirt takes no device beside the bridge of mode bridge.
  const beside =
    forward?.mode === 'bridge'
      ? /^(forward\.(mode|pf|addresses)|bridge\.name)$/
      : /^forward\.(mode|pf|addresses)$/
  if (!restartRequired.some(({ field }) => beside.test(field))) {
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
  planDns(plan, before, after)
  planIps(plan, before, after)

  const ips = before.settings.ips ?? []
  const dhcp = new IpDhcp(ips)
  const updates = inOrder(placed, ips, live).filter((update) => dhcp.apply(update))
  restartRequired.push(...bootpReasons(before, after, updates))
  const behind = live ? courseOf(ips, updates).behind : undefined
  return {
    updates: behind === undefined ? updates : [...updates, ...followUp(before, after, behind)],
    restartRequired,
  }
}

function asLibvirtChose(to: NetworkDefinition, from: NetworkDefinition): NetworkDefinition {
  const settings = { ...to.settings }
  // The bridge of another network is somebody's choice.
  if (isMadeByLibvirt(from.settings) && isMadeByLibvirt(settings)) {
    const { mac, bridge } = from.settings
    const name = settings.bridge?.name ?? bridge?.name
    if (settings.mac === undefined && mac !== undefined) settings.mac = mac
    if (name !== undefined) settings.bridge = { ...settings.bridge, name }
  }
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
    addFirst = false,
  ): void {
    if (steps === undefined) this.#restartRequired.push(restartReason(field, from, to))
    else {
      const ordered = isInPhases(steps)
      for (const { command, entry } of steps) {
        const change = { command, section, parentIndex, entry } as NetworkChange
        const phase = addFirst && command !== 'delete' ? -1 : ordered ? phases[command] : phases.modify
        this.#placed.push({ change, phase })
      }
    }
  }
}

/** A DNS server that is switched on or off takes its records along. */
function planDns(plan: Collector, from: NetworkDefinition, to: NetworkDefinition): void {
  const [left, right] = [from.settings.dns ?? {}, to.settings.dns ?? {}]
  if (left.enable !== right.enable) return
  const [hosts, txts, srvs] = [left.hosts ?? [], left.txts ?? [], left.srvs ?? []]
  const wanted = { hosts: right.hosts ?? [], txts: right.txts ?? [], srvs: right.srvs ?? [] }
  plan.add('dns-host', 'dns.hosts', hosts, wanted.hosts, planDnsHosts(hosts, wanted.hosts))
  plan.add('dns-txt', 'dns.txts', txts, wanted.txts, planDnsTxts(txts, wanted.txts))
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
  const [ranges, wantedRanges] = [from.dhcp?.ranges ?? [], to.dhcp?.ranges ?? []]
  const hostSteps = planDhcpHosts(hosts, wantedHosts)
  const rangeSteps = planDhcpRanges(ranges, wantedRanges)
  // libvirt keeps bootp as long as there is a host or a range: what comes in has to come first where nothing else stays.
  const staying = hosts.length + ranges.length - deletesIn(hostSteps ?? []) - deletesIn(rangeSteps ?? [])
  const addFirst = from.dhcp?.bootp !== undefined && staying === 0
  const hostsCome = hostSteps?.some(({ command }) => command !== 'delete') ?? false
  const path = `ips[${n}].dhcp`
  plan.add('ip-dhcp-host', `${path}.hosts`, hosts, wantedHosts, hostSteps, n, addFirst)
  plan.add(
    'ip-dhcp-range',
    `${path}.ranges`,
    ranges,
    wantedRanges,
    rangeSteps,
    n,
    addFirst && !hostsCome && areApart(ranges, wantedRanges),
  )
}

const deletesIn = (steps: readonly Step<object>[]) =>
  steps.filter(({ command }) => command === 'delete').length

/** No range of the one list stands in the way of one of the other. */
function areApart(from: readonly DhcpRange[], to: readonly DhcpRange[]): boolean {
  const keys = new Set(from.map(({ start, end }) => `${start} ${end}`))
  return !to.some(({ start, end }) => keys.has(`${start} ${end}`))
}

/** Where an `ip` is without DHCP for a moment. */
function bootpReasons(
  from: NetworkDefinition,
  to: NetworkDefinition,
  updates: readonly NetworkChange[],
): RestartReason[] {
  const ips = from.settings.ips ?? []
  const dhcp = new IpDhcp(ips)
  const emptied = new Set<number>()
  for (const update of updates) {
    dhcp.apply(update)
    if (dhcp.isEmpty(update.parentIndex)) emptied.add(update.parentIndex)
  }
  return [...emptied].flatMap((n) => {
    const [had, other] = [
      ips[n]?.dhcp?.bootp,
      to.settings.ips?.find(({ address }) => address === ips[n]?.address),
    ]
    const stays = had !== undefined && valueText(had) === valueText(other?.dhcp?.bootp)
    return stays ? [restartReason(`ips[${n}].dhcp.bootp`, undefined, had)] : []
  })
}
