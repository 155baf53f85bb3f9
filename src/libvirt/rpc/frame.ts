/**
 * Frames of libvirt's RPC protocol. All numbers are 32 bits, big-endian:
 * length (counting itself), program, version, procedure, type, serial, status; then the XDR body.
 */
import { Writer, type XdrType } from '@stellar/js-xdr'
import { PROTOCOL_VERSION } from './procedures.ts'

/** Bytes of the length and the header. */
export const HEADER_LENGTH = 28
/** Bytes: VIR_NET_MESSAGE_MAX, and the length, which that doesn't count. */
export const MAX_FRAME_LENGTH = 33_554_432 + 4

export const frameType = { call: 0, reply: 1, message: 2 } as const
export const frameStatus = { ok: 0, error: 1 } as const

export interface Frame {
  program: number
  version: number
  procedure: number
  type: number
  serial: number
  status: number
  /** The XDR body. A view of what was received: it must be decoded before the next chunk is pushed. */
  body: Buffer
}

/** The peer doesn't speak the protocol: the connection cannot be used any more. */
export class FrameError extends Error {
  override name = 'FrameError'
}

/**
 * Cuts a stream into frames. A length is checked before a byte behind it is kept, and what is kept is only what has
 * really arrived: a peer that promises 32 MiB and sends none makes us hold none. A chunk is not kept beyond the call; each byte is
 * copied twice at most.
 */
export class FrameReader {
  readonly #onFrame: (frame: Frame) => void
  #chunks: Buffer[] = []
  #held = 0
  /** Bytes that have to be there before the next look: a header's, then a frame's. */
  #wanted = HEADER_LENGTH

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame
  }

  /** Bytes of an unfinished frame. */
  get held(): number {
    return this.#held
  }

  /** Calls `onFrame` for each frame that this chunk completes. Throws FrameError, or what `onFrame` throws. */
  push(chunk: Buffer): void {
    if (this.#held + chunk.length < this.#wanted) {
      this.#chunks.push(Buffer.from(chunk))
      this.#held += chunk.length
      this.#checkLengthEarly()
      return
    }
    let bytes = chunk
    if (this.#held > 0) {
      this.#chunks.push(chunk)
      bytes = Buffer.concat(this.#chunks, this.#held + chunk.length)
      this.#chunks = []
      this.#held = 0
    }
    let at = 0
    while (bytes.length - at >= HEADER_LENGTH) {
      const length = checkedLength(bytes.readUInt32BE(at))
      if (bytes.length - at < length) {
        this.#wanted = length
        break
      }
      const frame = readFrame(bytes, at, length)
      at += length
      this.#wanted = HEADER_LENGTH
      this.#onFrame(frame)
    }
    if (at < bytes.length) {
      this.#chunks.push(Buffer.from(bytes.subarray(at)))
      this.#held = bytes.length - at
      this.#checkLengthEarly()
    }
  }

  /** A peer that sends a bad length and falls silent is found out by the length alone. */
  #checkLengthEarly(): void {
    if (this.#wanted !== HEADER_LENGTH || this.#held < 4) return
    const first = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
    checkedLength(first.readUInt32BE(0))
  }
}

function checkedLength(length: number): number {
  if (length < HEADER_LENGTH || length > MAX_FRAME_LENGTH) {
    throw new FrameError(
      `a frame of ${length} bytes; the protocol has ${HEADER_LENGTH} to ${MAX_FRAME_LENGTH}`,
    )
  }
  return length
}

function readFrame(bytes: Buffer, at: number, length: number): Frame {
  return {
    program: bytes.readUInt32BE(at + 4),
    version: bytes.readUInt32BE(at + 8),
    procedure: bytes.readInt32BE(at + 12),
    type: bytes.readInt32BE(at + 16),
    serial: bytes.readUInt32BE(at + 20),
    status: bytes.readInt32BE(at + 24),
    body: bytes.subarray(at + HEADER_LENGTH, at + length),
  }
}

/** One buffer with header and body. Throws XdrError when the value doesn't fit its type, FrameError when it is too long. */
export function encodeFrame<T>(
  header: { program: number; procedure: number; type: number; serial: number },
  body?: XdrType<T>,
  value?: T,
): Buffer {
  const writer = new Writer()
  writer.writeUint32(0) // the length, known at the end
  writer.writeUint32(header.program)
  writer.writeUint32(PROTOCOL_VERSION)
  writer.writeInt32(header.procedure)
  writer.writeInt32(header.type)
  writer.writeUint32(header.serial)
  writer.writeInt32(frameStatus.ok)
  body?._write(value as T, writer, body.name ?? body.kind)
  const bytes = writer.toUint8Array()
  const frame = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  frame.writeUInt32BE(checkedLength(frame.length), 0)
  return frame
}
