/**
 * A host's libvirt: stays connected by itself, and has a method for each thing that Patchbay asks of it.
 * Every method rejects with a LibvirtError, and takes a deadline and an AbortSignal.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { clientError, isLibvirtError } from './rpc/error.ts'
import { EventQueue, type LibvirtEvent } from './rpc/events.ts'
import { type DomainRef, type NetworkRef, type Procedure, procedures } from './rpc/procedures.ts'
import { Session } from './rpc/session.ts'

export type { LibvirtEvent } from './rpc/events.ts'
export type { DomainRef, NetworkRef } from './rpc/procedures.ts'

export interface ClientOptions {
  /** libvirtd's socket, or the directory that has it or those of the modular daemons. Default /run/libvirt. */
  socket?: string
  /** Default qemu:///system. */
  uri?: string
  /** Milliseconds of silence before a ping, and how many pings without an answer mean that libvirt is dead. */
  keepalive?: { interval: number; count: number }
}

export interface CallOptions {
  signal?: AbortSignal
  /** Milliseconds; default 10 s for a read, 45 s for a write, since libvirt waits 30 s for a busy guest. */
  deadline?: number
}

/** Which definitions a change is for; at least one. */
export interface Scope {
  live: boolean
  saved: boolean
}

export type DomainState =
  | 'unknown'
  | 'running'
  | 'blocked'
  | 'paused'
  | 'shutting down'
  | 'off'
  | 'crashed'
  | 'suspended'
/** virDomainState; the index is the number on the wire. */
const domainStates: readonly DomainState[] = [
  'unknown',
  'running',
  'blocked',
  'paused',
  'shutting down',
  'off',
  'crashed',
  'suspended',
]

/** virNetworkUpdateCommand */
const updateCommands = { modify: 1, delete: 2, 'add-last': 3, 'add-first': 4 } as const
/** virNetworkUpdateSection: those that libvirt can change one by one. */
const updateSections = {
  'ip-dhcp-host': 4,
  'ip-dhcp-range': 5,
  'forward-interface': 7,
  portgroup: 9,
  'dns-host': 10,
  'dns-txt': 11,
  'dns-srv': 12,
} as const

export interface NetworkUpdate {
  command: keyof typeof updateCommands
  section: keyof typeof updateSections
  /** Counts the network's `ip` elements from 0 where the section stands in one; else 0. */
  parentIndex: number
  xml: string
}

const readDeadline = 10_000
const writeDeadline = 45_000
/** Milliseconds between attempts to connect, doubled each time, each between half and one and a half of it. */
const firstDelay = 50
const longestDelay = 700

/** VIR_DOMAIN_AFFECT_* and VIR_NETWORK_UPDATE_AFFECT_* */
const affectLive = 1
const affectConfig = 2
/** VIR_DOMAIN_XML_INACTIVE and VIR_NETWORK_XML_INACTIVE */
const domainXmlInactive = 2
const networkXmlInactive = 1
/** VIR_DOMAIN_METADATA_ELEMENT */
const metadataElement = 2
const all = { needResults: 1, flags: 0 }

export class LibvirtClient {
  readonly #options: Required<Pick<ClientOptions, 'socket' | 'uri'>> & Pick<ClientOptions, 'keepalive'>
  readonly #closing = new AbortController()
  readonly #events = new EventQueue((event) => this.#tell(this.#eventListeners, event))
  readonly #connectedListeners = new Set<() => void>()
  readonly #disconnectedListeners = new Set<(reason: Error) => void>()
  readonly #eventListeners = new Set<(event: LibvirtEvent) => void>()
  #session: Session | undefined
  #failure: Error | undefined
  #keeping: Promise<void> | undefined

  constructor(options: ClientOptions = {}) {
    this.#options = { socket: '/run/libvirt', uri: 'qemu:///system', ...options }
  }

  get connected(): boolean {
    return this.#session !== undefined
  }

  /** Why it isn't connected: how the connection was lost, or why the last attempt failed. */
  get failure(): Error | undefined {
    return this.#failure
  }

  /**
   * Connects, and from then on reconnects by itself until the signal aborts or `close` is called. Resolves when it is
   * connected for the first time; rejects, with the last failure as the cause, when the end comes before that.
   */
  connect(signal?: AbortSignal): Promise<void> {
    if (this.#keeping) throw new Error('connect was called before')
    const first = Promise.withResolvers<void>()
    const end = signal ? AbortSignal.any([signal, this.#closing.signal]) : this.#closing.signal
    this.#keeping = this.#stayConnected(end, first)
    return first.promise
  }

  /** Ends the connection for good; calls that wait are rejected as `interrupted`. */
  async close(): Promise<void> {
    this.#closing.abort(new Error('the client was closed'))
    await this.#keeping
  }

  /** Each time a connection stands: all that was known before may be out of date. Returns what ends the listening. */
  onConnected(listener: () => void): () => void {
    this.#connectedListeners.add(listener)
    return () => this.#connectedListeners.delete(listener)
  }

  onDisconnected(listener: (reason: Error) => void): () => void {
    this.#disconnectedListeners.add(listener)
    return () => this.#disconnectedListeners.delete(listener)
  }

  /** Events come in libvirt's order; after an `overflow` everything has to be read afresh. */
  onEvent(listener: (event: LibvirtEvent) => void): () => void {
    this.#eventListeners.add(listener)
    return () => this.#eventListeners.delete(listener)
  }

  // Versions, as 1,000,000 × major + 1,000 × minor + release.

  async libvirtVersion(options?: CallOptions): Promise<number> {
    const { version } = await this.#call(procedures.libVersion, {}, options)
    return Number(version)
  }

  /** QEMU's. */
  async hypervisorVersion(options?: CallOptions): Promise<number> {
    const { version } = await this.#call(procedures.hypervisorVersion, {}, options)
    return Number(version)
  }

  // Domains

  /** All of them, running (`id` is 0 or more) and off (-1). */
  async listDomains(options?: CallOptions): Promise<DomainRef[]> {
    const { domains } = await this.#call(procedures.listDomains, all, options)
    return domains
  }

  /** undefined when there is none of that name. */
  async domainByName(name: string, options?: CallOptions): Promise<DomainRef | undefined> {
    const found = await orUndefined(
      this.#call(procedures.domainByName, { name }, options),
      'VIR_ERR_NO_DOMAIN',
    )
    return found?.domain
  }

  /** undefined when there is none with that UUID. */
  async domainByUUID(uuid: string, options?: CallOptions): Promise<DomainRef | undefined> {
    const found = await orUndefined(
      this.#call(procedures.domainByUUID, { uuid }, options),
      'VIR_ERR_NO_DOMAIN',
    )
    return found?.domain
  }

  /** The live definition of a running domain, or with `inactive` the saved one. */
  async domainXML(domain: DomainRef, options?: CallOptions & { inactive?: boolean }): Promise<string> {
    const flags = options?.inactive ? domainXmlInactive : 0
    const { xml } = await this.#call(procedures.domainXML, { domain, flags }, options)
    return xml
  }

  async domainState(domain: DomainRef, options?: CallOptions): Promise<DomainState> {
    const { state } = await this.#call(procedures.domainState, { domain, flags: 0 }, options)
    return domainStates[state] ?? 'unknown'
  }

  /** Whether it has a saved definition. */
  async domainIsPersistent(domain: DomainRef, options?: CallOptions): Promise<boolean> {
    const { persistent } = await this.#call(procedures.domainIsPersistent, { domain }, options)
    return persistent !== 0
  }

  /** virsh attach-device */
  async attachDevice(domain: DomainRef, xml: string, scope: Scope, options?: CallOptions): Promise<void> {
    await this.#call(procedures.attachDevice, { domain, xml, flags: affect(scope) }, options)
  }

  /** virsh update-device */
  async updateDevice(domain: DomainRef, xml: string, scope: Scope, options?: CallOptions): Promise<void> {
    await this.#call(procedures.updateDevice, { domain, xml, flags: affect(scope) }, options)
  }

  /**
   * virsh detach-device. Of a running guest it only asks: success may mean that the guest hasn't answered for 5 s and
   * still has the device. `device-removed` tells when it is gone.
   */
  async detachDevice(domain: DomainRef, xml: string, scope: Scope, options?: CallOptions): Promise<void> {
    await this.#call(procedures.detachDevice, { domain, xml, flags: affect(scope) }, options)
  }

  /** virsh detach-device-alias. Of a running guest it only asks and never waits: `device-removed` tells. */
  async detachDeviceAlias(
    domain: DomainRef,
    alias: string,
    scope: Scope,
    options?: CallOptions,
  ): Promise<void> {
    await this.#call(procedures.detachDeviceAlias, { domain, alias, flags: affect(scope) }, options)
  }

  /** The element of this namespace; undefined when there is none. `live` or `saved`, not both. */
  async getMetadata(
    domain: DomainRef,
    uri: string,
    from: 'live' | 'saved',
    options?: CallOptions,
  ): Promise<string | undefined> {
    const flags = from === 'live' ? affectLive : affectConfig
    const call = this.#call(procedures.getMetadata, { domain, type: metadataElement, uri, flags }, options)
    return (await orUndefined(call, 'VIR_ERR_NO_DOMAIN_METADATA'))?.metadata
  }

  /** Replaces the element of this namespace, or removes it when `xml` is undefined. `prefix` is the namespace's. */
  async setMetadata(
    domain: DomainRef,
    element: { uri: string; prefix: string; xml: string | undefined },
    scope: Scope,
    options?: CallOptions,
  ): Promise<void> {
    const { uri, prefix, xml } = element
    const args = {
      domain,
      type: metadataElement,
      metadata: xml ?? null,
      key: prefix,
      uri,
      flags: affect(scope),
    }
    await this.#call(procedures.setMetadata, args, options)
  }

  // Networks

  async listNetworks(options?: CallOptions): Promise<NetworkRef[]> {
    const { networks } = await this.#call(procedures.listNetworks, all, options)
    return networks
  }

  /** undefined when there is none of that name. */
  async networkByName(name: string, options?: CallOptions): Promise<NetworkRef | undefined> {
    const call = this.#call(procedures.networkByName, { name }, options)
    return (await orUndefined(call, 'VIR_ERR_NO_NETWORK'))?.network
  }

  /** The live definition of an active network, or with `inactive` the saved one. */
  async networkXML(network: NetworkRef, options?: CallOptions & { inactive?: boolean }): Promise<string> {
    const flags = options?.inactive ? networkXmlInactive : 0
    const { xml } = await this.#call(procedures.networkXML, { network, flags }, options)
    return xml
  }

  async networkIsActive(network: NetworkRef, options?: CallOptions): Promise<boolean> {
    const { active } = await this.#call(procedures.networkIsActive, { network }, options)
    return active !== 0
  }

  /** virsh net-define: makes or replaces the saved definition. */
  async networkDefine(xml: string, options?: CallOptions): Promise<NetworkRef> {
    const { network } = await this.#call(procedures.networkDefine, { xml }, options)
    return network
  }

  /** virsh net-start */
  async networkCreate(network: NetworkRef, options?: CallOptions): Promise<void> {
    await this.#call(procedures.networkCreate, { network }, options)
  }

  /** virsh net-destroy: stops it; the saved definition stays. */
  async networkDestroy(network: NetworkRef, options?: CallOptions): Promise<void> {
    await this.#call(procedures.networkDestroy, { network }, options)
  }

  async networkUndefine(network: NetworkRef, options?: CallOptions): Promise<void> {
    await this.#call(procedures.networkUndefine, { network }, options)
  }

  async networkAutostart(network: NetworkRef, options?: CallOptions): Promise<boolean> {
    const { autostart } = await this.#call(procedures.networkAutostart, { network }, options)
    return autostart !== 0
  }

  async setNetworkAutostart(network: NetworkRef, autostart: boolean, options?: CallOptions): Promise<void> {
    await this.#call(procedures.setNetworkAutostart, { network, autostart: autostart ? 1 : 0 }, options)
  }

  /** virsh net-update */
  async networkUpdate(
    network: NetworkRef,
    update: NetworkUpdate,
    scope: Scope,
    options?: CallOptions,
  ): Promise<void> {
    const { parentIndex, xml } = update
    let command: number = updateCommands[update.command]
    let section: number = updateSections[update.section]
    if (this.#session?.networkUpdateSwapped) [command, section] = [section, command]
    const args = { network, command, section, parentIndex, xml, flags: affect(scope) }
    await this.#call(procedures.networkUpdate, args, options)
  }

  // Node devices

  /** Their names. */
  async listNodeDevices(options?: CallOptions): Promise<string[]> {
    const { devices } = await this.#call(procedures.listNodeDevices, all, options)
    return devices.map(({ name }) => name)
  }

  async nodeDeviceXML(name: string, options?: CallOptions): Promise<string> {
    const { xml } = await this.#call(procedures.nodeDeviceXML, { name, flags: 0 }, options)
    return xml
  }

  /** undefined for the root of the tree. */
  async nodeDeviceParent(name: string, options?: CallOptions): Promise<string | undefined> {
    const { parent } = await this.#call(procedures.nodeDeviceParent, { name }, options)
    return parent ?? undefined
  }

  #call<Args, Result>(
    procedure: Procedure<Args, Result>,
    args: Args,
    options: CallOptions | undefined,
  ): Promise<Result> {
    if (this.#session === undefined) return Promise.reject(this.#notConnected(procedure.name))
    const deadline = options?.deadline ?? (procedure.writes ? writeDeadline : readDeadline)
    return this.#session.call(procedure, args, { deadline, signal: options?.signal })
  }

  #notConnected(procedure?: string): Error {
    const why = this.#failure ? `: ${this.#failure.message}` : ''
    return clientError('NOT_CONNECTED', 'retryable', `not connected to libvirt${why}`, {
      procedure,
      cause: this.#failure,
    })
  }

  async #stayConnected(end: AbortSignal, first: PromiseWithResolvers<void>): Promise<void> {
    const { socket, uri, keepalive } = this.#options
    let pause = firstDelay
    while (!end.aborted) {
      try {
        const onEvent = (event: LibvirtEvent) => this.#events.push(event)
        const session = await Session.open({ socket, uri, keepalive, onEvent }, end)
        pause = firstDelay
        first.resolve()
        this.#failure = await this.#use(session, end)
      } catch (error) {
        if (!end.aborted) this.#failure = error as Error
      }
      await delay(pause * (0.5 + Math.random()), undefined, { signal: end }).catch(() => undefined)
      pause = Math.min(pause * 2, longestDelay)
    }
    first.reject(this.#notConnected())
  }

  /** Until the session ends; says why it did. */
  async #use(session: Session, end: AbortSignal): Promise<Error> {
    const close = () => session.close(end.reason)
    end.addEventListener('abort', close)
    if (end.aborted) close()
    this.#session = session
    this.#tell(this.#connectedListeners, undefined)
    const reason = await session.closed
    end.removeEventListener('abort', close)
    this.#session = undefined
    this.#events.clear()
    this.#failure = reason
    this.#tell(this.#disconnectedListeners, reason)
    return reason
  }

  #tell<T>(listeners: Set<(value: T) => void>, value: T): void {
    for (const listener of listeners) listener(value)
  }
}

function affect(scope: Scope): number {
  const flags = (scope.live ? affectLive : 0) | (scope.saved ? affectConfig : 0)
  // libvirt takes 0 for whatever is there at the moment, which nobody here ever means.
  if (flags === 0)
    throw clientError('INVALID_ARGUMENT', 'terminal', 'a change of neither live nor saved definition')
  return flags
}

async function orUndefined<T>(call: Promise<T>, code: string): Promise<T | undefined> {
  try {
    return await call
  } catch (error) {
    if (isLibvirtError(error, code)) return undefined
    throw error
  }
}
