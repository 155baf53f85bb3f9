/** The links of the host, all at once, as the kernel shows them. One that is of interest now: link-state.ts. */
import { readlink } from 'node:fs/promises'
import { BlockList } from 'node:net'
import type { Link } from '../core/link.ts'
import { ask, parseLines } from './tool.ts'

/** What `ip -json -details address` says of a link, as far as it is of use here. */
interface ShownLink {
  ifindex: number
  ifname: string
  flags: string[]
  mtu: number
  master?: string
  /** The link below it, or its peer; absent, with link_netnsid present, when that is in another namespace. */
  link?: string
  /** Absent for links without one, such as a tun. */
  address?: string
  linkinfo?: { info_kind?: string; info_data?: { mode?: string } }
  addr_info: { family: string; local?: string; prefixlen: number }[]
}

/** What `ip -json route` says of a route. */
interface ShownRoute {
  /** Absent or unicast when something can pass. */
  type?: string
  dev?: string
  nexthops?: { dev?: string }[]
  /** Instead of `dev` where net.ipv4.nexthop_compat_mode is 0. */
  nhid?: number
}

/** What `ip -json nexthop` says: a device, or a group of others. */
interface ShownNexthop {
  id: number
  dev?: string
  group?: { id: number }[]
}

/**
 * All links of this network namespace, with addresses and default routes: one process, about 4 ms, and 20 ms with 500 links
 * on a small machine. Stands for `ip -d address show; ip route show table all exact default`.
 *
 * Throws a ToolError when ip is missing, fails, or the links never stand still long enough to be listed.
 */
export async function readLinks(signal: AbortSignal): Promise<Link[]> {
  const [shownLinks, shownRoutes] = (await askIp(
    ['address show', 'route show table all exact default'],
    signal,
  )) as [ShownLink[], ShownRoute[]]
  const shown = shownLinks.filter((each) => each.ifname !== undefined)
  const names = new Set(shown.map(({ ifname }) => ifname))
  const routed = await defaultRouteDevices(shownRoutes, signal)
  return Promise.all(
    shown.map(async (each) => ({ ...linkOf(each, names, routed), ...(await pciAddressOf(each)) })),
  )
}

/** The mode of every macvtap by its index, which sysfs doesn't tell. Stands for `ip -d link show type macvtap`. */
export async function readMacvtapModes(signal: AbortSignal): Promise<Map<number, Link['mode']>> {
  const [shown] = (await askIp(['link show type macvtap'], signal)) as [ShownLink[]]
  // Where ip filters by itself it prints an empty object for what it leaves out.
  return new Map(
    shown.filter((each) => each.ifindex !== undefined).map((each) => [each.ifindex, modeOf(each)]),
  )
}

const TRIES = 5

/** Has ip carry out several commands (`ip -json -details -batch -`) and gives the list that each printed. */
async function askIp(commands: string[], signal: AbortSignal): Promise<unknown[][]> {
  for (let tries = 1; ; tries++) {
    const answer = await ask('ip', ['-json', '-details', '-batch', '-'], signal, commands.join('\n'))
    // The kernel says so when something changed between two parts of its list; ip warns and succeeds.
    if (answer.stderr.includes('Dump was interrupted') && tries < TRIES) continue
    const lists = parseLines(answer.stdout) as unknown[][]
    // A command prints nothing at all where it has nothing to list.
    return commands.map((_, i) => lists[i] ?? [])
  }
}

function linkOf(shown: ShownLink, names: ReadonlySet<string>, routed: ReadonlySet<string>): Link {
  const kind = shown.linkinfo?.info_kind
  const { link, master } = shown
  const lower = kind !== undefined && STACKED.has(kind) && link !== undefined && names.has(link)
  return {
    name: shown.ifname,
    index: shown.ifindex,
    ...(kind && { kind }),
    mac: shown.address ?? '',
    mtu: shown.mtu,
    up: shown.flags.includes('UP'),
    ...(master !== undefined && { master }),
    ...(lower && { lower: link }),
    ...(kind && MACVLANS.has(kind) && { mode: modeOf(shown) }),
    addresses: shown.addr_info.flatMap((each) => addressOf(each) ?? []),
    defaultRoute: routed.has(shown.ifname),
  }
}

/** Kinds whose `link` is the device below; a veth's is its peer. */
const STACKED = new Set(['macvtap', 'macvlan', 'vlan'])
const MACVLANS = new Set(['macvtap', 'macvlan'])

/** In libvirt's words: ip and the kernel say passthru. */
function modeOf(shown: ShownLink): Link['mode'] {
  const mode = shown.linkinfo?.info_data?.mode
  return (mode === 'passthru' ? 'passthrough' : mode) as Link['mode']
}

const linkLocal = new BlockList()
linkLocal.addSubnet('169.254.0.0', 16, 'ipv4')
linkLocal.addSubnet('fe80::', 10, 'ipv6')

function addressOf({ family, local, prefixlen }: ShownLink['addr_info'][number]): string | undefined {
  const known = family === 'inet' ? 'ipv4' : family === 'inet6' ? 'ipv6' : undefined
  if (known === undefined || local === undefined || linkLocal.check(local, known)) return undefined
  return `${local}/${prefixlen}`
}

async function defaultRouteDevices(routes: ShownRoute[], signal: AbortSignal): Promise<Set<string>> {
  const leading = routes.filter(({ type }) => type === undefined || type === 'unicast')
  const devices = leading.flatMap(({ dev, nexthops = [] }) => [dev, ...nexthops.map((hop) => hop.dev)])
  const ids = leading.flatMap(({ dev, nexthops, nhid }) => (dev || nexthops ? [] : (nhid ?? [])))
  if (ids.length > 0) {
    const [shown] = (await askIp(['nexthop show'], signal)) as [ShownNexthop[]]
    const nexthops = new Map(shown.map((each) => [each.id, each]))
    for (const id of ids) {
      const { dev, group = [] } = nexthops.get(id) ?? {}
      devices.push(dev, ...group.map((member) => nexthops.get(member.id)?.dev))
    }
  }
  return new Set(devices.filter((dev) => dev !== undefined))
}

/** Where sysfs has a link that is no virtual one: .../0000:03:00.0/net/eth0, a virtio device between them or not. */
async function pciAddressOf(shown: ShownLink): Promise<Pick<Link, 'pciAddress'>> {
  if (shown.linkinfo?.info_kind !== undefined) return {}
  try {
    const path = await readlink(`/sys/class/net/${shown.ifname}`)
    const pciAddress = path.match(/\b[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]\b/g)?.at(-1)
    return pciAddress === undefined ? {} : { pciAddress }
  } catch (error) {
    // It went away meanwhile, or its name is no text that could name a file.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
}
