/** The port of an interface: the one it holds, or a new one, written down before anything is touched. */
import { keepsPort } from '../../core/pool.ts'
import { type Port, portFromStatus, portName, portToStatus } from '../../core/port.ts'
import type { Resolved } from '../../core/resolve.ts'
import type { Context } from '../context.ts'
import type { Observed } from './gather.ts'
import { definitionOf, planFor, sayRefused } from './plan.ts'
import type { Work } from './work.ts'

/** undefined when it has none or must not have another, as the report then says. */
export async function settlePort(
  context: Context,
  work: Work,
  resolved: Resolved,
  observed: Observed,
): Promise<Port | undefined> {
  const { resource, report, signal } = work
  const status = resource.status?.port
  const recorded = status && status.hostName === context.host.name ? portFromStatus(status) : undefined
  if (recorded && keepsPort(resolved.plug, recorded)) {
    const withdrawn = await context.ledger.isWithdrawn(recorded, resolved.plug)
    const note = withdrawn
      ? `, which network ${resolved.network} has no more; nobody gets it after this interface`
      : ''
    report.reached('PortAllocated', 'PortAllocated', `Holds ${portName(recorded)}${note}`)
    return recorded
  }
  if (recorded && observed.guest.running && observed.live) {
    // Another port may be out of reach for a running guest: seen before one is taken.
    const candidate = await context.ledger.choose(resource, resolved.plug, signal)
    const plan =
      'port' in candidate && planFor(work, observed, definitionOf(resource, resolved, candidate.port))
    if (plan && plan.verdict === 'Refused') {
      report.reached('PortAllocated', 'PortAllocated', `Holds ${portName(recorded)}`)
      sayRefused(report, plan)
      return undefined
    }
  }
  const record = (port: Port) => {
    report.facts.port = portToStatus(port, context.host.name)
    delete report.facts.waitingSince
    report.reached('PortAllocated', 'PortAllocated', `Holds ${portName(port)}`)
    report.stopped('Synced', 'NotReached', 'About to be plugged', 'Unknown')
    return report.write(context.store, true)
  }
  const allocated = await context.ledger.allocate(resource, resolved.plug, record, signal)
  if ('port' in allocated) {
    work.log.info({ port: portName(allocated.port) }, 'port recorded')
    context.wake(context.wakes.ofPort())
    return allocated.port
  }
  const { reason, message } = allocated.refusal
  if (!recorded) report.facts.waitingSince ??= new Date().toISOString()
  report.stopped('PortAllocated', reason, message)
  return undefined
}
