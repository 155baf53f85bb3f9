/** The links of the host, all at once, as the kernel shows them. One that is of interest now: link-state.ts. */
import { readlink } from 'node:fs/promises'
import { BlockList } from 'node:net'
import type { Link } from '../core/link.ts'
import { askIp } from './ip.ts'
import { readOpenVswitch } from './open-vswitch.ts'

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
 * on a small machine. `ip -details address show; ip route show table all exact default`, and what is plugged into Open
 * vSwitch, since its userspace datapath leaves no trace in the kernel.
 *
 * Throws a HostError when ip is missing or fails, or when Open vSwitch runs and doesn't answer.
 */
export async function readLinks(signal: AbortSignal): Promise<Link[]> {
  const [[shownLinks, shownRoutes], openVswitch] = await Promise.all([
    askIp(['address show', 'route show table all exact default'], signal),
    readOpenVswitch(signal),
  ])
  const shown = (shownLinks as ShownLink[]).filter((each) => each.ifname !== undefined)
  const plugged = openVswitch?.interfaces ?? []
  const host: Surroundings = {
    names: new Set(shown.map(({ ifname }) => ifname)),
    routed: await defaultRouteDevices(shownRoutes as ShownRoute[], signal),
    // A bridge's own link is named like it and is plugged into nothing.
    bridges: new Map(
      plugged.filter(({ name, bridge }) => name !== bridge).map((each) => [each.name, each.bridge]),
    ),
  }
  return Promise.all(shown.map(async (each) => ({ ...linkOf(each, host), ...(await pciAddressOf(each)) })))
}

/** What else of the host a link is described by. */
interface Surroundings {
  /** Of all links. */
  names: ReadonlySet<string>
  /** Links that a default route leaves through. */
  routed: ReadonlySet<string>
  /** The Open vSwitch bridge of each link that is on one. */
  bridges: ReadonlyMap<string, string>
}

/** The mode of every macvtap by its index, which sysfs doesn't tell. `ip -details link show type macvtap` */
export async function readMacvtapModes(signal: AbortSignal): Promise<Map<number, Link['mode']>> {
  const [list] = await askIp(['link show type macvtap'], signal)
  const shown = list as ShownLink[]
  // Where ip filters by itself it prints an empty object for what it leaves out.
  return new Map(
    shown.filter((each) => each.ifindex !== undefined).map((each) => [each.ifindex, modeOf(each)]),
  )
}

function linkOf(shown: ShownLink, { names, routed, bridges }: Surroundings): Link {
  const kind = shown.linkinfo?.info_kind
  const { link } = shown
  const lower = kind !== undefined && STACKED.has(kind) && link !== undefined && names.has(link)
  const master = bridges.get(shown.ifname) ?? shown.master
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
    const [shown] = await askIp(['nexthop show'], signal)
    const nexthops = new Map((shown as ShownNexthop[]).map((each) => [each.id, each]))
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
