/** Removal: unplugged, seen to be gone by libvirt and by the kernel, and only then forgotten. */
import { planRemoval } from '../../core/change/plan.ts'
import { nameOf, namespaceOf } from '../../core/identity.ts'
import { isReadyKnown } from '../../core/interface-status.ts'
import { deviceOf } from '../../core/ledger/ledger.ts'
import { portFromStatus } from '../../core/port.ts'
import { done, type Outcome, requeueAfter } from '../../reconcile/outcome.ts'
import type { Context } from '../context.ts'
import { apply } from './apply.ts'
import { gather, type Observed } from './gather.ts'
import { clearLeftover, leftoverIn } from './leftover.ts'
import { GuestNotReleasing } from './plug.ts'
import { takeStock } from './unanswered.ts'
import type { Work } from './work.ts'

/** Milliseconds between two requests to a guest that doesn't let go; libvirt itself waits 5 s for each. */
export const ASK_AGAIN_MS = 10_000

export async function remove(context: Context, work: Work): Promise<Outcome> {
  const { resource, report, key } = work
  if (resource.spec.deletionPolicy === 'Retain') {
    const observed = await gather(context, resource, work.signal)
    if (observed) await eraseMarks(context, work, observed)
  } else {
    const held = await unplug(context, work)
    if (held) {
      report.stopped('Bound', 'GuestNotReleasing', held)
      await takeStock(context, work)
      await report.write(context.store)
      return requeueAfter(ASK_AGAIN_MS)
    }
  }
  await sayReleased(context, work)
  await context.store.release(key)
  context.wakes.forgetLink(key)
  work.log.info('interface removed')
  context.wake(context.wakes.ofPort())
  return done
}

/** Without a port the controller goes by what Ready says: as long as that is Unknown there may be something on this host. */
async function sayReleased({ binding, host, store }: Context, { resource, report }: Work): Promise<void> {
  const { spec, status } = resource
  if (binding !== 'controller' || isReadyKnown(status?.conditions)) return
  delete report.facts.port
  delete report.facts.waitingSince
  const what = spec.deletionPolicy === 'Retain' ? 'What there is of it stays' : 'Nothing of it is left'
  report.stopped('Bound', 'Released', `${what} on host ${host.name}`)
  await report.write(store)
}

/** Why the port cannot be freed yet; undefined when nothing of the interface is left. */
export async function unplug(context: Context, work: Work): Promise<string | undefined> {
  const { resource, report, log, signal } = work
  const read = () => gather(context, resource, signal)
  const observed = await read()
  if (observed?.conflict) return observed.conflict.message
  const definition = observed?.live?.definition ?? observed?.saved?.definition
  if (observed && definition) {
    const plan = planRemoval(observed)
    report.planned(plan)
    try {
      await apply(plan.steps, observed, definition, { context, gather: read, log, signal })
    } catch (error) {
      if (error instanceof GuestNotReleasing) return error.message
      throw error
    }
  }
  // Asked for before: by now libvirt has ended whatever an agent before this one may have begun.
  if (wasHeld(resource)) await clearLeftover(context, work)
  const held = await stillUsed(context, work)
  if (observed && !held) await eraseMarks(context, work, observed)
  return held
}

/** Last of all: until then nothing else says whose the interface is. */
async function eraseMarks(context: Context, { resource, signal }: Work, { guest }: Observed): Promise<void> {
  const { name } = resource.metadata
  await context.adoptionMarks.erase(guest, { namespace: namespaceOf(resource), name }, signal)
}

function wasHeld({ status }: Work['resource']): boolean {
  return status?.conditions?.some(({ reason }) => reason === 'GuestNotReleasing') ?? false
}

/** A link of somebody else on the device is none of ours; the ledger sees it and hands the device to nobody. */
async function stillUsed(context: Context, work: Work): Promise<string | undefined> {
  const { port } = work.report.facts
  if (!port || port.hostName !== context.host.name || !deviceOf(portFromStatus(port))) return undefined
  const self = nameOf(work.resource)
  const view = await context.ledger.view(work.signal, { without: self })
  const defined = view.uses.find(({ holder }) => holder.kind === 'interface' && holder.name === self)
  const left = defined?.holder.name ?? leftoverIn(view, context, work)?.name
  return (
    left &&
    `Port ${port.name} is still shown as used by ${left}; it is held until libvirt and the kernel show it free`
  )
}
