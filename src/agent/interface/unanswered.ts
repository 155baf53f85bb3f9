/**
 * An interface that the controller has bound here and of which no agent has told yet how it stands. The binding is acknowledged
 * and goes only by an agent's word, so it does for a port that is for everybody, such as a bridge: that one is not written down
 * before it is used. An agent that was killed in between has left a NIC of which nobody has told.
 */
import { isUnanswered } from '../../core/interface-status.ts'
import { portToStatus } from '../../core/port.ts'
import type { Context } from '../context.ts'
import { gather } from './gather.ts'
import type { Work } from './work.ts'

export function isUnansweredHere({ binding }: Context, { resource }: Work): boolean {
  return binding === 'controller' && isUnanswered(resource.status ?? {})
}

/** Before a pass that came to no port tells how it stands: what is plugged in all the same is its port. */
export async function takeStock(context: Context, work: Work): Promise<void> {
  const { report, resource, signal } = work
  if (report.facts.port?.hostName === context.host.name || !isUnansweredHere(context, work)) return
  const observed = await gather(context, resource, signal)
  const left = (observed?.live ?? observed?.saved)?.definition.port
  if (left) report.facts.port = portToStatus(left, context.host.name)
}
