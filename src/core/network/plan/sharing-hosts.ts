/**
 * DHCP hosts that share a mac or a name with others of their list, which libvirt takes in a definition but not in an `add`. A
 * host like that comes in by a stand-in of its ip at the head of the list, which `modify` finds first.
 */
import type { Command } from './change.ts'
import { type DhcpHost, marksOf } from './dhcp-host-marks.ts'
import { HostList } from './host-list.ts'
import { pairUp } from './pairs.ts'
import { difference, type Step, textOf } from './step.ts'

/** Clusters of more hosts are not searched for a shorter way. */
const searched = 6

/** How much is tried for a shorter way: lists that are looked at, of all clusters of an `ip` together. About 20 ms. */
export class Patience {
  #left = 3_000

  isOver(): boolean {
    return --this.#left < 0
  }
}

/** Undefined when there is no way: with an ip that is in a list twice. The shortest way, but for large clusters. */
export function planSharingHosts(
  from: readonly DhcpHost[],
  to: readonly DhcpHost[],
  patience: Patience,
): Step<DhcpHost>[] | undefined {
  if (repeatsAnIp(from) || repeatsAnIp(to)) return undefined
  const steps = straightWay(from, to)
  if (Math.max(from.length, to.length) > searched) return steps
  const { gone, added } = difference(from, to)
  const pairs = pairUp(gone.map(marksOf), added.map(marksOf)).filter((partner) => partner !== undefined)
  const atLeast = gone.length + added.length - pairs.length
  const standIns = standInName([...from, ...to])
  for (let length = atLeast; length < steps.length; length++) {
    const found = search([...from], to, length, standIns, patience)
    if (found) return found
  }
  return steps
}

/**
 * Deletes of what becomes no other host; adds of what no host becomes, where nothing is in the way yet; modifies that hit the right host,
 * as long as there are any; then what is left, by a stand-in where one is needed. Without modifies it is always a way, unless ips
 * repeat.
 */
function straightWay(from: readonly DhcpHost[], to: readonly DhcpHost[], modifying = true): Step<DhcpHost>[] {
  const { gone, added } = difference(from, to)
  const partners = modifying ? pairUp(gone.map(marksOf), added.map(marksOf)) : []
  const steps: Step<DhcpHost>[] = []
  const list = new HostList(from)
  const going = new Set(gone)
  const coming = new Set(added)
  const standIns = standInName([...from, ...to])
  const take = (command: Command, entry: DhcpHost) => {
    steps.push({ command, entry })
    list.carryOut(command, entry)
  }

  for (const [n, host] of gone.entries()) {
    if (partners[n] !== undefined) continue
    take('delete', host)
    going.delete(host)
  }
  const paired = new Set(partners)
  for (const [n, host] of added.entries()) {
    if (paired.has(n) || list.hit(host) !== undefined) continue
    take('add-last', host)
    coming.delete(host)
  }
  // The last of the list first: what it comes to share is then behind those that are still to be found.
  for (let pass = 0; modifying && pass < passes; pass++) {
    const inTurn = [...coming]
      .map((host) => ({ host, at: list.hit(host)?.at ?? 0 }))
      .sort((a, b) => b.at - a.at)
    for (const { host } of inTurn) {
      const hit = list.hit(host)?.host
      if (hit === undefined || !going.has(hit)) continue
      take('modify', host)
      going.delete(hit)
      coming.delete(host)
    }
  }
  for (const host of going) {
    // A host that was modified has its ip already and stands before it.
    if (list.withIp(host.ip) !== host) return straightWay(from, to, false)
    take('delete', host)
  }
  for (const host of coming) {
    if (list.hit(host) === undefined) {
      take('add-last', host)
      continue
    }
    take('add-first', standInOf(host, standIns))
    take('modify', host)
  }
  return steps
}

/** How often modifies are tried: each one that is made can clear the way for others. */
const passes = 4

const standInOf = ({ ip }: DhcpHost, name: string): DhcpHost => ({
  name: `${name}${ip.replaceAll(/[.:]/g, '-')}`,
  ip,
})

/** A name that no host has: what it is the beginning of is no host's either. */
function standInName(hosts: readonly DhcpHost[]): string {
  let name = 'patchbay-'
  while (hosts.some((host) => host.name?.startsWith(name))) name += '-'
  return name
}

const shares = (a: DhcpHost, b: DhcpHost): boolean =>
  a.ip === b.ip || (a.mac !== undefined && a.mac === b.mac) || (a.name !== undefined && a.name === b.name)

const repeatsAnIp = (hosts: readonly DhcpHost[]): boolean =>
  new Set(hosts.map(({ ip }) => ip)).size < hosts.length

/** libvirt's list after a step; undefined when it refuses. */
function carryOut(list: readonly DhcpHost[], { command, entry }: Step<DhcpHost>): DhcpHost[] | undefined {
  const at = list.findIndex((each) => (command === 'delete' ? each.ip === entry.ip : shares(each, entry)))
  if (command === 'add-first') return at < 0 ? [entry, ...list] : undefined
  if (command === 'add-last') return at < 0 ? [...list, entry] : undefined
  if (at < 0) return undefined
  return command === 'delete' ? list.toSpliced(at, 1) : list.with(at, entry)
}

/** Every list of this many steps, depth first; most are given up at once, since a step changes one host. */
function search(
  list: DhcpHost[],
  to: readonly DhcpHost[],
  length: number,
  standIns: string,
  patience: Patience,
): Step<DhcpHost>[] | undefined {
  if (patience.isOver()) return undefined
  const { gone, added } = difference(list, to)
  if (gone.length === 0 && added.length === 0) return []
  if (Math.max(gone.length, added.length) > length) return undefined
  const wanted = new Map([...list, ...to].map((host) => [textOf(host), host]))
  for (const host of added) {
    const standIn = standInOf(host, standIns)
    wanted.set(textOf(standIn), standIn)
  }
  const steps = list.map((entry): Step<DhcpHost> => ({ command: 'delete', entry }))
  for (const entry of wanted.values()) {
    steps.push({ command: 'modify', entry }, { command: 'add-last', entry }, { command: 'add-first', entry })
  }
  for (const step of steps) {
    const next = carryOut(list, step)
    const rest = next && search(next, to, length - 1, standIns, patience)
    if (rest) return [step, ...rest]
  }
  return undefined
}
