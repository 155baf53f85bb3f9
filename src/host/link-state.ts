/**
 * One link as sysfs shows it at this moment: no process, no netlink, below 0.1 ms. For reading back what was just changed;
 * synchronous, because a trip through the thread pool costs more than the read.
 */
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'

export interface LinkState {
  index: number
  /** The bridge, bond or Open vSwitch datapath that it is enslaved to. */
  master?: string
  /** Of a port of a Linux bridge: it reaches only ports that aren't isolated. */
  isolated?: boolean
  /** The device below a macvtap, macvlan or vlan; absent too when that is in another namespace. */
  lower?: string
}

/**
 * Undefined when there is no link of this name, or it went away while it was read. `expectedLower`: where it is to be; it is looked for
 * there first, since listing all that sysfs has of a link takes as long as everything else here.
 */
export function readLink(name: string, expectedLower?: string): LinkState | undefined {
  if (!isLinkName(name)) return undefined
  const link = `/sys/class/net/${name}`
  try {
    const index = Number(read(`${link}/ifindex`))
    // Equal unless something is below it: a bridge has its ports as lower links too, and a veth its peer's index here.
    const stacked = Number(read(`${link}/iflink`)) !== index
    const lower = stacked ? lowerOf(link, expectedLower) : undefined
    // Looked for before it is read: a file that isn't there costs more than one that is.
    const master = existsSync(`${link}/master`) ? target(`${link}/master`) : undefined
    const isolated = existsSync(`${link}/brport`) ? readIfThere(`${link}/brport/isolated`) : undefined
    return {
      index,
      ...(master !== undefined && { master }),
      ...(isolated !== undefined && { isolated: isolated === '1' }),
      ...(lower !== undefined && { lower }),
    }
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

function lowerOf(link: string, expected: string | undefined): string | undefined {
  if (expected !== undefined && isLinkName(expected) && existsSync(`${link}/lower_${expected}`))
    return expected
  return readdirSync(link)
    .find((entry) => entry.startsWith('lower_'))
    ?.slice('lower_'.length)
}

/**
 * A Linux bridge or a port of one as one text: as long as it is the same, what the kernel told of the link is no news. Undefined
 * of others, since sysfs shows neither the mode of a macvtap nor who is on Open vSwitch, and where it cannot be read.
 */
export function linkText(name: string): string | undefined {
  try {
    const link = readLink(name)
    const isBridge = isLinuxBridge(name)
    if (!link || (link.isolated === undefined && !isBridge)) return undefined
    return JSON.stringify([link, readMtu(name), isBridge && isVlanFiltering(name)])
  } catch {
    return undefined
  }
}

/** Bytes; undefined when there is no link of this name. */
export function readMtu(name: string): number | undefined {
  const mtu = isLinkName(name) ? readIfThere(`/sys/class/net/${name}/mtu`) : undefined
  return mtu === undefined ? undefined : Number(mtu)
}

/** Whether this is a Linux bridge. */
export function isLinuxBridge(name: string): boolean {
  return isLinkName(name) && existsSync(`/sys/class/net/${name}/bridge`)
}

/** Whether a Linux bridge separates VLANs. */
export function isVlanFiltering(bridge: string): boolean {
  return isLinkName(bridge) && readIfThere(`/sys/class/net/${bridge}/bridge/vlan_filtering`) === '1'
}

/** As the kernel's own rule has it, so that a name leads nowhere else in sysfs. Spaces and colons are no harm here. */
function isLinkName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name)
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

/** No such file; a file that isn't a link's directory (bonding_masters); the link went. */
const GONE = new Set(['ENOENT', 'ENOTDIR', 'ENODEV', 'EINVAL'])

function isGone(error: unknown): boolean {
  return GONE.has((error as NodeJS.ErrnoException).code ?? '')
}
