/** What the host shows of the places an interface can be plugged into, as far as resolving it needs to know. */
import type { GuestInterface } from '../../api/guest-interface.ts'
import { networkNameOf } from '../../core/resolve/applicable.ts'
import type { HostFacts } from '../../core/resolve/resolve.ts'
import type { BridgeFacts } from '../../core/resolve/support.ts'
import { isLinuxBridge, isVlanFiltering } from '../../host/link-state.ts'
import { isOpenVswitchBridge } from '../../host/open-vswitch.ts'
import type { Context } from '../context.ts'
import type { ObservedGuest } from '../guest.ts'

export async function readHostFacts(
  { capabilities, store, wakes }: Context,
  { spec }: GuestInterface,
  guest: ObservedGuest,
  signal: AbortSignal,
): Promise<HostFacts> {
  const networks = store
    .list('Network')
    .filter((network) => networkNameOf(network) === spec.source.network?.name)
  const names = [spec.source.bridge?.name, ...networks.map((network) => network.spec.bridge?.name)].filter(
    (name) => name !== undefined,
  )
  const bridges = new Map<string, BridgeFacts>()
  for (const name of names) {
    wakes.rememberPlace(name)
    const facts = await readBridge(name, signal)
    if (facts) bridges.set(name, facts)
  }
  const definition = guest.saved ?? guest.live
  return { capabilities: await capabilities(), bridges, guestHasOsBoot: definition?.bootsByOs }
}

async function readBridge(name: string, signal: AbortSignal): Promise<BridgeFacts | undefined> {
  if (isLinuxBridge(name)) return { type: 'linux', vlanFiltering: isVlanFiltering(name) }
  return (await isOpenVswitchBridge(name, signal)) ? { type: 'openvswitch' } : undefined
}
