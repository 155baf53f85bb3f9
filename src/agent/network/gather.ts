/** Everything that a pass over a Network decides by, read afresh from libvirt and from the host. */
import { isMadeByLibvirt } from '../../core/network/definition.ts'
import { needsDnsmasq } from '../../core/network/dnsmasq.ts'
import type { NetworkState } from '../../core/network/steps.ts'
import { dnsmasqOf } from '../../host/dnsmasq.ts'
import { readLink } from '../../host/link-state.ts'
import type { LibvirtClient, NetworkRef } from '../../libvirt/client.ts'
import { isLibvirtError } from '../../libvirt/rpc/error.ts'
import { parsedNetwork } from '../parsed-network.ts'

export interface ObservedNetwork {
  ref: NetworkRef
  state: NetworkState
  /** As libvirt prints it, the base of a new saved definition: the saved one, or of a network that has none the live one. */
  xml: string
  /** The Network object that it is marked for; undefined for somebody else's. */
  owner?: string
}

/** undefined when libvirt has no network of that name. */
export async function gatherNetwork(
  libvirt: LibvirtClient,
  name: string,
  signal: AbortSignal,
): Promise<ObservedNetwork | undefined> {
  const ref = await libvirt.networkByName(name, { signal })
  if (!ref) return undefined
  try {
    return await observe(libvirt, ref, signal)
  } catch (error) {
    if (isLibvirtError(error, 'VIR_ERR_NO_NETWORK')) return undefined
    throw error
  }
}

async function observe(
  libvirt: LibvirtClient,
  ref: NetworkRef,
  signal: AbortSignal,
): Promise<ObservedNetwork> {
  const [active, persistent, autostart, xml, liveXml] = await Promise.all([
    libvirt.networkIsActive(ref, { signal }),
    libvirt.networkIsPersistent(ref, { signal }),
    libvirt.networkAutostart(ref, { signal }),
    libvirt.networkXML(ref, { signal, inactive: true }),
    libvirt.networkXML(ref, { signal }),
  ])
  const saved = persistent ? parsedNetwork(xml) : undefined
  const live = active ? parsedNetwork(liveXml) : undefined
  const dnsmasqDied = live !== undefined && needsDnsmasq(live) && (await dnsmasqOf(ref.name)) === undefined
  const bridge = live && isMadeByLibvirt(live.settings) ? live.settings.bridge?.name : undefined
  const bridgeGone = bridge !== undefined && readLink(bridge) === undefined
  const owner = saved ? saved.owner : live?.owner
  return {
    ref,
    state: { ...(saved && { saved }), ...(live && { live }), autostart, dnsmasqDied, bridgeGone },
    xml,
    ...(owner !== undefined && { owner }),
  }
}
