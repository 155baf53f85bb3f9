/** An agent's place on its host: the lock that one agent has at a time, and the address at which it tells how it is. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { acquireHostLock, type HostLock, HostLockedError } from '../host/lock.ts'
import type { ListenAddress } from '../operations/listen-address.ts'
import type { Operations } from '../operations/operations.ts'

export interface PlaceOptions {
  listen?: ListenAddress
  /** Waits for another agent to end, which is the one before it in a rolling update; else that is an error. */
  waits: boolean
  signal: AbortSignal
}

export interface Place {
  /** With `listen` only. */
  operations?: Operations
  leave(): Promise<void>
}

const LOOK_MS = 500

/**
 * Nothing on the host is touched before it resolves. undefined when the signal aborts while it waits. Rejects with what is wrong
 * with the address, or a HostLockedError.
 */
export async function takePlace(options: PlaceOptions, log: Logger): Promise<Place | undefined> {
  // While it waits it is alive, and not ready.
  let operations = await listen(options, true)
  try {
    const lock = await takeLock(options, log, operations)
    if (!lock) {
      await operations?.close()
      return undefined
    }
    operations ??= await listen(options, false).catch(async (error: unknown) => {
      await lock.release()
      throw error
    })
    return {
      ...(operations && { operations }),
      leave: async () => {
        await operations?.close()
        await lock.release()
      },
    }
  } catch (error) {
    await operations?.close()
    throw error
  }
}

/** `perhapsTaken`: the address may be the other agent's, and free when that has ended. Loads what it takes only if it is asked for. */
async function listen({ listen }: PlaceOptions, perhapsTaken: boolean): Promise<Operations | undefined> {
  if (!listen) return undefined
  const { AddressInUse, Operations } = await import('../operations/operations.ts')
  try {
    return await Operations.listen(listen)
  } catch (error) {
    if (perhapsTaken && error instanceof AddressInUse) return undefined
    throw error
  }
}

async function takeLock(
  { waits, signal }: PlaceOptions,
  log: Logger,
  operations: Operations | undefined,
): Promise<HostLock | undefined> {
  for (let tries = 1; !signal.aborted; tries++) {
    try {
      const lock = await acquireHostLock()
      operations?.ready.set('host-lock', () => undefined)
      return lock
    } catch (error) {
      if (!waits || !(error instanceof HostLockedError)) throw error
      if (tries === 1) log.warn({ pid: error.pid }, 'another agent runs on this host, waits for its end')
      operations?.ready.set('host-lock', () => error.message)
      await delay(LOOK_MS, undefined, { signal }).catch(() => undefined)
    }
  }
  return undefined
}
