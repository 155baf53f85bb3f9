/** A session with libvirt that comes back by itself when libvirt does. */
import { setTimeout as delay } from 'node:timers/promises'
import { clientError } from './error.ts'
import { EventQueue, type LibvirtEvent } from './events.ts'
import type { KeepaliveOptions } from './keepalive.ts'
import type { Procedure } from './procedures.ts'
import { Session } from './session.ts'

export interface LastingSessionOptions {
  /** libvirtd's socket, or the directory that has it or those of the modular daemons. Default /run/libvirt. */
  socket?: string
  /** Default qemu:///system. */
  uri?: string
  /** Default libvirt's own, 5 pings 5 s apart. */
  keepalive?: KeepaliveOptions
  /** Told of each call when it is over. */
  onCall?: (call: EndedCall) => void
}

export interface EndedCall {
  /** By libvirt's name. */
  procedure: string
  writes: boolean
  ms: number
  /** A LibvirtError, where it failed. */
  error?: unknown
}

export interface CallOptions {
  signal?: AbortSignal
  /** Milliseconds; default 10 s for a read, 45 s for a write, since libvirt waits 30 s for a busy guest. */
  deadline?: number
}

const readDeadline = 10_000
const writeDeadline = 45_000
/** Milliseconds between attempts to connect, doubled each time, each between half and one and a half of it. */
const firstDelay = 50
const longestDelay = 700

export class LastingSession {
  readonly #options: Required<Pick<LastingSessionOptions, 'socket' | 'uri'>> &
    Pick<LastingSessionOptions, 'keepalive' | 'onCall'>
  readonly #closing = new AbortController()
  readonly #events = new EventQueue((event) => this.#tell(this.#eventListeners, event))
  readonly #connectedListeners = new Set<() => void>()
  readonly #disconnectedListeners = new Set<(reason: Error) => void>()
  readonly #eventListeners = new Set<(event: LibvirtEvent) => void>()
  #session: Session | undefined
  #failure: Error | undefined
  #staying: Promise<void> | undefined

  constructor(options: LastingSessionOptions = {}) {
    this.#options = { socket: '/run/libvirt', uri: 'qemu:///system', ...options }
  }

  /** See Session. */
  get networkUpdateSwapped(): boolean {
    return this.#session?.networkUpdateSwapped ?? false
  }

  get connected(): boolean {
    return this.#session !== undefined
  }

  /** Why it isn't connected: how the connection was lost, or why the last attempt failed. */
  get failure(): Error | undefined {
    return this.#failure
  }

  /**
   * Connects, and from then on connects again by itself until `close` is called. Resolves when it is connected for the
   * first time. When the signal aborts before that, it gives up and rejects, with the last failure as the cause.
   */
  async connect(signal?: AbortSignal): Promise<void> {
    if (this.#staying) throw new Error('connect was called before')
    const giveUp = () => this.#closing.abort(signal?.reason)
    const first = Promise.withResolvers<void>()
    signal?.addEventListener('abort', giveUp)
    if (signal?.aborted) giveUp()
    this.#staying = this.#stayConnected(first)
    await first.promise.finally(() => signal?.removeEventListener('abort', giveUp))
  }

  /** Ends the connection for good; calls that wait are rejected as `interrupted`. */
  async close(): Promise<void> {
    this.#closing.abort(new Error('the client was closed'))
    await this.#staying
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

  /** Reads and writes go by connections of their own; while there is none, it rejects at once with NOT_CONNECTED, retryable. */
  call<Args, Result>(procedure: Procedure<Args, Result>, args: Args, options?: CallOptions): Promise<Result> {
    const result = this.#call(procedure, args, options)
    const { onCall } = this.#options
    if (onCall) {
      const begun = performance.now()
      const ended = (error?: unknown) =>
        onCall({
          procedure: procedure.name,
          writes: procedure.writes,
          ms: performance.now() - begun,
          ...(error !== undefined && { error }),
        })
      result.then(() => ended(), ended)
    }
    return result
  }

  #call<Args, Result>(
    procedure: Procedure<Args, Result>,
    args: Args,
    options?: CallOptions,
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

  async #stayConnected(first: PromiseWithResolvers<void>): Promise<void> {
    const end = this.#closing.signal
    let pause = firstDelay
    while (!end.aborted) {
      const session = await this.#open(end)
      if (session) {
        pause = firstDelay
        first.resolve()
        await this.#use(session, end)
      }
      await delay(pause * (0.5 + Math.random()), undefined, { signal: end }).catch(() => undefined)
      pause = Math.min(pause * 2, longestDelay)
    }
    first.reject(this.#notConnected())
  }

  async #open(end: AbortSignal): Promise<Session | undefined> {
    // What changes before the listeners know of the connection, they read afresh anyway.
    const onEvent = (event: LibvirtEvent) => {
      if (this.connected) this.#events.push(event)
    }
    try {
      return await Session.open({ ...this.#options, onEvent }, end)
    } catch (error) {
      if (!end.aborted) this.#failure = error as Error
      return undefined
    }
  }

  /** Until the session ends. */
  async #use(session: Session, end: AbortSignal): Promise<void> {
    const close = () => session.close(end.reason)
    end.addEventListener('abort', close)
    if (end.aborted) close()
    this.#session = session
    this.#failure = undefined
    this.#tell(this.#connectedListeners, undefined)
    const reason = await session.closed
    end.removeEventListener('abort', close)
    this.#session = undefined
    this.#failure = reason
    this.#events.clear()
    this.#tell(this.#disconnectedListeners, reason)
  }

  #tell<T>(listeners: Set<(value: T) => void>, value: T): void {
    for (const listener of listeners) listener(value)
  }
}
