/**
 * What a libvirtd leaves behind that dies while it starts or stops a network: the bridge and its dnsmasq, without which it cannot
 * start the network again.
 */
import type { Link } from '../../core/link.ts'
import { endStrayDnsmasq } from '../../host/dnsmasq.ts'
import { removeLink } from '../../host/ip.ts'
import { readLinks } from '../../host/links.ts'
import type { ObservedNetwork } from './gather.ts'
import type { NetworkWork } from './work.ts'

/** The bridge of a network of ours that doesn't run: of its name, with the MAC address that libvirt made up for it. */
export function leftBridge(
  { state: { saved, live } }: ObservedNetwork,
  links: readonly Link[],
): Link | undefined {
  const { bridge, mac } = saved?.settings ?? {}
  if (live || bridge?.name === undefined || mac === undefined) return undefined
  return links.find(
    (link) => link.kind === 'bridge' && link.name === bridge.name && link.mac === mac.toLowerCase(),
  )
}

/** For a network that could not be started. Says whether there was anything. */
export async function clearLeftovers(
  observed: ObservedNetwork,
  { log, signal }: Pick<NetworkWork, 'log' | 'signal'>,
): Promise<boolean> {
  if (observed.state.live || observed.owner === undefined) return false
  const ended = await endStrayDnsmasq(observed.ref.name, signal)
  if (ended) log.warn('ended a dnsmasq that libvirt left behind')
  const bridge = leftBridge(observed, await readLinks(signal))
  if (!bridge) return ended
  await removeLink(bridge.name, 'bridge', signal)
  log.warn({ link: bridge.name }, 'removed a bridge that libvirt left behind')
  return true
}
