/** What a pass over an interface would do, by the very decisions of the pass, without doing it. */
import { planRemoval, type Step } from '../../core/change/plan.ts'
import type { Refusal } from '../../core/refusal.ts'
import type { Context } from '../context.ts'
import { type Foreseen, refusedBy } from '../foreseen.ts'
import { gather } from './gather.ts'
import { nextSteps } from './next-steps.ts'
import { stepText } from './report.ts'
import { otherHost, targetOf } from './target.ts'
import type { Work } from './work.ts'

/**
 * Reads the host and changes nothing there. The port that the interface would get is recorded in `context.store`, as in a pass,
 * so that it is not foreseen for another one: give it a store that keeps nothing.
 */
export async function foresee(context: Context, work: Work): Promise<Foreseen> {
  const { resource, report, signal, key } = work
  if (otherHost(resource, context) !== undefined) {
    const observed = await gather(context, resource, signal)
    const { verdict, steps, differences } = planRemoval(observed ?? {})
    return { verdict, steps: steps.map(stepText), differences }
  }
  const target = await targetOf(context, work)
  const next = target && (await nextSteps(context, work, target.observed, target.effective))
  const { plan } = report.facts
  const [obstacle] = report.refusals
  if (plan && !obstacle && plan.verdict !== 'Refused') return plan
  if (plan && obstacle && next?.forNextBoot && target?.observed.guest.persistent) {
    return atNextBoot(obstacle, next.steps, plan)
  }
  // As in a pass that is refused: no device is taken.
  await context.store.writeStatus(key, {})
  return plan && !obstacle ? plan : refusedBy(report.refusals)
}

/** The running guest has no room for the NIC. */
function atNextBoot({ field = 'address', message }: Refusal, steps: Step[], plan: Foreseen): Foreseen {
  const difference = { field, observed: '', effective: '', verdict: 'NextBoot' as const, reason: message }
  return {
    verdict: 'NextBoot',
    steps: steps.map(stepText),
    differences: [difference, ...plan.differences],
  }
}
