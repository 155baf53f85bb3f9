/** Carries out the steps of a plan, in order. Each is safe to repeat, and each boundary is a line in the log. */
import type { NetworkDefinition } from '../../core/network/definition.ts'
import type { NetworkChange } from '../../core/network/plan/change.ts'
import { type NetworkStep, networkStepText } from '../../core/network/steps.ts'
import { meaningOfUpdateError } from '../../core/network/update-error.ts'
import type { LibvirtClient, NetworkRef } from '../../libvirt/client.ts'
import { isLibvirtError, type LibvirtError } from '../../libvirt/rpc/error.ts'
import { buildNetwork } from '../../libvirt/xml/network/network.ts'
import { updateOf } from '../../libvirt/xml/network/update.ts'
import type { ObservedNetwork } from './gather.ts'
import { clearLeftovers } from './leftovers.ts'
import type { NetworkWork } from './work.ts'

/** libvirt refused a live update; those before it stand. What is there now is to be read and planned anew. */
export class UpdateRefused extends Error {
  override name = 'UpdateRefused'
  /** The network may have been changed by somebody else since it was read. */
  readonly sort = 'retryable'

  constructor(step: string, cause: Error) {
    const meaning = meaningOfUpdateError(cause.message)
    super(`${step}: libvirt says: ${cause.message}${meaning === undefined ? '' : `. ${meaning}`}`, { cause })
  }
}

/** The network could not be started with a change; it runs as before, its guests plugged in again. */
export class RestartFailed extends Error {
  override name = 'RestartFailed'
  /** Each try is felt by every guest on the network: not again before the manifests change. */
  readonly sort = 'terminal'

  constructor(cause: Error) {
    super(
      `libvirt could not start the network with this change, and it runs as before. libvirt says: ${cause.message}`,
      { cause },
    )
  }
}

/** Throws UpdateRefused, RestartFailed, or LibvirtError as libvirt says it. */
export async function apply(
  steps: readonly NetworkStep[],
  wanted: NetworkDefinition,
  observed: ObservedNetwork | undefined,
  libvirt: LibvirtClient,
  { log, signal }: Pick<NetworkWork, 'log' | 'signal'>,
): Promise<void> {
  const options = { signal }
  let ref = observed?.ref
  let stopped = false
  for (const step of steps) {
    const text = networkStepText(step)
    log.info({ step: text }, 'step begins')
    switch (step.action) {
      case 'Define':
      case 'Mark':
        ref = await libvirt.networkDefine(buildNetwork(wanted, observed?.xml), options)
        break
      case 'Autostart':
        await libvirt.setNetworkAutostart(ref!, true, options)
        break
      case 'Start':
        await start(ref!, { observed, stopped }, libvirt, { log, signal })
        break
      case 'Update':
        await update(ref!, step.change, text, libvirt, signal)
        break
      case 'Stop':
        await libvirt.networkDestroy(ref!, options)
        stopped = true
        break
      case 'Undefine':
        await libvirt.networkUndefine(ref!, options)
        break
    }
    log.info({ step: text }, 'step done')
  }
}

/** `stopped`: a moment ago, by us, so that it is to run as before if it doesn't start. */
async function start(
  ref: NetworkRef,
  { observed, stopped }: { observed: ObservedNetwork | undefined; stopped: boolean },
  libvirt: LibvirtClient,
  work: Pick<NetworkWork, 'log' | 'signal'>,
): Promise<void> {
  // Guests are cut off until it runs again: that is waited for also when the agent is told to stop.
  const signal = stopped ? new AbortController().signal : work.signal
  const failure = await tryToStart(ref, libvirt, signal)
  if (!failure || !observed) {
    if (failure) throw failure
    return
  }
  if (stopped) {
    await libvirt.networkDefine(observed.xml, { signal })
    await libvirt.networkCreate(ref, { signal })
    throw new RestartFailed(failure)
  }
  // Only after it failed: what looks like a leftover may belong to somebody who is starting the network at this moment.
  if (!(await clearLeftovers(observed, work))) throw failure
  await libvirt.networkCreate(ref, { signal })
}

/** libvirt's own answer why it doesn't run; undefined when it does. Anything else that goes wrong is thrown. */
async function tryToStart(
  ref: NetworkRef,
  libvirt: LibvirtClient,
  signal: AbortSignal,
): Promise<LibvirtError | undefined> {
  try {
    await libvirt.networkCreate(ref, { signal })
    return undefined
  } catch (error) {
    if (!isLibvirtError(error) || error.domain === 'client') throw error
    // Somebody else was faster.
    return (await libvirt.networkIsActive(ref, { signal })) ? undefined : error
  }
}

async function update(
  ref: NetworkRef,
  change: NetworkChange,
  text: string,
  libvirt: LibvirtClient,
  signal: AbortSignal,
): Promise<void> {
  try {
    await libvirt.networkUpdate(ref, updateOf(change), { live: true, saved: false }, { signal })
  } catch (error) {
    if (isLibvirtError(error) && error.domain !== 'client') throw new UpdateRefused(text, error)
    throw error
  }
}
