/**
 * Takes back a change of which a step failed: all or nothing. libvirt itself stops where a step fails, and leaves what it did
 * until then.
 */
import { differencesOf } from '../../core/change/differences.ts'
import { removeRates } from '../../host/traffic-control.ts'
import { isLibvirtError } from '../../libvirt/rpc/error.ts'
import { type FailureSort, failureSort } from '../../reconcile/outcome.ts'
import type { Application } from './application.ts'
import { changeLive, isOfRates, type LiveChange } from './change-live.ts'
import type { Observed } from './gather.ts'
import { verifyOnHost } from './verify.ts'

/** A change of an interface that stays failed, and was undone but for what `left` says. */
export class ChangeFailed extends Error {
  override name = 'ChangeFailed'
  readonly sort: FailureSort
  /** What could not be undone, in sentences. */
  readonly left: readonly string[]

  constructor(cause: Error, left: readonly string[]) {
    const outcome =
      left.length === 0
        ? 'What had been changed is undone'
        : `Not all that had been changed could be undone:\n${left.join('\n')}`
    super(`${cause.message.trim()}\n${outcome}`, { cause })
    // Something is left to do, whatever libvirt's answer.
    this.sort = left.length === 0 ? failureSort(cause) : 'retryable'
    this.left = left
  }
}

/** What was done of a plan: `made` whole, `failed` perhaps in part. */
export interface Progress {
  made: LiveChange[]
  failed?: LiveChange
}

/**
 * The error to throw: ChangeFailed, or the given one when nobody knows what it left or whom to tell (libvirt is gone, the agent
 * stops). The next pass then reads and plans anew.
 */
export async function undone(
  error: unknown,
  { made, failed }: Progress,
  observed: Observed,
  to: Application,
): Promise<unknown> {
  const unknown = failureSort(error) === 'interrupted' || (isLibvirtError(error) && error.domain === 'client')
  if (unknown || !(error instanceof Error)) return error
  to.log.warn({ err: error }, 'step failed, is undone')
  const left: string[] = []
  const attempt = async (undo: () => Promise<void>) => {
    try {
      await undo()
    } catch (again) {
      if (failureSort(again) === 'interrupted') throw again
      left.push(again instanceof Error ? again.message.trim() : String(again))
    }
  }
  const { context, signal } = to
  if (observed.live) {
    const live = { guest: observed.guest.ref, xml: observed.live.xml }
    const back = ({ step, before, after }: LiveChange) =>
      changeLive({ step, before: after, after: before }, live, context, signal)
    if (failed) await attempt(() => undoFailed(failed, back, signal))
    for (const change of made.toReversed()) await attempt(() => back(change))
  }
  left.push(...(await stillDiffering(observed, to)))
  return new ChangeFailed(error, left)
}

/** libvirt's definition doesn't show a step that failed; of all of them only rates are left half-way on the host. */
async function undoFailed(
  failed: LiveChange,
  back: (change: LiveChange) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  if (!isOfRates(failed.step)) return
  const { device, settings } = failed.before
  if (settings.bandwidth) await back(failed)
  else if (device) await removeRates(device, signal)
}

/** What libvirt and the host show otherwise than before the change. */
async function stillDiffering(before: Observed, { context, gather, signal }: Application): Promise<string[]> {
  const now = await gather()
  if (!now || !before.live) return []
  if (!now.live) return ['The interface is gone from the running guest']
  const { definition } = before.live
  const differing = differencesOf(now.live.definition, definition).map(
    ({ field, observed, effective }) =>
      `${field} is ${observed || '(none)'}, it was ${effective || '(none)'}`,
  )
  return [...differing, ...(await verifyOnHost(now.live.definition, definition, context, signal))]
}
