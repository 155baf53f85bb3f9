/** What stands in the way of plugging an interface, seen before libvirt is asked. */
import type { ChangePlan } from '../../core/change-plan.ts'
import type { InterfaceDefinition } from '../../core/definition.ts'
import type { Refusal } from '../../core/refusal.ts'
import { readLink } from '../../host/link-state.ts'
import type { Observed } from './gather.ts'

/** undefined when nothing is to be plugged, or nothing stands in the way. */
export function plugObstacle(
  plan: ChangePlan,
  { guest }: Observed,
  effective: InterfaceDefinition,
): Refusal | undefined {
  const { port } = effective
  const { mac, targetDevice } = effective.settings
  const plugs = plan.steps.filter(({ action }) => action === 'Attach')
  for (const { target } of plugs) {
    const others = guest[target]?.interfaces ?? []
    const same = others.find(
      ({ definition }) => definition.settings.mac === mac && definition.alias !== effective.alias,
    )
    if (same) {
      return {
        reason: 'MacConflict',
        field: 'mac',
        message: `mac: guest ${guest.ref.name} has another interface with ${mac}. Give one of them another address, or remove the other`,
      }
    }
  }
  const intoRunning = plugs.some(({ target }) => target === 'live')
  // A failed plug would take a link away that was there before.
  if (intoRunning && targetDevice && readLink(targetDevice)) {
    return {
      reason: 'TargetDeviceExists',
      field: 'targetDevice',
      message: `targetDevice: the host has a link ${targetDevice} already. Choose another name, or remove the link`,
    }
  }
  const needed = 'bridge' in port ? port.bridge : port.kind === 'direct' ? port.dev : undefined
  if (intoRunning && needed && !readLink(needed)) {
    return {
      reason: 'DeviceNotFound',
      field: 'source',
      message: `source: the host has no link ${needed}. Create it, or correct the name`,
    }
  }
  return undefined
}
