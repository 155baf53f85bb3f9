/** Choosing a device of a pool by what the ledger shows (design: resolving an interface, the ledger). */
import type { DirectMode } from '../api/settings.ts'
import type { Use } from './ledger.ts'
import type { Link } from './link.ts'
import type { Port } from './port.ts'
import type { Refusal } from './refusal.ts'

export interface Pool {
  /** networkName. */
  network: string
  mode: DirectMode | 'hostdev'
  /** Links or PCI addresses, in order of preference. */
  devices: string[]
  /** A device has one user at a time. */
  exclusive: boolean
}

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
  if (pool.mode !== 'hostdev') {
    const link = links.find((each) => each.name === device)
    if (!link) return { reason: 'DeviceNotFound', message: 'no such link on this host' }
    if (link.master) return { reason: 'DeviceInUse', message: `enslaved to ${link.master}` }
    if (link.defaultRoute) return { reason: 'DeviceInUse', message: 'carries the default route' }
    if (link.addresses.length > 0)
      return { reason: 'DeviceInUse', message: `carries the address ${link.addresses.join(', ')}` }
  }
  const others = uses.filter(
    (use) => use.device === device && !(use.holder.kind === 'interface' && use.holder.name === self),
  )
  for (const { holder } of others) {
    if (holder.kind === 'guest')
      return { reason: 'DeviceInUse', message: `used by guest ${holder.name}, which is not managed here` }
    if (holder.kind === 'link')
      return { reason: 'DeviceInUse', message: `used by ${holder.name}, which is not managed here` }
  }
  const blocking = others.find((use) => pool.exclusive || use.exclusive)
  return blocking && { reason: 'Held', message: `held by ${blocking.holder.name}` }
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
 * The port for an interface: the device it holds already, else the least used one (shared) or the first without a user
 * (exclusive), in the order of the list. Freed devices go to the longest waiting.
 */
export function choosePort(
  pool: Pool,
  uses: Use[],
  links: Link[],
  claim: Claim,
): { port: Port } | { refusal: Refusal } {
  const obstacles = new Map(
    pool.devices.map((device) => [device, obstacle(device, pool, uses, links, claim.self)]),
  )
  const free = pool.devices.filter((device) => !obstacles.get(device))
  const users = (device: string) => uses.filter((use) => use.device === device)
  const held = free.find((device) =>
    users(device).some(({ holder }) => holder.kind === 'interface' && holder.name === claim.self),
  )
  if (held) return { port: portOn(held, pool) }

  const earlier = pool.exclusive ? claim.waiting.filter((other) => comesBefore(other, claim)) : []
  const least = Math.min(...free.map((device) => users(device).length))
  const chosen = free.find((device) => users(device).length === least)
  if (chosen && earlier.length < free.length) return { port: portOn(chosen, pool) }
  return {
    refusal: whyNone(
      pool,
      obstacles,
      earlier.map((other) => other.key),
    ),
  }
}

function portOn(device: string, pool: Pool): Port {
  return pool.mode === 'hostdev'
    ? { kind: 'hostdev', address: device, network: pool.network }
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
  const queue = earlier.length > 0 ? `; waiting longer: ${earlier.join(', ')}` : ''
  const list = devices.length > 0 ? devices.join('; ') : 'it has no devices'
  return {
    reason,
    message: `No device of network ${pool.network} is free (${list}${queue}). Add a device to forward.interfaces or remove an interface.`,
  }
}

/** Whether a port stands as it is: the same source, or a device that came from this pool, withdrawn from it or not. */
export function fromPool(port: Port, pool: Pool): boolean {
  if (port.kind === 'direct') return port.network === pool.network && port.mode === pool.mode
  return port.kind === 'hostdev' && pool.mode === 'hostdev' && port.network === pool.network
}
