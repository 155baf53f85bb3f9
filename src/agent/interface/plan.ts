/** The plan for one interface, from what was gathered; and how it is told when it is refused. */
import type { GuestInterface } from '../../api/guest-interface.ts'
import { type ChangePlan, planChange } from '../../core/change/plan.ts'
import type { ChangeCapabilities } from '../../core/change/table.ts'
import type { EffectiveDefinition } from '../../core/definition.ts'
import { aliasOf, namespaceOf } from '../../core/identity.ts'
import { ownPortGroup } from '../../core/network/definition.ts'
import type { Port } from '../../core/port.ts'
import type { Resolved } from '../../core/resolve/resolve.ts'
import type { Observed } from './gather.ts'
import type { KeptNetwork } from './kept-network.ts'
import type { Report } from './report.ts'
import type { Work } from './work.ts'

/** The interface as both definitions of the guest are to have it. */
export function definitionOf(
  resource: GuestInterface,
  { effective }: Resolved,
  port: Port,
  kept?: KeptNetwork,
): EffectiveDefinition {
  const alias = aliasOf(namespaceOf(resource), resource.metadata.name)
  const own = { port, settings: effective, alias }
  if (kept?.asSaved) return { ...own, asSaved: { ...kept.asSaved, alias } }
  // An empty group of ours keeps libvirt from merging the network's default one.
  return port.kind === 'network' ? { ...own, portGroup: ownPortGroup } : own
}

export function planFor(
  { resource }: Work,
  { guest, live, saved }: Observed,
  effective: EffectiveDefinition,
  capabilities: ChangeCapabilities,
): ChangePlan {
  return planChange({
    running: guest.running,
    persistent: guest.persistent,
    live: live?.definition,
    saved: saved?.definition,
    effective,
    updatePolicy: resource.spec.updatePolicy,
    capabilities,
  })
}

export function sayRefused(report: Report, plan: ChangePlan): void {
  report.planned(plan)
  const refused = plan.differences.filter(({ verdict }) => verdict === 'Refused')
  const lines = refused.map(
    ({ field, observed, effective, reason }) =>
      `${field}: ${observed || '(none)'} -> ${effective || '(none)'}: ${reason}`,
  )
  report.stopped('Synced', 'LiveChangeRefused', lines.join('\n'))
}
