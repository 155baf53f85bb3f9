/** What steps are carried out with, and undone. */
import type { Logger } from 'pino'
import type { Context } from '../context.ts'
import type { Observed } from './gather.ts'

export interface Application {
  context: Pick<Context, 'libvirt' | 'capabilities' | 'macvtapModes' | 'plugTurns'>
  /** Reads the interface again. */
  gather: () => Promise<Observed | undefined>
  log: Logger
  signal: AbortSignal
}
