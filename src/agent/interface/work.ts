/** What one pass over an interface works on. */
import type { Logger } from 'pino'
import type { GuestInterface } from '../../api/guest-interface.ts'
import type { Key } from '../../store/store.ts'
import type { Report } from './report.ts'

export type InterfaceKey = Key & { kind: 'GuestInterface' }

export interface Work {
  key: InterfaceKey
  resource: GuestInterface
  report: Report
  log: Logger
  signal: AbortSignal
  /** libvirt refused a step of this pass, and stirred what the step is about. */
  refused?: true
}
