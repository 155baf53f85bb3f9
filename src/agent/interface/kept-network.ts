/**
 * Of an interface that was taken over: whether its saved definition goes on naming a libvirt network, and which port libvirt itself gave it
 * there. docs/decisions/0008 has the rule.
 */
import { isSamePlace, networkForm, poolHolds } from '../../core/adoption/network-form.ts'
import type { EffectiveDefinition, InterfaceDefinition } from '../../core/definition.ts'
import { deviceOf } from '../../core/ledger/ledger.ts'
import { keepsPort } from '../../core/ledger/pool.ts'
import type { NetworkDefinition } from '../../core/network/definition.ts'
import type { Port } from '../../core/port.ts'
import type { Refusal } from '../../core/refusal.ts'
import type { Plug } from '../../core/resolve/plug.ts'
import type { Resolved } from '../../core/resolve/resolve.ts'
import { isCounted } from '../../libvirt/xml/network/count.ts'
import type { Context } from '../context.ts'
import { parsedNetwork } from '../parsed-network.ts'
import type { Observed } from './gather.ts'
import type { Work } from './work.ts'

export interface KeptNetwork {
  asSaved?: EffectiveDefinition['asSaved']
  /** libvirt chose it, or will at the guest's start: it is recorded as it is. */
  port?: Port
  /** For people. */
  note?: string
}

/** undefined for nearly all: then libvirt is not asked for anything. */
export async function keptNetwork(
  context: Context,
  { resource, signal }: Work,
  resolved: Resolved,
  observed: Observed,
): Promise<KeptNetwork | { refusal: Refusal } | undefined> {
  const named = networkNamedBy(observed)
  if (!observed.adopted || named === undefined) return undefined
  const { plug } = resolved
  const saved = observed.saved?.definition
  const live = observed.live?.definition
  const { virtualPort, source } = resource.spec
  const form = (): KeptNetwork =>
    saved?.port.kind === 'network'
      ? {
          asSaved: networkForm({
            saved,
            live,
            own: { portGroup: source.network?.portGroup, virtualPort },
            resolved,
          }),
        }
      : {}
  if (plug.kind === 'fixed' && plug.port.kind === 'network') {
    return plug.port.network === named ? form() : undefined
  }
  const { definitions, counts } = await readNetwork(context, named, signal)
  const holds = (device: string) => definitions.some(({ settings }) => poolHolds(settings.forward, device))
  if (resolved.network !== named) {
    const device = devicesOf(plug).find(holds)
    return device === undefined ? undefined : { refusal: stillInPool(device, named) }
  }
  if (definitions.length === 0 || !definitions.every(({ settings }) => isSamePlace(plug, settings)))
    return undefined
  if (plug.kind === 'fixed') return form()
  if (!live) return { ...form(), port: { kind: 'network', network: named } }
  const port = fromPool(live, named)
  const device = port && deviceOf(port)
  if (!port || !device || !keepsPort(plug, port) || !holds(device)) return undefined
  const warning = counts(device) ? '' : `. ${lostCount(device, named)}`
  return {
    ...form(),
    port,
    note: `libvirt took it from network ${named}, and will choose anew when the guest starts${warning}`,
  }
}

/** The libvirt network that the saved definition names; of a guest without one the network that the running one came from. */
function networkNamedBy({ guest, saved, live }: Observed): string | undefined {
  if (saved) return saved.definition.port.kind === 'network' ? saved.definition.port.network : undefined
  return guest.persistent || live?.definition.portId === undefined ? undefined : live.definition.network
}

/** A device counts for both definitions: what is taken out of the running network alone is back after its next start. */
async function readNetwork(
  { networks }: Context,
  name: string,
  signal: AbortSignal,
): Promise<{ definitions: NetworkDefinition[]; counts: (device: string) => boolean }> {
  const texts = await networks.texts(name, signal)
  if (!texts) return { definitions: [], counts: () => false }
  const { live, saved } = texts
  return { definitions: [live, saved].map(parsedNetwork), counts: (device) => isCounted(live, device) }
}

/** The counter decides nothing here: that libvirt has lost it is said to people. */
function lostCount(device: string, network: string): string {
  return `libvirt has lost count of ${device}, as a live update of a network makes it: it can give it to the next guest of network ${network}, which then does not start. Restart libvirtd to have it count anew`
}

function fromPool({ port }: InterfaceDefinition, network: string): Port | undefined {
  return port.kind === 'direct' || port.kind === 'hostdev' ? { ...port, network } : undefined
}

function devicesOf(plug: Plug): string[] {
  if (plug.kind === 'pool') return plug.devices
  const device = deviceOf(plug.port)
  return device === undefined ? [] : [device]
}

function stillInPool(device: string, network: string): Refusal {
  return {
    reason: 'DeviceInUse',
    field: 'source',
    message: `source: ${device} is in the pool of libvirt's network ${network}, which can hand it to any guest while this one is off. Take it out of that network first, or leave the interface in it (source.network.name: ${network})`,
  }
}
