/** One connection to one libvirt daemon over its unix socket. */
import type { Socket } from 'node:net'
import type { XdrType } from '@stellar/js-xdr'
import { AbortWatch } from './abort-watch.ts'
import { connectSocket } from './connect-socket.ts'
import { type ClientErrorCode, clientError, type ErrorSort, errorFromReply } from './error.ts'
import { encodeFrame, type Frame, FrameError, FrameReader, frameStatus, frameType } from './frame.ts'
import { Keepalive, type KeepaliveOptions, libvirtKeepalive } from './keepalive.ts'
import {
  errorReply,
  KEEPALIVE_PROGRAM,
  PROTOCOL_VERSION,
  type Procedure,
  procedures,
  REMOTE_PROGRAM,
} from './procedures.ts'

export interface CallLimits {
  /** Milliseconds from the call until it is given up. */
  deadline: number
  signal?: AbortSignal
}

export interface ConnectionOptions {
  /** Path of the unix socket. */
  path: string
  /** Which driver to open, such as `qemu:///system`. No daemon but virtproxyd has a default. */
  uri: string
  /** Default libvirt's own, 5 pings 5 s apart. */
  keepalive?: KeepaliveOptions
  /** Called for every event, in the order in which they came. The frame's body is valid during the call only. */
  onEvent?: (frame: Frame) => void
}

/** libvirt stops reading from a client with 5 calls under way (max_client_requests), its keepalive answers included. */
export const MAX_IN_FLIGHT = 4

const handshakeDeadline = 10_000
const keepalive = { ping: 1, pong: 2 }
const featureKeepalive = 10
const auth = { none: 0, polkit: 2 }

interface Call {
  readonly procedure: Omit<Procedure<never, unknown>, 'args'>
  readonly serial: number
  readonly frame: Buffer
  readonly resolve: (result: unknown) => void
  readonly reject: (error: Error) => void
  readonly options: CallLimits
  timer: NodeJS.Timeout | undefined
  sent: boolean
  /** Answered, or given up; in the latter case its place is taken until libvirt answers. */
  settled: boolean
}

export class Connection {
  /** Resolves with the reason once the connection is gone; never rejects. */
  readonly closed: Promise<Error>

  readonly #socket: Socket
  readonly #options: ConnectionOptions
  readonly #reader = new FrameReader((frame) => this.#receive(frame))
  readonly #queued = new Set<Call>()
  readonly #inFlight = new Map<number, Call>()
  readonly #aborting = new AbortWatch<Call>((call, signal) => {
    this.#giveUp(call, aborted(call.procedure.name, signal, call.sent && call.procedure.writes))
  })
  readonly #keepalive = new Keepalive()
  readonly #resolveClosed: (reason: Error) => void
  #serial = 0
  #reason: Error | undefined

  /**
   * Connects, authenticates and opens the driver. Rejects with a LibvirtError: NOT_CONNECTED (retryable) when nobody
   * listens, libvirt's own when it refuses, ABORTED when the signal does.
   */
  static async open(options: ConnectionOptions, signal?: AbortSignal): Promise<Connection> {
    // Nothing comes before we have asked for something.
    let push: (chunk: Buffer) => void = () => {}
    const socket = await connectSocket(options.path, (chunk) => push(chunk), signal)
    const connection = new Connection(socket, options)
    push = (chunk) => connection.#push(chunk)
    try {
      await connection.#handshake({ deadline: handshakeDeadline, signal })
    } catch (error) {
      connection.close()
      throw error
    }
    return connection
  }

  private constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket
    this.#options = options
    const { promise, resolve } = Promise.withResolvers<Error>()
    this.closed = promise
    this.#resolveClosed = resolve
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('libvirt closed the connection')))
  }

  async #handshake(options: CallLimits): Promise<void> {
    const { types } = await this.call(procedures.authList, {}, options)
    if (types.includes(auth.polkit) && !types.includes(auth.none)) {
      const { complete } = await this.call(procedures.authPolkit, {}, options)
      if (complete === 0) throw clientError('NO_USABLE_AUTH', 'terminal', 'polkit did not let us in')
    } else if (types.length > 0 && !types.includes(auth.none)) {
      throw clientError(
        'NO_USABLE_AUTH',
        'terminal',
        `libvirt at ${this.#options.path} asks for authentication of type ${types.join(', ')}; only none and polkit are supported`,
      )
    }
    // Asking starts the server's own keepalive, which it allows before anything is opened.
    const { supported } = await this.call(procedures.supportsFeature, { feature: featureKeepalive }, options)
    await this.call(procedures.open, { name: this.#options.uri, flags: 0 }, options)
    if (supported !== 0) {
      const ping = () => this.#sendKeepalive(keepalive.ping)
      this.#keepalive.start(this.#options.keepalive ?? libvirtKeepalive, ping, (reason) => this.#fail(reason))
    }
  }

  /**
   * Calls a procedure. At most MAX_IN_FLIGHT calls are under way; more wait, in order. Rejects with a LibvirtError.
   * A write that was sent and got no answer (deadline, abort, lost connection) is `interrupted`: it may have happened.
   */
  call<Args, Result>(procedure: Procedure<Args, Result>, args: Args, options: CallLimits): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      if (this.#reason) throw notConnected(procedure.name, this.#reason)
      if (options.signal?.aborted) throw aborted(procedure.name, options.signal, false)
      const call: Call = {
        procedure,
        serial: this.#nextSerial(),
        frame: this.#encode(procedure, args),
        resolve: resolve as (result: unknown) => void,
        reject,
        options,
        timer: undefined,
        sent: false,
        settled: false,
      }
      call.timer = setTimeout(() => this.#expire(call), options.deadline)
      if (options.signal) this.#aborting.add(options.signal, call)
      if (this.#inFlight.size < MAX_IN_FLIGHT) this.#send(call)
      else this.#queued.add(call)
    })
  }

  /** Ends the connection; calls that wait are rejected as `interrupted`. */
  close(reason: Error = new Error('the connection was closed')): void {
    this.#fail(reason)
  }

  #nextSerial(): number {
    this.#serial = this.#serial === 0xffff_ffff ? 1 : this.#serial + 1
    return this.#serial
  }

  #encode<Args>(procedure: Procedure<Args, unknown>, args: Args): Buffer {
    const header = {
      program: REMOTE_PROGRAM,
      procedure: procedure.number,
      type: frameType.call,
      serial: this.#serial,
    }
    try {
      return encodeFrame(header, procedure.args as XdrType<Args>, args)
    } catch (cause) {
      throw clientError(
        'INVALID_ARGUMENT',
        'terminal',
        `${procedure.name} cannot be sent: ${(cause as Error).message}`,
        { procedure: procedure.name, cause },
      )
    }
  }

  #send(call: Call): void {
    call.sent = true
    this.#inFlight.set(call.serial, call)
    this.#socket.write(call.frame)
  }

  #sendNext(): void {
    for (const call of this.#queued) {
      if (this.#inFlight.size >= MAX_IN_FLIGHT) return
      this.#queued.delete(call)
      this.#send(call)
    }
  }

  #push(chunk: Buffer): void {
    if (this.#reason) return
    this.#keepalive.heard()
    try {
      this.#reader.push(chunk)
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      this.#fail(error)
    }
  }

  #receive(frame: Frame): void {
    // A frame before this one, in the same chunk, may have closed the connection.
    if (this.#reason) return
    const { program, version, type } = frame
    if (version !== PROTOCOL_VERSION) throw new FrameError(`a frame of protocol version ${version}`)
    if (program === KEEPALIVE_PROGRAM && type === frameType.message) {
      if (frame.procedure === keepalive.ping) this.#sendKeepalive(keepalive.pong)
    } else if (program === REMOTE_PROGRAM && type === frameType.message) {
      this.#options.onEvent?.(frame)
    } else if (program === REMOTE_PROGRAM && type === frameType.reply) {
      this.#receiveReply(frame)
    } else {
      throw new FrameError(
        `a frame of program 0x${program.toString(16)} and type ${type}, which nobody asked for`,
      )
    }
  }

  #receiveReply(frame: Frame): void {
    const call = this.#inFlight.get(frame.serial)
    if (call === undefined) throw new FrameError(`a reply to call ${frame.serial}, which is not under way`)
    const { name, number } = call.procedure
    if (frame.procedure !== number) {
      throw new FrameError(
        `a reply of procedure ${frame.procedure} to call ${frame.serial} of ${name}, ${number}`,
      )
    }
    if (frame.status !== frameStatus.ok && frame.status !== frameStatus.error) {
      throw new FrameError(`a reply to ${name} of status ${frame.status}`)
    }
    this.#inFlight.delete(frame.serial)
    if (!call.settled) {
      this.#settle(call)
      answer(call, frame)
    }
    if (this.#queued.size > 0) this.#sendNext()
  }

  #settle(call: Call): void {
    call.settled = true
    clearTimeout(call.timer)
    const { signal } = call.options
    if (signal) this.#aborting.delete(signal, call)
  }

  #giveUp(call: Call, error: Error): void {
    this.#queued.delete(call)
    this.#settle(call)
    call.reject(error)
  }

  #expire(call: Call): void {
    const { name, writes } = call.procedure
    const { deadline } = call.options
    const happened = call.sent
      ? writes
        ? 'it may have happened'
        : 'it changes nothing'
      : `it was not sent, since ${MAX_IN_FLIGHT} calls before it got no answer`
    const sort: ErrorSort = call.sent && writes ? 'interrupted' : 'retryable'
    this.#giveUp(
      call,
      clientError('DEADLINE_PASSED', sort, `${name} got no answer within ${deadline} ms; ${happened}`, {
        procedure: name,
      }),
    )
  }

  #sendKeepalive(procedure: number): void {
    this.#socket.write(
      encodeFrame({ program: KEEPALIVE_PROGRAM, procedure, type: frameType.message, serial: 0 }),
    )
  }

  #fail(reason: Error): void {
    if (this.#reason) return
    this.#reason = reason
    this.#keepalive.stop()
    this.#socket.destroy()
    for (const call of [...this.#inFlight.values(), ...this.#queued]) {
      if (call.settled) continue
      const happened = !call.sent
        ? 'it was not sent'
        : call.procedure.writes
          ? 'it may have happened'
          : 'it changes nothing'
      this.#giveUp(call, lost(call.procedure.name, reason, happened))
    }
    this.#inFlight.clear()
    this.#resolveClosed(reason)
  }
}

function answer(call: Call, frame: Frame): void {
  const { name, writes, result } = call.procedure
  try {
    if (frame.status === frameStatus.error) call.reject(errorFromReply(errorReply.decode(frame.body), name))
    else call.resolve(result.decode(frame.body))
  } catch (cause) {
    // The frame was whole, so the connection is good; only this answer makes no sense.
    call.reject(
      clientError(
        'MALFORMED_REPLY',
        writes ? 'interrupted' : 'terminal',
        `libvirt's answer to ${name} cannot be read: ${(cause as Error).message}`,
        { procedure: name, cause },
      ),
    )
  }
}

function lost(procedure: string, reason: Error, happened: string): Error {
  return clientError(
    'CONNECTION_LOST',
    'interrupted',
    `the connection to libvirt was lost during ${procedure}; ${happened}: ${reason.message}`,
    { procedure, cause: reason },
  )
}

function notConnected(procedure: string, reason: Error): Error {
  const message = `not connected to libvirt: ${reason.message}`
  return clientError('NOT_CONNECTED', 'retryable', message, { procedure, cause: reason })
}

function aborted(procedure: string, signal: AbortSignal, mayHaveHappened: boolean): Error {
  const code: ClientErrorCode = 'ABORTED'
  const message = `${procedure} was aborted; ${mayHaveHappened ? 'it may have happened' : 'nothing was changed'}`
  return clientError(code, 'interrupted', message, { procedure, cause: signal.reason })
}
