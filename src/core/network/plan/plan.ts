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
  const plan = new Collector([
    ...restartReasons(before, after),
    ...ipReasons(before.settings.ips ?? [], after.settings.ips ?? []),
  ])
  planForward(plan, before, after)
  planGroups(plan, before, after)
  planDns(plan, before, after)
  planIps(plan, before, after)

  const ips = before.settings.ips ?? []
  const dhcp = new IpDhcp(ips)
  const updates = inOrder(plan.placed, ips, live).filter((update) => dhcp.apply(update))
  const behind = live ? courseOf(ips, updates).behind : undefined
  return {
    updates: behind === undefined ? updates : [...updates, ...followUp(before, after, behind)],
    restartRequired: [...plan.restartRequired, ...bootpReasons(before, after, updates)],
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

/** One list of a network, as it is and as it is to be. */
interface SectionLists<S extends Section> {
  section: S
  /** Path of the setting. */
  field: string
  from: readonly SectionEntry[S][]
  to: readonly SectionEntry[S][]
  parentIndex?: number
}

class Collector {
  readonly placed: Placed[] = []
  readonly restartRequired: RestartReason[]

  constructor(restartRequired: RestartReason[]) {
    this.restartRequired = restartRequired
  }

  /** `steps` undefined: no updates lead from the one list to the other. `addFirst`: what comes in comes before what goes. */
  add<S extends Section>(
    { section, field, from, to, parentIndex = 0 }: SectionLists<S>,
    steps: Step<SectionEntry[S]>[] | undefined,
    addFirst = false,
  ): void {
    if (steps === undefined) {
      this.restartRequired.push(restartReason(field, from, to))
      return
    }
    const ordered = isInPhases(steps)
    for (const { command, entry } of steps) {
      const change = { command, section, parentIndex, entry } as NetworkChange
      const phase = addFirst && command !== 'delete' ? -1 : ordered ? phases[command] : phases.modify
      this.placed.push({ change, phase })
    }
  }
}

/** Devices of a pool, or behind a network that libvirt makes. */
function planForward(plan: Collector, before: NetworkDefinition, after: NetworkDefinition): void {
  const { forward } = before.settings
  // libvirt takes no device beside the bridge of mode bridge.
  const inTheWay =
    forward?.mode === 'bridge'
      ? /^(forward\.(mode|pf|addresses)|bridge\.name)$/
      : /^forward\.(mode|pf|addresses)$/
  if (plan.restartRequired.some(({ field }) => inTheWay.test(field))) return
  const [from, to] = [forward?.interfaces ?? [], after.settings.forward?.interfaces ?? []]
  const lists = { section: 'forward-interface', field: 'forward.interfaces', from, to } as const
  plan.add(lists, planForwardInterfaces(from, to))
}

function planGroups(plan: Collector, before: NetworkDefinition, after: NetworkDefinition): void {
  const [from, to] = [before.portGroups, after.portGroups]
  plan.add({ section: 'portgroup', field: 'portGroups', from, to }, planPortGroups(from, to))
}

/** A DNS server that is switched on or off takes its records along. */
function planDns(plan: Collector, from: NetworkDefinition, to: NetworkDefinition): void {
  const [left, right] = [from.settings.dns ?? {}, to.settings.dns ?? {}]
  if (left.enable !== right.enable) return
  const lists = <K extends 'hosts' | 'txts' | 'srvs'>(name: K) =>
    ({ field: `dns.${name}`, from: left[name] ?? [], to: right[name] ?? [] }) as const
  const [hosts, txts, srvs] = [lists('hosts'), lists('txts'), lists('srvs')]
  plan.add({ section: 'dns-host', ...hosts }, planDnsHosts(hosts.from, hosts.to))
  plan.add({ section: 'dns-txt', ...txts }, planDnsTxts(txts.from, txts.to))
  plan.add({ section: 'dns-srv', ...srvs }, planDnsSrvs(srvs.from, srvs.to))
}

/** An `ip` that is in one of them only, or of another size, has no updates: its addresses would be out of place. */
function planIps(plan: Collector, from: NetworkDefinition, to: NetworkDefinition): void {
  const wanted = new Map(to.settings.ips?.map((ip) => [ip.address, ip]))
  from.settings.ips?.forEach((ip, n) => {
    const other = wanted.get(ip.address)
    if (other && other.prefix === ip.prefix) planIp(plan, ip, other, n)
  })
}

function planIp(plan: Collector, before: Ip, after: Ip, parentIndex: number): void {
  const lists = <K extends 'hosts' | 'ranges'>(name: K) =>
    ({
      field: `ips[${parentIndex}].dhcp.${name}`,
      from: before.dhcp?.[name] ?? [],
      to: after.dhcp?.[name] ?? [],
      parentIndex,
    }) as const
  const [hosts, ranges] = [lists('hosts'), lists('ranges')]
  const hostSteps = planDhcpHosts(hosts.from, hosts.to)
  const rangeSteps = planDhcpRanges(ranges.from, ranges.to)
  // libvirt keeps bootp as long as there is a host or a range: what comes in has to come first where nothing else stays.
  const there = hosts.from.length + ranges.from.length
  const staying = there - deletesIn(hostSteps ?? []) - deletesIn(rangeSteps ?? [])
  const addFirst = before.dhcp?.bootp !== undefined && staying === 0
  const hostsCome = hostSteps?.some(({ command }) => command !== 'delete') ?? false
  plan.add({ section: 'ip-dhcp-host', ...hosts }, hostSteps, addFirst)
  const rangesFirst = addFirst && !hostsCome && areApart(ranges.from, ranges.to)
  plan.add({ section: 'ip-dhcp-range', ...ranges }, rangeSteps, rangesFirst)
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
