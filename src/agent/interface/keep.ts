/** Keeps an interface as its manifest says: the way from the guest to a NIC in sync, stage by stage. */
import { done, type Outcome, requeueAfter } from '../../reconcile/outcome.ts'
import type { Context } from '../context.ts'
import { ASK_AGAIN_MS, unplug } from './remove.ts'
import { bringInSync } from './sync.ts'
import { isPinnedElsewhere, sayGuestNotFound, targetOf } from './target.ts'
import type { Work } from './work.ts'

export async function keep(context: Context, work: Work): Promise<Outcome> {
  if (isPinnedElsewhere(work.resource, context.host)) return leave(context, work)
  const target = await targetOf(context, work)
  if (!target) return done
  const outcome = await bringInSync(context, work, target.observed, target.effective)
  if (outcome) return outcome
  sayGuestNotFound(work)
  return done
}

/** Pinned to another host: what it has here is let go. */
async function leave(context: Context, work: Work): Promise<Outcome> {
  const { resource, report } = work
  const held = await unplug(context, work)
  if (held) {
    report.stopped('Bound', 'GuestNotReleasing', held)
    return requeueAfter(ASK_AGAIN_MS)
  }
  delete report.facts.port
  delete report.facts.waitingSince
  report.stopped(
    'Bound',
    'PinnedElsewhere',
    `spec.hostName pins it to host ${resource.spec.hostName}; this is ${context.host.name}`,
  )
  if (resource.status?.port) context.wake(context.wakes.ofPort())
  return done
}
