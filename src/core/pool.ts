/** Choosing a device of a pool by what the ledger shows (design: resolving an interface, the ledger). */
import type { Use } from './ledger.ts'
import type { Link } from './link.ts'
import type { Plug, Pool } from './plug.ts'
import { type Port, samePort } from './port.ts'
import type { Refusal } from './refusal.ts'

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
  const stranger = othersOn(device, uses, self).find(({ holder }) => holder.kind !== 'interface')
  if (stranger) {
    const who = `${stranger.holder.kind} ${stranger.holder.name}`
    return { reason: 'DeviceInUse', message: `used by ${who}, which is not managed here` }
  }
  const blocking = blockedBy(device, pool.exclusive, uses, self)
  return blocking && { reason: 'Held', message: `held by ${blocking.holder.name}` }
}

/** A use that leaves no room for `self`: any other's where it would be exclusive, else an exclusive one. */
export function blockedBy(device: string, exclusive: boolean, uses: Use[], self?: string): Use | undefined {
  return othersOn(device, uses, self).find((use) => exclusive || use.exclusive)
}

function othersOn(device: string, uses: Use[], self: string | undefined): Use[] {
  return uses.filter(
    (use) => use.device === device && !(use.holder.kind === 'interface' && use.holder.name === self),
  )
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
  const queue = earlier.length > 0 ? `; waiting longer: ${earlier.join(', ')}` : ''
  const list = devices.length > 0 ? devices.join('; ') : 'it has no devices'
  return {
    reason,
    message: `No device of network ${pool.network} is free (${list}${queue}). Add a device to forward.interfaces or remove an interface.`,
  }
}

/**
 * Whether a recorded port stands as it is: the source names it, or it came from this pool. A device that was taken out of the
 * pool since stays with its user.
 */
export function keepsPort(plug: Plug, port: Port): boolean {
  if (plug.kind === 'fixed') return samePort(plug.port, port)
  if (port.kind === 'direct') return port.network === plug.network && port.mode === plug.mode
  return port.kind === 'hostdev' && plug.mode === 'hostdev' && port.network === plug.network
}
