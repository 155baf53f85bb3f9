/** What one pass over a Network works on. */
import type { Logger } from 'pino'
import type { Network } from '../../api/network.ts'
import type { Key } from '../../store/store.ts'

export interface NetworkWork {
  key: Key & { kind: 'Network' }
  network: Network
  log: Logger
  signal: AbortSignal
}
