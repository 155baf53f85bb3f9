/**
 * Lets a lab host reach an address of the machine's loopback, such as a cluster's API server, at the same address: a host's
 * network has nothing but what its test makes.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Server, type Socket } from 'node:net'
import path from 'node:path'
import type { LabHost } from '../lab/host.ts'

/** `url`: an address and a port of the machine's loopback. Returns what ends it. */
export async function reachFrom(host: LabHost, url: string): Promise<() => void> {
  const { hostname, port } = new URL(url)
  const server = await listenIn(host, hostname, Number(port))
  const sockets = new Set<Socket>()
  server.on('connection', (near: Socket) => {
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
  return () => {
    server.close()
    for (const socket of sockets) socket.destroy()
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
