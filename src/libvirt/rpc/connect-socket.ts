/** A connected unix socket. */
import { connect, type Socket } from 'node:net'
import { getSystemErrorMessage } from 'node:util'
import { clientError } from './error.ts'

/** Bytes taken from the socket at a time, as many as Node itself would take. */
const bufferLength = 65_536

/**
 * Rejects with NOT_CONNECTED, retryable: nobody listens, or the signal aborts. Later the signal means nothing. What comes is
 * handed to `received` in one buffer for all time, so it is valid during the call only: a new one for each chunk, as
 * Node's streams make them, is garbage that costs tens of MiB of memory.
 */
export async function connectSocket(
  path: string,
  received: (chunk: Buffer) => void,
  signal?: AbortSignal,
): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const buffer = Buffer.allocUnsafeSlow(bufferLength)
  const take = (length: number) => {
    received(buffer.subarray(0, length))
    return true
  }
  const socket = connect({ path, onread: { buffer, callback: take } })
  const giveUp = () => reject(signal?.reason)
  if (signal?.aborted) giveUp()
  signal?.addEventListener('abort', giveUp)
  socket.once('connect', resolve)
  socket.once('error', reject)
  try {
    await promise
    return socket
  } catch (cause) {
    socket.destroy()
    const message = `cannot connect to libvirt at ${path}: ${reasonOf(cause)}`
    throw clientError('NOT_CONNECTED', 'retryable', message, { cause })
  } finally {
    signal?.removeEventListener('abort', giveUp)
    socket.off('error', reject)
  }
}

/** The kernel's words alone: Node's message repeats the path. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  const { errno, message } = cause as NodeJS.ErrnoException
  return errno === undefined ? message : getSystemErrorMessage(errno)
}
