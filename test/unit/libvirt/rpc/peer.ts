/**
 * A peer on a unix socket that says whatever a test wants it to: what no real libvirt would say, and at the moment
 * that a test needs. What real libvirt says is in test/libvirt/rpc.test.ts.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { uint32, Writer, type XdrType } from '@stellar/js-xdr'
import { type Frame, FrameReader, frameType } from '../../../../src/libvirt/rpc/frame.ts'
import {
  errorReply,
  KEEPALIVE_PROGRAM,
  procedures,
  REMOTE_PROGRAM,
} from '../../../../src/libvirt/rpc/procedures.ts'

export interface Header {
  program: number
  version: number
  procedure: number
  type: number
  serial: number
  status: number
}

/** A frame with any header and any body, right or wrong; its length is right. */
export function rawFrame(header: Partial<Header>, body: Uint8Array = new Uint8Array()): Buffer {
  const h = { program: REMOTE_PROGRAM, version: 1, procedure: 0, type: 1, serial: 0, status: 0, ...header }
  const writer = new Writer()
  for (const word of [28 + body.length, h.program, h.version, h.procedure, h.type, h.serial, h.status]) {
    uint32()._write(word, writer, '')
  }
  writer.writeBytes(body)
  return Buffer.from(writer.toUint8Array())
}

/** What a peer does with a call: `reply` is the frame of a good answer, to be sent or not. */
export type Behaviour = (call: Frame, connection: PeerConnection) => void

export class PeerConnection {
  readonly socket: Socket
  /** Frames of the client, in order, keepalive left out. */
  readonly calls: Frame[] = []
  readonly keepalive: Frame[] = []

  constructor(socket: Socket) {
    this.socket = socket
  }

  reply<T>(call: Frame, type: XdrType<T>, value: T): void {
    this.socket.write(rawFrame({ procedure: call.procedure, serial: call.serial }, type.encode(value)))
  }

  replyError(call: Frame, code: number, message: string): void {
    const nothing = { dom: null, str1: null, str2: null, str3: null, int1: 0, int2: 0, net: null }
    const body = errorReply.encode({ code, domain: 10, message, level: 2, ...nothing })
    this.socket.write(rawFrame({ procedure: call.procedure, serial: call.serial, status: 1 }, body))
  }
}

export class Peer {
  readonly path: string
  readonly connections: PeerConnection[] = []
  readonly #directory: string
  #server: Server | undefined
  #behaviour: Behaviour
  #waiting: (() => void)[] = []

  /** Listens on `name` in a directory of its own, or in `directory`. Handshakes are answered unless a behaviour does. */
  static async start(behaviour: Behaviour, name = 'libvirt-sock', directory?: string): Promise<Peer> {
    const peer = new Peer(behaviour, name, directory ?? (await mkdtemp(join(tmpdir(), 'peer-'))))
    await peer.listen()
    return peer
  }

  private constructor(behaviour: Behaviour, name: string, directory: string) {
    this.#behaviour = behaviour
    this.#directory = directory
    this.path = join(directory, name)
  }

  get directory(): string {
    return this.#directory
  }

  listen(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#server = createServer((socket) => this.#accept(socket))
    this.#server.once('error', reject)
    this.#server.listen(this.path, resolve)
    return promise
  }

  /** Resolves once the condition holds; it is looked at again after everything that the client sends. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  /** Ends all connections and listens no more, as a killed daemon. */
  async stop(): Promise<void> {
    for (const { socket } of this.connections) socket.destroy()
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#server?.close(() => resolve())
    await promise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    await rm(this.#directory, { recursive: true, force: true })
  }

  #accept(socket: Socket): void {
    const connection = new PeerConnection(socket)
    this.connections.push(connection)
    const reader = new FrameReader((frame) => {
      const kept = { ...frame, body: Buffer.from(frame.body) }
      if (frame.program === KEEPALIVE_PROGRAM) {
        connection.keepalive.push(kept)
      } else {
        connection.calls.push(kept)
        this.#behaviour(kept, connection)
      }
      for (const wake of this.#waiting.splice(0)) wake()
    })
    socket.on('data', (chunk) => reader.push(chunk))
    socket.on('error', () => undefined)
    socket.on('close', () => {
      for (const wake of this.#waiting.splice(0)) wake()
    })
  }
}

/** Answers what a client asks while it connects; gives back whether it was that. */
export function answerHandshake(call: Frame, connection: PeerConnection): boolean {
  const { authList, open, supportsFeature, watchDomains, watchNetworks, watchNodeDevices } = procedures
  switch (call.procedure) {
    case authList.number:
      connection.reply(call, authList.result, { types: [0] })
      return true
    case open.number:
      connection.reply(call, open.result, {})
      return true
    case supportsFeature.number:
      connection.reply(call, supportsFeature.result, { supported: 1 })
      return true
    case watchDomains.number:
    case watchNetworks.number:
    case watchNodeDevices.number:
      connection.reply(call, watchDomains.result, { callback: 0 })
      return true
    default:
      return false
  }
}

/** A peer that connects like libvirt and leaves the rest to the test. */
export function afterHandshake(behaviour: Behaviour): Behaviour {
  return (call, connection) => {
    if (!answerHandshake(call, connection)) behaviour(call, connection)
  }
}

export function eventFrame<T>(procedure: number, type: XdrType<T>, value: T): Buffer {
  return rawFrame({ procedure, type: frameType.message }, type.encode(value))
}
