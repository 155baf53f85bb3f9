/** One agent at a time per host: two would give one device to two guests. */
import { once } from 'node:events'
import { connect, createServer, type Server } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/**
 * In the abstract namespace of unix sockets, which is one per network namespace, as a host's links are: no file is left
 * behind, and the kernel frees the name however its holder ends.
 */
const ADDRESS = '\0patchbay-agent'

/** How long the holder may take to say who it is. */
const ANSWER_MS = 500
const TRIES = 3

export class HostLockedError extends Error {
  override readonly name = 'HostLockedError'
  /** The holder's process id as the holder itself sees it, which in a container may be 1; undefined when it doesn't say. */
  readonly pid: number | undefined

  constructor(pid: number | undefined) {
    const who = pid === undefined ? 'another process' : `process ${pid}`
    super(`This host has an agent already: ${who} holds the socket @patchbay-agent. Stop it first`)
    this.pid = pid
  }
}

export interface HostLock {
  release(): Promise<void>
}

/**
 * Takes the host's lock by listening on the socket, and holds it until `release` or the end of the process, which it doesn't keep
 * alive. Throws a HostLockedError when another process holds it.
 */
export async function acquireHostLock(): Promise<HostLock> {
  for (let tries = 1; ; tries++) {
    const server = await listen()
    if (server) {
      return {
        release: async () => {
          server.close()
          await once(server, 'close')
        },
      }
    }
    const holder = await askHolder()
    if (holder !== 'gone' || tries === TRIES) {
      throw new HostLockedError(holder === 'gone' ? undefined : holder)
    }
  }
}

/** Undefined when somebody listens already. */
async function listen(): Promise<Server | undefined> {
  const server = createServer((asking) => {
    asking.on('error', () => {})
    asking.write(`${process.pid}\n`, () => asking.destroy())
  })
  try {
    server.listen(ADDRESS)
    await once(server, 'listening')
    server.unref()
    return server
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined
    throw error
  }
}

/** The pid that the holder tells; undefined when it tells none in time, 'gone' when nobody listens any more. */
async function askHolder(): Promise<number | undefined | 'gone'> {
  const socket = connect(ADDRESS)
  const answer = new Promise<number | undefined | 'gone'>((resolve) => {
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      text += chunk
      const pid = /^(\d{1,10})\n/.exec(text)?.[1]
      if (pid !== undefined || text.length > 11) resolve(pid === undefined ? undefined : Number(pid))
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code === 'ECONNREFUSED' ? 'gone' : undefined)
    })
    socket.on('close', () => resolve(undefined))
  })
  const timer = new AbortController()
  const late = delay(ANSWER_MS, undefined, { signal: timer.signal }).catch(() => undefined)
  try {
    return await Promise.race([answer, late])
  } finally {
    timer.abort()
    socket.destroy()
  }
}
