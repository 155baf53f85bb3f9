/** A pool as the Host's status shows it. */
import type { HostPool } from '../../api/host.ts'
import type { Link } from '../link.ts'
import type { Pool } from '../resolve/plug.ts'
import { sharedBy, type Use } from './ledger.ts'
import { obstacle } from './pool.ts'

export function poolStatus(pool: Pool, uses: Use[], links: Link[]): HostPool {
  const devices = pool.devices.map((name) => {
    const users = uses.filter((use) => use.device === name).length
    const found = obstacle(name, pool, uses, links)
    // A device that is held is in use as it should be; only what keeps it from ever being handed out is said.
    const unavailable = sharedText(name, uses) ?? (found?.reason === 'Held' ? undefined : found?.message)
    return { name, users, ...(unavailable && { unavailable }) }
  })
  return {
    network: pool.network,
    mode: pool.mode,
    capacity: devices.length,
    inUse: devices.filter(({ users }) => users > 0).length,
    devices,
  }
}

/** For people: which running guests are on a device that one of them should have to itself; undefined when all is well. */
export function sharedText(device: string, uses: readonly Use[]): string | undefined {
  const guests = sharedBy(device, uses)
  if (guests.length === 0) return undefined
  return `handed out twice: the running guests ${guests.join(' and ')} are all on it, and one of them should have it to itself. Unplug it from all but one`
}

/** The same of every device, by device; those without fault are not in it. */
export function sharedDevices(uses: readonly Use[]): Map<string, string> {
  const running = uses.filter(({ runningIn }) => runningIn)
  const shared = [...Map.groupBy(running, ({ device }) => device)].flatMap(([device, own]) => {
    const text = own.length > 1 ? sharedText(device, own) : undefined
    return text === undefined ? [] : [[device, text] as const]
  })
  return new Map(shared)
}
