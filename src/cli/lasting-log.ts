/** The log of a command that keeps running: one JSON object a line, on standard error. */
import type { Logger } from 'pino'

/** Loads what it takes only where a command needs it. */
export async function lastingLog(): Promise<Logger> {
  const { pino } = await import('pino')
  return pino(
    { base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ fd: 2, sync: true }),
  )
}
