/**
 * Keeps in force what libvirt's firewall rules say of a network while libvirt makes them again: it takes away each and adds
 * each by a process of its own, and what a guest sends or gets in those 0.2 s and more is rejected, or leaves without NAT.
 * Held are copies in chains of our own, each of which is asked right before the chain of libvirt's that it copies.
 *
 * iptables shows nothing of the rules that libvirt makes with nftables (possible from 10.4): then nothing is held.
 */
import PQueue from 'p-queue'
import { runTool } from './tool.ts'

const families = ['iptables', 'ip6tables'] as const

/** `iptables-save | ... | iptables-restore --noflush`: copies the rules of the network with this bridge. Throws a HostError. */
export async function holdFirewall(bridge: string, signal: AbortSignal): Promise<void> {
  await releaseFirewall(bridge, signal)
  await change((saved) => heldRules(saved, bridge), signal)
}

/** Takes away the copies of the network with this bridge, or all that there are. Throws a HostError. */
export async function releaseFirewall(bridge: string | undefined, signal: AbortSignal): Promise<void> {
  await change((saved) => releasedRules(saved, bridge), signal)
}

/** One after the other: a place among the rules holds until the next change. */
const turns = new PQueue({ concurrency: 1 })

async function change(rulesFor: (saved: string) => string, signal: AbortSignal): Promise<void> {
  await turns.add(async () => {
    for (const family of families) {
      const { stdout } = await runTool(`${family}-save`, [], '', signal)
      const rules = rulesFor(stdout)
      // The kernel takes a table over at once.
      if (rules !== '') await runTool(`${family}-restore`, ['--noflush', '--wait', '5'], rules, signal)
    }
  })
}

const theirs = 'LIBVIRT_'
const ours = 'PATCHBAY_'
/** At most 28 characters, as iptables wants it: libvirt's names end with 3, and a link's has at most 15. */
const held = (chain: string, bridge: string) => `${chain.replace(theirs, ours)}_${bridge}`
/** A bridge may have underscores in its name, what libvirt calls its chains has none. */
const bridgeOf = (copy: string) => copy.slice(copy.indexOf('_', ours.length) + 1)

/** What iptables-restore is to be given to hold the rules that iptables-save printed; '' when there are none of the network. */
export function heldRules(saved: string, bridge: string): string {
  const tables = tablesOf(saved)
  const rules = tables.flatMap((table) => table.rules).filter(({ chain }) => chain.startsWith(theirs))
  const named = rules.filter(({ links }) => links.includes(bridge))
  // The rules of NAT don't name the bridge.
  const subnets = new Set(named.flatMap(({ subnets }) => subnets))
  return restoring(tables, ({ rules }) => {
    const copied = rules.filter(
      ({ chain, links, subnets: [first = ''] }) =>
        chain.startsWith(theirs) && (links.includes(bridge) || subnets.has(first)),
    )
    const chains = new Set(copied.map(({ chain }) => chain))
    return [
      ...[...chains].map((chain) => `:${held(chain, bridge)} - [0:0]`),
      ...copied.map(({ chain, rest }) => `-A ${held(chain, bridge)} ${rest}`),
      ...jumps(rules, chains).map(
        ({ chain, place, target }) => `-I ${chain} ${place} -j ${held(target, bridge)}`,
      ),
    ]
  })
}

/** What iptables-restore is to be given to take the held rules away that iptables-save printed; '' when there are none. */
export function releasedRules(saved: string, bridge?: string): string {
  return restoring(tablesOf(saved), ({ rules, chains }) => {
    const going = chains.filter(
      (chain) => chain.startsWith(ours) && (bridge === undefined || bridgeOf(chain) === bridge),
    )
    return [
      ...rules.filter(({ target }) => going.includes(target)).map(({ chain, rest }) => `-D ${chain} ${rest}`),
      ...going.map((chain) => `-F ${chain}`),
      ...going.map((chain) => `-X ${chain}`),
    ]
  })
}

interface Rule {
  chain: string
  /** Behind the chain's name, as iptables-save prints it. */
  rest: string
  /** Of -i and -o. */
  links: string[]
  /** Of -s and -d, the source first; those that are meant and those that are not. */
  subnets: string[]
  /** Of -j; '' where there is none. */
  target: string
}

interface Table {
  name: string
  chains: string[]
  rules: Rule[]
}

function tablesOf(saved: string): Table[] {
  return [...saved.matchAll(/^\*(\S+)\n(.*?)^COMMIT$/gms)].map(([, name, body]) => ({
    name: name!,
    chains: [...body!.matchAll(/^:(\S+) /gm)].map(([, chain]) => chain!),
    rules: [...body!.matchAll(/^-A (\S+) (.*)$/gm)].map(([, chain, rest]) => ({
      chain: chain!,
      rest: rest!,
      links: valuesOf(/(?:^| )-[io] (\S+)/g, rest!),
      subnets: valuesOf(/(?:^| )-[sd] (\S+)/g, rest!),
      target: valuesOf(/(?:^| )-j (\S+)/g, rest!)[0] ?? '',
    })),
  }))
}

const valuesOf = (pattern: RegExp, text: string) => [...text.matchAll(pattern)].map(([, value]) => value!)

/** Where jumps to copies of these chains go: each before the one to the chain itself, counted with those put in before it. */
function jumps(rules: readonly Rule[], chains: ReadonlySet<string>) {
  const places = new Map<string, number>()
  return rules.flatMap(({ chain, target }) => {
    const place = (places.get(chain) ?? 0) + 1
    const isOne = chains.has(target)
    places.set(chain, isOne ? place + 1 : place)
    return isOne ? [{ chain, place, target }] : []
  })
}

function restoring(tables: readonly Table[], commandsFor: (table: Table) => string[]): string {
  return tables
    .map((table) => ({ name: table.name, commands: commandsFor(table) }))
    .filter(({ commands }) => commands.length > 0)
    .map(({ name, commands }) => [`*${name}`, ...commands, 'COMMIT', ''].join('\n'))
    .join('')
}
