/** The steps that an interface is to be brought in sync by, as far as nothing stands in the way. */
import type { Step } from '../../core/change/plan.ts'
import type { EffectiveDefinition } from '../../core/definition.ts'
import type { Context } from '../context.ts'
import type { Observed } from './gather.ts'
import { plugObstacle } from './obstacle.ts'
import { planFor, sayRefused } from './plan.ts'
import type { Work } from './work.ts'

export interface NextSteps {
  steps: Step[]
  /** Why only the saved definition is changed, and the running guest at its next start. */
  forNextBoot?: string
}

/** undefined when nothing is to be touched, as the report then says. Changes nothing. */
export async function nextSteps(
  context: Context,
  work: Work,
  observed: Observed,
  effective: EffectiveDefinition,
): Promise<NextSteps | undefined> {
  const { report, signal } = work
  const plan = planFor(work, observed, effective, await context.capabilities())
  report.planned(plan)
  context.onPlan?.('GuestInterface', plan.verdict)
  if (plan.verdict === 'Refused') {
    sayRefused(report, plan)
    return undefined
  }
  const obstacle = await plugObstacle(plan, observed, effective, context.libvirt, signal)
  if (!obstacle) return { steps: plan.steps }
  report.refused('Synced', [obstacle])
  if (obstacle.reason !== 'NoFreeSlot') return undefined
  return { steps: plan.steps.filter(({ target }) => target === 'saved'), forNextBoot: obstacle.message }
}
