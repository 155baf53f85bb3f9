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
  return binding === 'controller' && isUnanswered(resource.status)
}

/** Not where the server may have an answer of ours that we don't know to have arrived. */
export function bindingDoes(context: Context, work: Work): boolean {
  return isUnansweredHere(context, work) && !context.store.isBehind(work.key)
}

/**
 * Before a pass that came to no port tells how it stands: what is plugged in all the same is its port. Also of one that was
 * answered: libvirt may have gone on with what an agent that was killed had begun.
 */
export async function takeStock(context: Context, work: Work): Promise<void> {
  const { report, resource, signal } = work
  const { binding, host } = context
  if (binding !== 'controller' || report.facts.port?.hostName === host.name) return
  const observed = await gather(context, resource, signal)
  const left = (observed?.live ?? observed?.saved)?.definition.port
  if (left) report.facts.port = portToStatus(left, host.name)
  else if (observed?.conflict && isUnansweredHere(context, work)) {
    const { reason, message } = observed.conflict
    report.stopped('Bound', reason, message, 'Unknown')
  }
}
