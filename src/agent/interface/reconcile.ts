/** One pass over a GuestInterface: gather, plan, apply, verify, report. */
import type { Check } from '../../core/interface-status.ts'
import { isLibvirtError } from '../../libvirt/rpc/error.ts'
import { done, failureSort, requeueAfter } from '../../reconcile/outcome.ts'
import type { Reconcile } from '../../reconcile/runner.ts'
import { StaleObject } from '../../store/store.ts'
import type { Context } from '../context.ts'
import { FailedChanges } from './failed-changes.ts'
import { keep } from './keep.ts'
import { sayRefused } from './plan.ts'
import { GuestNotReleasing } from './plug.ts'
import { remove } from './remove.ts'
import { Report } from './report.ts'
import { isUnansweredHere, takeStock } from './unanswered.ts'
import { ChangeFailed } from './undo.ts'
import type { InterfaceKey, Work } from './work.ts'

export function interfaceReconciler(context: Context): Reconcile<InterfaceKey> {
  const failedChanges = new FailedChanges(context.store)
  return async (key, { log, signal }) => {
    const resource = context.store.get('GuestInterface', key.name, key.namespace)
    if (!resource) return done
    const held = failedChanges.holds(resource)
    if (held !== undefined) return requeueAfter(held)
    const report = new Report(resource, context.host.name)
    const work: Work = { key, resource, report, log, signal }
    try {
      if (resource.metadata.deletionTimestamp) return await remove(context, work)
      const outcome = await keep(context, work)
      sayRejection(context, work)
      await takeStock(context, work)
      await report.write(context.store)
      failedChanges.forget(resource)
      return outcome
    } catch (error) {
      // StaleObject: what was found is out of date, and nothing is to be said of it.
      if (error instanceof StaleObject || report.unwritten) throw error
      const { reason, message, status } = failureOf(error)
      report.stoppedHere(reason, message, status)
      const isKnown = await takeStock(context, work).then(
        () => true,
        () => !isUnansweredHere(context, work),
      )
      // Ready is Unknown then: by that the controller knows that this host may have it.
      if (!isKnown) report.stopped('Bound', reason, message, 'Unknown')
      await report.write(context.store)
      if (work.refused) failedChanges.rememberRefused(resource)
      const ms = error instanceof ChangeFailed ? failedChanges.remember(resource) : undefined
      if (ms !== undefined && failureSort(error) !== 'terminal') return requeueAfter(ms)
      throw error
    }
  }
}

/** A newest manifest that was not accepted is said, while the last accepted one is kept in force. */
function sayRejection({ store }: Context, { key, report }: Work): void {
  const rejection = store.rejection(key)
  if (!rejection) return
  if (rejection.reason === 'InvalidManifest') {
    report.stopped('Synced', 'InvalidManifest', rejection.message)
    return
  }
  const differences = rejection.fields.map(({ field, from, to }) => ({
    field,
    observed: from,
    effective: to,
    verdict: 'Refused' as const,
    reason: 'The field is immutable; take the change back, or remove the interface and make it anew',
  }))
  sayRefused(report, { verdict: 'Refused', steps: [], differences })
}

function failureOf(error: unknown): Check {
  const message = withAdvice(error instanceof Error ? error.message : String(error))
  const fromLibvirt = isLibvirtError(error) && error.domain !== 'client'
  const isTerminal = failureSort(error) === 'terminal'
  if (error instanceof GuestNotReleasing) return { reason: 'GuestNotReleasing', message, status: 'False' }
  if (isTerminal) return { reason: 'ApplyRejected', message, status: 'False' }
  if (error instanceof ChangeFailed) return { reason: 'ApplyFailed', message, status: 'False' }
  if (isLibvirtError(error) && !fromLibvirt)
    return { reason: 'LibvirtUnavailable', message, status: 'Unknown' }
  return { reason: 'ApplyFailed', message, status: fromLibvirt ? 'False' : 'Unknown' }
}

/** What libvirt's words leave open. */
function withAdvice(message: string): string {
  return /Duplicate ID 'host/.test(message)
    ? `${message}. QEMU still has a NIC that a libvirtd was plugging in when it was killed: restart the guest`
    : message
}
