/**
 * Lets a lab host reach an address of the machine's loopback, such as a cluster's API server, at the same address: a host's
 * network has nothing but what its test makes.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Server, type Socket } from 'node:net'
import path from 'node:path'
import type { LabHost } from '../lab/host.ts'

export interface Reach {
  /**
   * From now on nothing passes, as behind a switch that lost its power: nobody is told, connections stand open in silence, and
   * new ones are taken and never answered.
   */
  cut(): void
  /** New connections pass again; those that were cut stay silent for ever. */
  mend(): void
  end(): void
}

/** `url`: an address and a port of the machine's loopback. `at`: an address of the host and a port where it is reached instead. */
export async function reachFrom(
  host: LabHost,
  url: string,
  at: { hostname: string; port: string } = new URL(url),
): Promise<Reach> {
  const { hostname, port } = new URL(url)
  const server = await listenIn(host, at.hostname, Number(at.port))
  const sockets = new Set<Socket>()
  let isCut = false
  server.on('connection', (near: Socket) => {
    sockets.add(near)
    near.on('close', () => sockets.delete(near))
    near.on('error', () => {})
    if (isCut) return
    const far = connect(Number(port), hostname)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.pipe(to)
      from.on('error', () => to.destroy())
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
    }
  })
  server.unref()
  return {
    cut() {
      isCut = true
      for (const socket of sockets) {
        socket.unpipe()
        for (const event of ['close', 'error']) socket.removeAllListeners(event)
        socket.on('error', () => {})
        socket.pause()
      }
    },
    mend() {
      isCut = false
    },
    end() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** A socket belongs to the network in which it was made, whoever has it: a child makes it there and hands it over. */
async function listenIn(host: LabHost, address: string, port: number): Promise<Server> {
  const child = fork(path.join(import.meta.dirname, 'listen.ts'), [address, String(port)], {
    execPath: 'nsenter',
    execArgv: ['-t', String(host.pid), '-n', '--', process.execPath],
  })
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`Nothing listens at ${address}:${port} of host ${host.name}: exit code ${code}`)
  })
  const [, server] = (await Promise.race([once(child, 'message'), ended])) as [string, Server]
  // It ends now that its work is done.
  ended.catch(() => {})
  child.disconnect()
  return server
}
