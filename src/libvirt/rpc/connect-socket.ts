/** A connected unix socket. */
import { createConnection, type Socket } from 'node:net'
import { clientError } from './error.ts'

/** Rejects with NOT_CONNECTED, retryable: nobody listens, or the signal aborts. Later the signal means nothing. */
export async function connectSocket(path: string, signal?: AbortSignal): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const socket = createConnection(path)
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
    const why = cause instanceof Error ? cause.message : String(cause)
    throw clientError('NOT_CONNECTED', 'retryable', `cannot connect to libvirt at ${path}: ${why}`, { cause })
  } finally {
    signal?.removeEventListener('abort', giveUp)
    socket.off('error', reject)
  }
}
