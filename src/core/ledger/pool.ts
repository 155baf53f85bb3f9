/** Choosing a device of a pool by what the ledger shows (design: resolving an interface, the ledger). */
import type { Link } from '../link.ts'
import { type Port, samePort } from '../port.ts'
import type { Refusal } from '../refusal.ts'
import type { Plug, Pool } from '../resolve/plug.ts'
import type { Holder, Use } from './ledger.ts'
import type { UsesByDevice } from './uses-by-device.ts'

export interface Obstacle {
  reason: 'DeviceInUse' | 'DeviceNotFound' | 'Held'
  message: string
}

/** Why a device is not handed out to `self` (namespace/name); undefined when it may be. */
export function obstacle(
  device: string,
  pool: Pool,
  uses: Use[],
  links: Link[],
  self?: string,
): Obstacle | undefined {
  const found = links.filter((link) => deviceNameOf(link, pool) === device)
  if (pool.mode !== 'hostdev' && found.length === 0)
    return { reason: 'DeviceNotFound', message: 'no such link on this host' }
  for (const { master, defaultRoute, addresses } of found) {
    if (master) return { reason: 'DeviceInUse', message: `enslaved to ${master}` }
    if (defaultRoute) return { reason: 'DeviceInUse', message: 'carries the default route' }
    if (addresses.length > 0)
      return { reason: 'DeviceInUse', message: `carries the address ${addresses.join(', ')}` }
  }
  const stranger = uses.find((use) => use.holder.kind !== 'interface' && isOthers(use, device, self))
  if (stranger) {
    const who = `${stranger.holder.kind} ${stranger.holder.name}`
    return { reason: 'DeviceInUse', message: `used by ${who}, which is not managed here` }
  }
  const blocking = blockedBy(device, pool.exclusive, uses, self)
  return blocking && { reason: 'Held', message: `held by ${blocking.holder.name}` }
}

/** A use that leaves no room for `self`: any other's where it would be exclusive, else an exclusive one. */
export function blockedBy(device: string, exclusive: boolean, uses: Use[], self?: string): Use | undefined {
  return uses.find((use) => (exclusive || use.exclusive) && isOthers(use, device, self))
}

function isOthers(use: Use, device: string, self: string | undefined): boolean {
  return use.device === device && !isSelf(use.holder, self)
}

function isSelf(holder: Holder, self: string | undefined): boolean {
  return holder.kind === 'interface' && holder.name === self
}

export interface Claim {
  /** namespace/name of the interface. */
  self: string
  /** Since when it waits, RFC 3339; absent when it has only come. */
  waitingSince?: string
  /** Others that wait for a device of this pool. */
  waiting: { key: string; since: string }[]
}

/**
 * The port for an interface: the device it holds already, whatever else became of that device, unless another's hold leaves no
 * room; else the least used one (shared) or the first without a user (exclusive), in the order of the list. Freed devices go
 * to the longest waiting.
 */
export function choosePort(
  pool: Pool,
  uses: UsesByDevice,
  links: Link[],
  claim: Claim,
): { port: Port } | { refusal: Refusal } {
  const held = pool.devices.find(
    (device) =>
      uses.holds(claim.self, device) && !blockedBy(device, pool.exclusive, uses.on(device), claim.self),
  )
  if (held) return { port: portOn(held, pool) }

  const linksOf = Map.groupBy(links, (link) => deviceNameOf(link, pool))
  const obstacleOn = (device: string) =>
    obstacle(device, pool, uses.on(device), linksOf.get(device) ?? [], claim.self)
  const earlier = pool.exclusive ? claim.waiting.filter((other) => comesBefore(other, claim)) : []
  // The order of the list breaks ties.
  const byUse = pool.devices.toSorted((a, b) => uses.on(a).length - uses.on(b).length)
  const free: string[] = []
  for (const device of byUse) {
    // One for each that comes first, and one for this interface: no need to look at the rest of hundreds.
    if (free.length > earlier.length) break
    if (!obstacleOn(device)) free.push(device)
  }
  if (free.length > earlier.length) return { port: portOn(free[0]!, pool) }
  return {
    refusal: whyNone(
      pool,
      new Map(pool.devices.map((device) => [device, obstacleOn(device)])),
      earlier.map((other) => other.key),
    ),
  }
}

/** What a pool of that mode calls the link. A function that is given to a guest, or to no driver of the host, is no link. */
function deviceNameOf({ name, pciAddress }: Link, { mode }: Pool): string | undefined {
  return mode === 'hostdev' ? pciAddress : name
}

/** A port such as this pool hands out, whether or not it is free; undefined for one whose devices only the host knows. */
export function anyPort(plug: Plug): Port | undefined {
  if (plug.kind === 'fixed') return plug.port
  const [device] = plug.devices
  return device === undefined ? undefined : portOn(device, plug)
}

function portOn(device: string, pool: Pool): Port {
  return pool.mode === 'hostdev'
    ? {
        kind: 'hostdev',
        address: device,
        network: pool.network,
        ...(pool.managed !== undefined && { managed: pool.managed }),
      }
    : { kind: 'direct', dev: device, mode: pool.mode, network: pool.network }
}

/** Whoever waits longer is first; the name breaks a tie, so that two that wait equally long don't both give way. */
function comesBefore(other: { key: string; since: string }, claim: Claim): boolean {
  if (other.key === claim.self) return false
  if (!claim.waitingSince || other.since < claim.waitingSince) return true
  return other.since === claim.waitingSince && other.key < claim.self
}

function whyNone(pool: Pool, obstacles: Map<string, Obstacle | undefined>, earlier: string[]): Refusal {
  const found = [...obstacles.values()]
  const free = found.some((each) => !each)
  const reason =
    free || found.some((each) => each?.reason === 'Held')
      ? 'PoolExhausted'
      : found.some((each) => each?.reason === 'DeviceInUse')
        ? 'DeviceInUse'
        : 'DeviceNotFound'
  const devices = [...obstacles].map(
    ([device, each]) => `${device}: ${each ? each.message : 'kept for one that waits longer'}`,
  )
  const list = devices.length > 0 ? listed(devices, '; ') : 'it has no devices'
  const queue = earlier.length > 0 ? `; waiting longer: ${listed(earlier, ', ')}` : ''
  const field = pool.mode === 'hostdev' ? 'forward.addresses' : 'forward.interfaces'
  return {
    reason,
    message: `No device of network ${pool.network} is free (${list}${queue}). ${advice[reason]} ${field}`,
  }
}

/** What can be done; a field of the Network follows. */
const advice = {
  PoolExhausted: 'Remove an interface, or add a device to',
  DeviceInUse: 'Free one of them, or add another to',
  DeviceNotFound: 'Create one of them, or correct',
}

/** A pool of hundreds of functions is not told one by one. */
const maxListed = 10

function listed(items: string[], separator: string): string {
  const more = items.length - maxListed
  return [...items.slice(0, maxListed), ...(more > 0 ? [`and ${more} more`] : [])].join(separator)
}

/**
 * Whether a recorded port stands as it is: it is all that the source says, or it came from this pool. A device that was taken
 * out of the pool since stays with its user.
 */
export function keepsPort(plug: Plug, port: Port): boolean {
  if (plug.kind === 'fixed') return samePort(plug.port, port)
  if (port.kind === 'direct') return port.network === plug.network && port.mode === plug.mode
  return port.kind === 'hostdev' && plug.mode === 'hostdev' && port.network === plug.network
}
