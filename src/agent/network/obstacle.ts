/** What stands in the way of starting a network or its dnsmasq, seen before libvirt is asked: by then the old one would be stopped. */
import { addressInUse } from '../../core/network/address-in-use.ts'
import { isMadeByLibvirt, type NetworkDefinition } from '../../core/network/definition.ts'
import { leaseShortage } from '../../core/network/lease-room.ts'
import type { NetworkStep } from '../../core/network/steps.ts'
import type { Refusal } from '../../core/refusal.ts'
import { readLeases } from '../../host/leases.ts'
import { isLinuxBridge, readLink } from '../../host/link-state.ts'
import { readLinks } from '../../host/links.ts'
import { readRoutes } from '../../host/routes.ts'
import type { Context } from '../context.ts'
import type { KnownNetwork } from '../networks.ts'
import type { ObservedNetwork } from './gather.ts'
import { leftBridge } from './leftovers.ts'
import { usersOf, usersText } from './users.ts'

export async function startObstacle(
  { networks: known }: Pick<Context, 'networks'>,
  wanted: NetworkDefinition,
  observed: ObservedNetwork | undefined,
  signal: AbortSignal,
): Promise<Refusal | undefined> {
  if (!isMadeByLibvirt(wanted.settings)) return undefined
  const [links, routes, networks] = await Promise.all([
    readLinks(signal),
    readRoutes(signal),
    known.list(signal),
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

/** A restart after which running guests have no bridge to be plugged into again: it waits for them. */
export async function restartObstacle(
  context: Pick<Context, 'libvirt' | 'guests'>,
  { name, settings: { forward, bridge } }: NetworkDefinition,
  observed: ObservedNetwork | undefined,
  signal: AbortSignal,
): Promise<Refusal | undefined> {
  const live = observed?.state.live
  if (!live || !isMadeByLibvirt(live.settings) || isMadeByLibvirt({ forward })) return undefined
  if (bridge?.name !== undefined && isLinuxBridge(bridge.name)) return undefined
  const running = (await usersOf(name, context, signal)).filter(({ live }) =>
    live.some(({ definition }) => definition.port.kind === 'network'),
  )
  if (running.length === 0) return undefined
  const target =
    bridge?.name === undefined ? 'a device of a pool' : `${bridge.name}, which is no Linux bridge`
  return {
    reason: 'NetworkInUse',
    field: 'forward',
    message: `forward: the bridge ${live.settings.bridge?.name} goes with this change, and no running guest can be moved from it to ${target}. It is made when these are off, or elsewhere: ${usersText(running)}`,
  }
}

/** A start of dnsmasq that fails, by a change of its ranges. */
export async function leaseObstacle(
  steps: readonly NetworkStep[],
  wanted: NetworkDefinition,
  observed: ObservedNetwork | undefined,
): Promise<Refusal | undefined> {
  const concerned = steps.some(
    (step) =>
      step.action === 'Start' || (step.action === 'Update' && step.change.section === 'ip-dhcp-range'),
  )
  const { live, saved } = observed?.state ?? {}
  const bridge = (live ?? saved)?.settings.bridge?.name
  return concerned && bridge !== undefined ? leaseShortage(wanted, await readLeases(bridge)) : undefined
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
