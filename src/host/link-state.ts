/**
 * One link as sysfs shows it at this moment: no process, no netlink, below 0.1 ms. For reading back what was just changed;
 * synchronous, because a trip through the thread pool costs more than the read.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'

export interface LinkState {
  index: number
  /** Administratively up. */
  up: boolean
  /** A down link has none. */
  carrier: boolean
  /** The kernel's word: up, down, lowerlayerdown, dormant, unknown, notpresent or testing. */
  operstate: string
  /** The bridge, bond or Open vSwitch datapath that it is enslaved to. */
  master?: string
  /** Of a port of a Linux bridge: it reaches only ports that aren't isolated. */
  isolated?: boolean
  /** The device below a macvtap, macvlan or vlan; absent too when that is in another namespace. */
  lower?: string
}

/** Undefined when there is no link of this name, or it went away while it was read. */
export function readLink(name: string): LinkState | undefined {
  if (!isLinkName(name)) return undefined
  const link = `/sys/class/net/${name}`
  try {
    const index = Number(read(`${link}/ifindex`))
    // Equal unless something is below it; a veth has its peer's index here, and nothing below.
    const stacked = Number(read(`${link}/iflink`)) !== index
    const lower = stacked ? lowerOf(link) : undefined
    const master = target(`${link}/master`)
    const isolated = master === undefined ? undefined : readIfThere(`${link}/brport/isolated`)
    return {
      index,
      up: (Number(read(`${link}/flags`)) & IFF_UP) !== 0,
      carrier: readIfThere(`${link}/carrier`) === '1',
      operstate: read(`${link}/operstate`),
      ...(master !== undefined && { master }),
      ...(isolated !== undefined && { isolated: isolated === '1' }),
      ...(lower !== undefined && { lower }),
    }
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

/** Bytes; undefined when there is no link of this name. */
export function readMtu(name: string): number | undefined {
  const mtu = isLinkName(name) ? readIfThere(`/sys/class/net/${name}/mtu`) : undefined
  return mtu === undefined ? undefined : Number(mtu)
}

/** Whether this is a Linux bridge. */
export function isLinuxBridge(name: string): boolean {
  return isLinkName(name) && readIfThere(`/sys/class/net/${name}/bridge/bridge_id`) !== undefined
}

/** Whether a Linux bridge separates VLANs. */
export function isVlanFiltering(bridge: string): boolean {
  return isLinkName(bridge) && readIfThere(`/sys/class/net/${bridge}/bridge/vlan_filtering`) === '1'
}

const IFF_UP = 1

/** As the kernel's own rule has it, so that a name leads nowhere else in sysfs. Spaces and colons are no harm here. */
function isLinkName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name)
}

function lowerOf(link: string): string | undefined {
  return readdirSync(link)
    .find((entry) => entry.startsWith('lower_'))
    ?.slice('lower_'.length)
}

function read(file: string): string {
  return readFileSync(file, 'utf8').trimEnd()
}

function readIfThere(file: string): string | undefined {
  try {
    return read(file)
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

function target(symlink: string): string | undefined {
  try {
    return basename(readlinkSync(symlink))
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

/** No such file; a file that isn't a link's directory (bonding_masters); the link went, or is down and has no carrier to tell. */
const GONE = new Set(['ENOENT', 'ENOTDIR', 'ENODEV', 'EINVAL'])

function isGone(error: unknown): boolean {
  return GONE.has((error as NodeJS.ErrnoException).code ?? '')
}
