/** Keeps an interface as its manifest says: the way from the guest to a NIC in sync, stage by stage. */
import { heldBy } from '../../core/interface-status.ts'
import { done, type Outcome, requeueAfter } from '../../reconcile/outcome.ts'
import type { Context } from '../context.ts'
import { ASK_AGAIN_MS, unplug } from './remove.ts'
import { bringInSync } from './sync.ts'
import { otherHost, sayGuestNotFound, targetOf } from './target.ts'
import type { Work } from './work.ts'

export async function keep(context: Context, work: Work): Promise<Outcome> {
  const elsewhere = otherHost(work.resource, context)
  if (elsewhere !== undefined) return leave(context, work, elsewhere)
  if (isHeld(context, work)) return done
  const target = await targetOf(context, work)
  if (!target) return done
  const outcome = await bringInSync(context, work, target.observed, target.effective)
  if (outcome) return outcome
  sayGuestNotFound(work)
  return done
}

/** In a cluster: what it was bound by holds no more. What it has it keeps, and waits for nothing that others could have. */
function isHeld({ binding }: Context, { resource, report }: Work): boolean {
  const held = binding === 'controller' ? heldBy(resource.status?.conditions) : undefined
  if (!held) return false
  delete report.facts.waitingSince
  report.stopped('Bound', held.reason, held.message)
  return true
}

/** It is to be on another host: what it has here is let go. */
async function leave(context: Context, work: Work, elsewhere: string): Promise<Outcome> {
  const { resource, report } = work
  const held = await unplug(context, work)
  if (held) {
    report.stopped('Bound', 'GuestNotReleasing', held)
    return requeueAfter(ASK_AGAIN_MS)
  }
  delete report.facts.port
  delete report.facts.waitingSince
  const here = context.host.name
  if (context.binding === 'controller') {
    report.stopped('Bound', 'Moving', `Moves to host ${elsewhere}; nothing of it is left on host ${here}`)
  } else {
    const message = `spec.hostName pins it to host ${elsewhere}; this is ${here}`
    report.stopped('Bound', 'PinnedElsewhere', message)
  }
  if (resource.status?.port) context.wake(context.wakes.ofPort())
  return done
}
