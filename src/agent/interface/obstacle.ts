/** What stands in the way of plugging an interface in, or into another bridge, seen before libvirt is asked. */
import type { ChangePlan, Target } from '../../core/change/plan.ts'
import type { InterfaceDefinition } from '../../core/definition.ts'
import { ownerOf } from '../../core/identity.ts'
import type { Refusal } from '../../core/refusal.ts'
import { readLink } from '../../host/link-state.ts'
import type { LibvirtClient } from '../../libvirt/client.ts'
import { freePciePorts, hasConventionalPci } from '../../libvirt/xml/domain.ts'
import type { Observed } from './gather.ts'

/** undefined when nothing is to be plugged, or nothing stands in the way. */
export async function plugObstacle(
  plan: ChangePlan,
  observed: Observed,
  effective: InterfaceDefinition,
  libvirt: LibvirtClient,
  signal: AbortSignal,
): Promise<Refusal | undefined> {
  const into = plan.steps.flatMap(({ action, target }) => (action === 'Attach' ? [target] : []))
  const conflict = macConflict(into, observed, effective)
  if (conflict) return conflict
  if (plan.verdict === 'Reattach') {
    return deviceNotFound(effective) ?? (await networkNotActive(effective, libvirt, signal))
  }
  if (!into.includes('live')) return undefined
  const replugs = plan.steps.some(({ action, target }) => action === 'Detach' && target === 'live')
  return (
    targetDeviceExists(observed, effective) ??
    deviceNotFound(effective) ??
    (await networkNotActive(effective, libvirt, signal)) ??
    (replugs ? undefined : noFreeSlot(observed, effective))
  )
}

function macConflict(
  into: Target[],
  { guest }: Observed,
  { settings }: InterfaceDefinition,
): Refusal | undefined {
  const others = into.flatMap((target) => guest[target]?.interfaces ?? [])
  // Several of ours may have one address: each is known by its alias or mark.
  const same = others.some(
    ({ definition }) => definition.settings.mac === settings.mac && !ownerOf(definition),
  )
  if (!same) return undefined
  return {
    reason: 'MacConflict',
    field: 'mac',
    message:
      `mac: guest ${guest.ref.name} has another interface with ${settings.mac}, which is not ours. ` +
      'Set adopt: true to take it over, give one of them another address, or remove the other',
  }
}

/** A failed plug would take a link away that was there before. The interface's own is unplugged first. */
function targetDeviceExists(
  { live }: Observed,
  { settings: { targetDevice } }: InterfaceDefinition,
): Refusal | undefined {
  if (!targetDevice || live?.definition.device === targetDevice || !readLink(targetDevice)) return undefined
  return {
    reason: 'TargetDeviceExists',
    field: 'targetDevice',
    message: `targetDevice: the host has a link ${targetDevice} already. Choose another name, or remove the link`,
  }
}

function deviceNotFound({ port }: InterfaceDefinition): Refusal | undefined {
  const needed = port.kind === 'bridge' ? port.bridge : port.kind === 'direct' ? port.dev : undefined
  if (!needed || readLink(needed)) return undefined
  return {
    reason: 'DeviceNotFound',
    field: 'source',
    message: `source: the host has no link ${needed}. Create it, or correct the name`,
  }
}

async function networkNotActive(
  { port }: InterfaceDefinition,
  libvirt: LibvirtClient,
  signal: AbortSignal,
): Promise<Refusal | undefined> {
  if (port.kind !== 'network') return undefined
  const network = await libvirt.networkByName(port.network, { signal })
  if (network && (await libvirt.networkIsActive(network, { signal }))) return undefined
  return {
    reason: 'NetworkNotActive',
    field: 'source.network.name',
    message: `source.network.name: libvirt ${network ? 'does not run its network' : 'has no network'} ${port.network} yet. What its Network waits for stands in that one's status`,
  }
}

/** libvirt's own words for it are "No more available PCI slots", under a code that it uses for anything. */
function noFreeSlot({ guest }: Observed, { settings }: InterfaceDefinition): Refusal | undefined {
  const { address, model } = settings
  if (address) return undefined
  if (isConventional(model) && !hasConventionalPci(guest.xml)) {
    const what = model ? `Model ${model}` : 'No model is given, and the one that libvirt chooses'
    return {
      reason: 'NoFreeSlot',
      field: 'model',
      message: `model: ${what} needs a slot of conventional PCI, and guest ${guest.ref.name} has none. It gets the NIC at its next start; set model: virtio to plug it while it runs`,
    }
  }
  if (freePciePorts(guest.xml) !== 0) return undefined
  return {
    reason: 'NoFreeSlot',
    message: `Guest ${guest.ref.name} has no free PCIe port for another NIC. It gets the NIC at its next start; give it more pcie-root-port controllers to plug while it runs`,
  }
}

/** QEMU's models that are no PCIe devices; without any, libvirt takes rtl8139. */
function isConventional(model = 'rtl8139'): boolean {
  return ['rtl8139', 'e1000', 'ne2k_pci', 'pcnet', 'virtio-transitional'].includes(model)
}
