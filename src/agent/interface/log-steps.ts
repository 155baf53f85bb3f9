/** Each boundary of a step is a line in the log. */
import type { Step } from '../../core/change/plan.ts'
import type { Application } from './application.ts'
import { stepText } from './report.ts'

/** `steps`: that one call carries out. */
export async function logged(steps: Step[], { log }: Application, work: () => Promise<void>): Promise<void> {
  const step = steps.map(stepText).join(', ')
  log.info({ step }, 'step begins')
  await work()
  log.info({ step }, 'step done')
}
