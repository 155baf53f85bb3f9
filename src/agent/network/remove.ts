/** Lets a libvirt network go that is kept for an object and wanted by it no more: stopped and undefined once nobody uses it. */
import type { Check } from '../../core/interface-status.ts'
import { planNetworkRemoval } from '../../core/network/steps.ts'
import { networksOn } from '../../core/resolve/applicable.ts'
import { buildNetwork } from '../../libvirt/xml/network/network.ts'
import type { Context } from '../context.ts'
import { apply } from './apply.ts'
import { gatherNetwork } from './gather.ts'
import { putBackTaps } from './taps.ts'
import { usersOf, usersText } from './users.ts'
import type { NetworkWork } from './work.ts'

/** Names of the libvirt networks that are marked for this object, but for the one that it is to have, and those that another one claims by now. */
export async function abandoned(
  { networks, host, store }: Pick<Context, 'networks' | 'host' | 'store'>,
  { network, signal }: NetworkWork,
  wanted?: string,
): Promise<string[]> {
  const others = store
    .list('Network')
    .filter(({ metadata }) => metadata.name !== network.metadata.name && !metadata.deletionTimestamp)
  const known = await networks.list(signal)
  return known.flatMap(({ ref: { name }, owner }) =>
    owner === network.metadata.name && name !== wanted && networksOn(name, host, others).length === 0
      ? [name]
      : [],
  )
}

/** Why one of them has to stay for now; undefined when none is left. */
export async function letGo(
  names: readonly string[],
  context: Context,
  work: NetworkWork,
): Promise<Check | undefined> {
  if (work.network.spec.deletionPolicy === 'Retain') {
    for (const name of names) await forget(name, context, work)
    return undefined
  }
  let held: Check | undefined
  for (const name of names) held = (await letGoOf(name, context, work)) ?? held
  return held
}

/** The network stays as it is. With the mark left on it another object of the same name would stop it one day. */
async function forget(name: string, { libvirt }: Context, { log, signal }: NetworkWork): Promise<void> {
  const observed = await gatherNetwork(libvirt, name, signal)
  if (!observed?.state.saved) return
  const { owner: _owner, ...theirs } = observed.state.saved
  await libvirt.networkDefine(buildNetwork(theirs, observed.xml), { signal })
  log.info({ network: name }, 'network retained, and kept no more')
}

async function letGoOf(name: string, context: Context, work: NetworkWork): Promise<Check | undefined> {
  const observed = await gatherNetwork(context.libvirt, name, work.signal)
  if (!observed) return undefined
  const users = await usersOf(name, context, work.signal)
  if (users.length > 0) {
    const bridge = observed.state.live?.settings.bridge?.name
    if (bridge !== undefined) await putBackTaps(users, bridge, context, work)
    return {
      status: 'False',
      reason: 'NetworkInUse',
      message: `libvirt's network ${name} goes when nobody uses it any more: it is used by ${usersText(users)}`,
    }
  }
  const wanted = observed.state.saved ?? observed.state.live!
  await apply(planNetworkRemoval(observed.state), wanted, observed, context.libvirt, work)
  work.log.info({ network: name }, 'network removed')
  return undefined
}
