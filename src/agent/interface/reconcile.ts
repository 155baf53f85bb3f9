/** One pass over a GuestInterface: gather, plan, apply, verify, report. */
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
      await report.write(context.store)
      failedChanges.forget(resource)
      return outcome
    } catch (error) {
      // StaleObject: what was found is out of date, and nothing is to be said of it.
      if (error instanceof StaleObject || report.unwritten) throw error
      sayFailure(report, error)
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

function sayFailure(report: Report, error: unknown): void {
  const message = withAdvice(error instanceof Error ? error.message : String(error))
  const fromLibvirt = isLibvirtError(error) && error.domain !== 'client'
  if (error instanceof ChangeFailed) {
    const rejected = failureSort(error) === 'terminal'
    report.stoppedHere(rejected ? 'ApplyRejected' : 'ApplyFailed', message, 'False')
  } else if (error instanceof GuestNotReleasing) report.stoppedHere('GuestNotReleasing', message, 'False')
  else if (failureSort(error) === 'terminal') report.stoppedHere('ApplyRejected', message, 'False')
  else if (isLibvirtError(error) && !fromLibvirt) report.stoppedHere('LibvirtUnavailable', message, 'Unknown')
  else report.stoppedHere('ApplyFailed', message, fromLibvirt ? 'False' : 'Unknown')
}

/** What libvirt's words leave open. */
function withAdvice(message: string): string {
  return /Duplicate ID 'host/.test(message)
    ? `${message}. QEMU still has a NIC that a libvirtd was plugging in when it was killed: restart the guest`
    : message
}
