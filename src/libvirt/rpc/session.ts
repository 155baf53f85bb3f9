/**
 * All connections to a host's libvirt at one time. To each daemon there are three, for events, reads and writes, so
 * that a stalled write delays no read, and a storm of events neither. When one of them falls, all do.
 */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallLimits, Connection } from './connection.ts'
import { clientError } from './error.ts'
import { eventFromFrame, type LibvirtEvent, watchEvents } from './events.ts'
import type { Frame } from './frame.ts'
import type { KeepaliveOptions } from './keepalive.ts'
import { type Driver, type Procedure, procedures } from './procedures.ts'

export interface SessionOptions {
  /** A daemon's socket, or the directory of the sockets: then the modular daemons' are used if they are there. */
  socket: string
  /** Of a daemon that serves all drivers. */
  uri: string
  keepalive?: KeepaliveOptions
  onEvent: (event: LibvirtEvent) => void
}

interface Daemon {
  path: string
  uri: string
  drivers: readonly Driver[]
}

interface DaemonConnections {
  events: Connection
  reads: Connection
  writes: Connection
}

/** A host without filters has no daemon for them where libvirt runs modular. */
type ByDriver = Record<Exclude<Driver, 'filter'>, DaemonConnections> & { filter?: DaemonConnections }

const openingDeadline = 10_000
/** VIR_DRV_FEATURE_NETWORK_UPDATE_HAS_CORRECT_ORDER */
const featureNetworkUpdateOrder = 16

export class Session {
  /** Resolves with the reason once any of the connections is gone; never rejects. */
  readonly closed: Promise<Error>
  /**
   * Servers before libvirt 7.2 take section and command of NETWORK_UPDATE in each other's place.
   */
  readonly networkUpdateSwapped: boolean

  readonly #connections: readonly Connection[]
  readonly #byDriver: Readonly<ByDriver>

  /** Rejects with a LibvirtError, and then leaves nothing open. */
  static async open(options: SessionOptions, signal?: AbortSignal): Promise<Session> {
    const opened: Connection[] = []
    try {
      const daemons = await findDaemons(options.socket, options.uri)
      const byDriver: Partial<Record<Driver, DaemonConnections>> = {}
      for (const daemon of daemons) {
        const connections = await openDaemon(daemon, options, opened, signal)
        for (const driver of daemon.drivers) byDriver[driver] = connections
      }
      const complete = byDriver as ByDriver
      const { supported } = await complete.network.reads.call(
        procedures.supportsFeature,
        { feature: featureNetworkUpdateOrder },
        { deadline: openingDeadline, signal },
      )
      return new Session(opened, complete, supported === 0)
    } catch (error) {
      for (const connection of opened) connection.close()
      throw error
    }
  }

  private constructor(
    connections: readonly Connection[],
    byDriver: Readonly<ByDriver>,
    networkUpdateSwapped: boolean,
  ) {
    this.#connections = connections
    this.#byDriver = byDriver
    this.networkUpdateSwapped = networkUpdateSwapped
    this.closed = Promise.race(connections.map((connection) => connection.closed)).then((reason) => {
      this.close(reason)
      return reason
    })
  }

  call<Args, Result>(procedure: Procedure<Args, Result>, args: Args, options: CallLimits): Promise<Result> {
    const { driver } = procedure
    const connections = this.#byDriver[driver]
    if (!connections) {
      const why = `no daemon of libvirt's serves its ${driver} driver on this host`
      return Promise.reject(clientError('NOT_CONNECTED', 'retryable', why, { procedure: procedure.name }))
    }
    const { reads, writes } = connections
    return (procedure.writes ? writes : reads).call(procedure, args, options)
  }

  close(reason?: Error): void {
    for (const connection of this.#connections) connection.close(reason)
  }
}

async function openDaemon(
  daemon: Daemon,
  options: SessionOptions,
  opened: Connection[],
  signal?: AbortSignal,
): Promise<DaemonConnections> {
  const open = async (onEvent?: (frame: Frame) => void) => {
    const { path, uri } = daemon
    const connection = await Connection.open({ path, uri, keepalive: options.keepalive, onEvent }, signal)
    opened.push(connection)
    return connection
  }
  const events = await open((frame) => {
    const event = eventFromFrame(frame)
    if (event) options.onEvent(event)
  })
  await watchEvents(events, daemon.drivers, { deadline: openingDeadline, signal })
  return { events, reads: await open(), writes: await open() }
}

/** Which daemons serve here; the sockets' names are those of libvirt's own units. */
async function findDaemons(socket: string, uri: string): Promise<Daemon[]> {
  const everything: readonly Driver[] = ['domain', 'network', 'node-device', 'filter']
  if (!(await isDirectory(socket))) return [{ path: socket, uri, drivers: everything }]
  const modular: Daemon[] = [
    { path: join(socket, 'virtqemud-sock'), uri: 'qemu:///system', drivers: ['domain'] },
    { path: join(socket, 'virtnetworkd-sock'), uri: 'network:///system', drivers: ['network'] },
    { path: join(socket, 'virtnodedevd-sock'), uri: 'nodedev:///system', drivers: ['node-device'] },
  ]
  if (await exists(modular[0]!.path)) {
    // Not every host has filters.
    const filters = join(socket, 'virtnwfilterd-sock')
    if (await exists(filters)) modular.push({ path: filters, uri: 'nwfilter:///system', drivers: ['filter'] })
    return modular
  }
  return [{ path: join(socket, 'libvirt-sock'), uri, drivers: everything }]
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
