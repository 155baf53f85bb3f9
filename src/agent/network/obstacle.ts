/** What stands in the way of starting a network, seen before libvirt is asked: by then the old one would be stopped. */
import { addressInUse } from '../../core/network/address-in-use.ts'
import { isMadeByLibvirt, type NetworkDefinition } from '../../core/network/definition.ts'
import type { Refusal } from '../../core/refusal.ts'
import { readLink } from '../../host/link-state.ts'
import { readLinks } from '../../host/links.ts'
import { readRoutes } from '../../host/routes.ts'
import type { Context } from '../context.ts'
import type { ObservedNetwork } from './gather.ts'
import type { KnownNetwork } from './known-networks.ts'
import { leftBridge } from './leftovers.ts'

export async function startObstacle(
  { knownNetworks }: Pick<Context, 'knownNetworks'>,
  wanted: NetworkDefinition,
  observed: ObservedNetwork | undefined,
  signal: AbortSignal,
): Promise<Refusal | undefined> {
  if (!isMadeByLibvirt(wanted.settings)) return undefined
  const [links, routes, networks] = await Promise.all([
    readLinks(signal),
    readRoutes(signal),
    knownNetworks.list(signal),
  ])
  const ownBridge =
    observed?.state.live?.settings.bridge?.name ?? (observed && leftBridge(observed, links))?.name
  const others = networks.filter(({ ref }) => ref.name !== wanted.name)
  const networkOfBridge = new Map(
    others.flatMap(({ ref, bridge }) => (bridge === undefined ? [] : [[bridge, ref.name] as const])),
  )
  return (
    bridgeNameTaken(wanted, ownBridge, others) ??
    addressInUse(wanted, { ...(ownBridge !== undefined && { ownBridge }), links, routes, networkOfBridge })
  )
}

function bridgeNameTaken(
  { settings }: NetworkDefinition,
  ownBridge: string | undefined,
  others: readonly KnownNetwork[],
): Refusal | undefined {
  const name = settings.bridge?.name
  if (name === undefined || name === ownBridge) return undefined
  const other = others.find(({ bridge }) => bridge === name)
  if (!other && !readLink(name)) return undefined
  const whose = other
    ? `is the bridge of libvirt's network ${other.ref.name}`
    : 'is a link of the host, and libvirt makes the bridge itself'
  return {
    reason: 'BridgeNameTaken',
    field: 'bridge.name',
    message: `bridge.name: ${name} ${whose}. Choose another name, or remove what has it${other ? '' : `: ip link delete ${name}`}`,
  }
}
