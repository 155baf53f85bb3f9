/** The port of an interface: the one it holds, or a new one, written down before anything is touched; see unanswered.ts for when it is not. */
import { isDeepStrictEqual } from 'node:util'
import { deviceOf } from '../../core/ledger/ledger.ts'
import { anyPort, keepsPort } from '../../core/ledger/pool.ts'
import { type Port, portFromStatus, portName, portText, portToStatus, samePort } from '../../core/port.ts'
import type { Resolved } from '../../core/resolve/resolve.ts'
import type { Context } from '../context.ts'
import type { TakenOver } from '../port-ledger.ts'
import type { Observed } from './gather.ts'
import type { KeptNetwork } from './kept-network.ts'
import { plugObstacle } from './obstacle.ts'
import { definitionOf, planFor, sayRefused } from './plan.ts'
import { bindingDoes, isUnansweredHere } from './unanswered.ts'
import type { Work } from './work.ts'

/** undefined when it has none or must not have another, as the report then says. */
export async function settlePort(
  context: Context,
  work: Work,
  resolved: Resolved,
  observed: Observed,
  kept?: KeptNetwork,
): Promise<Port | undefined> {
  const { resource, report, signal } = work
  const status = resource.status?.port
  const isRecorded = status?.hostName === context.host.name && !context.store.isBehind(work.key)
  const recorded = isRecorded ? portFromStatus(status) : undefined
  const record = async (port: Port, note = '') => {
    report.facts.port = portToStatus(port, context.host.name)
    delete report.facts.waitingSince
    report.reached('PortAllocated', 'PortAllocated', `Holds ${portName(port)}${note}`)
    if (!deviceOf(port) && bindingDoes(context, work)) return
    await report.writePort(context.store, portName(port))
    work.log.info({ port: portName(port) }, 'port recorded')
  }
  if (kept?.port) {
    const note = kept.note ? `; ${kept.note}` : ''
    if (recorded && samePort(recorded, kept.port)) {
      report.reached('PortAllocated', 'PortAllocated', `Holds ${portName(recorded)}${note}`)
      return recorded
    }
    if (!(await isTakenOver(context, work, resolved, observed, kept.port, kept))) return undefined
    await record(kept.port, note)
    context.wake(context.wakes.ofPort())
    return kept.port
  }
  if (recorded && keepsPort(resolved.plug, recorded)) {
    const withdrawn = await context.ledger.isWithdrawn(recorded, resolved.plug)
    const note = withdrawn
      ? `, which network ${resolved.network} has no more; nobody gets it after this interface`
      : ''
    report.reached('PortAllocated', 'PortAllocated', `Holds ${portName(recorded)}${note}`)
    return recorded
  }
  const takenOver = takenOverIn(observed)
  if ((recorded || takenOver || isUnansweredHere(context, work)) && observed.guest.running && observed.live) {
    // Another port may be out of reach for a running guest: seen before one is taken.
    const candidate = await context.ledger.choose(resource, resolved.plug, signal, takenOver)
    // Not even when all are held is it to wait for one that it cannot be given.
    const port = 'port' in candidate ? candidate.port : anyPort(resolved.plug)
    if (port && !(await isWithinReach(context, work, resolved, observed, port, kept))) {
      const held = recorded ?? observed.live.definition.port
      report.reached('PortAllocated', 'PortAllocated', `Holds ${portName(held)}`)
      return undefined
    }
  }
  const allocated = await context.ledger.allocate(resource, resolved.plug, record, signal, takenOver)
  if ('port' in allocated) {
    context.wake(context.wakes.ofPort())
    return allocated.port
  }
  if (!recorded) report.facts.waitingSince ??= new Date().toISOString()
  report.refused('PortAllocated', [allocated.refusal])
  return undefined
}

/** What libvirt gave a running guest is recorded once nothing else of the interface stands in the way of taking it over. */
async function isTakenOver(
  context: Context,
  work: Work,
  resolved: Resolved,
  observed: Observed,
  port: Port,
  kept: KeptNetwork,
): Promise<boolean> {
  if (
    !observed.toMark ||
    !observed.live ||
    (await isWithinReach(context, work, resolved, observed, port, kept))
  )
    return true
  work.report.reached('PortAllocated', 'PortAllocated', `Holds ${portName(observed.live.definition.port)}`)
  return false
}

/** For the ledger: the interface is ours already, though nothing in the guest says so yet. */
function takenOverIn({ guest, toMark }: Observed): TakenOver | undefined {
  return toMark && { guest: guest.ref.uuid, ...toMark }
}

/** Whether a running guest can be plugged in there; else the report says why not. */
async function isWithinReach(
  context: Context,
  work: Work,
  resolved: Resolved,
  observed: Observed,
  port: Port,
  kept?: KeptNetwork,
): Promise<boolean> {
  const effective = definitionOf(work.resource, resolved, port, kept)
  const plan = planFor(work, observed, effective, await context.capabilities())
  if (plan.verdict === 'Refused') {
    sayRefused(work.report, plan)
    return false
  }
  if (plan.verdict !== 'Reattach') return true
  const obstacle = await plugObstacle(plan, observed, effective, context.libvirt, work.signal)
  if (!obstacle) return true
  work.report.planned(plan)
  work.report.refused('Synced', [obstacle])
  return false
}

/** This pass took another port in place of the one that the interface held. */
export function leftPort({ resource, report }: Work): boolean {
  const held = resource.status?.port
  return held !== undefined && !isDeepStrictEqual(held, report.facts.port)
}

/**
 * The change was undone: the port that the interface held stands, and the one taken for it is free again. When an agent before
 * this one took it, the guest tells where the interface is: on a bridge, since no running guest leaves a device of a pool.
 */
export function takePortBack({ host }: Context, work: Work, observed: Observed | undefined): void {
  const { resource, report } = work
  const held = resource.status?.port
  if (held?.hostName === host.name && leftPort(work)) {
    report.facts.port = held
    return
  }
  const live = observed?.live?.definition.port
  const onBridge = live?.kind === 'bridge' || live?.kind === 'network'
  const taken = report.facts.port
  if (taken && onBridge && portText(live) !== portText(portFromStatus(taken))) {
    report.facts.port = portToStatus(live, host.name)
  }
}
