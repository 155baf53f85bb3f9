/** What `patchbay plan` answers, as data, as tables, and as an exit code. */
import { foreseeHost } from '../agent/foresee-host.ts'
import type { Foreseen } from '../agent/foreseen.ts'
import type { Verdict } from '../api/guest-interface.ts'
import type { AnyResource } from '../api/kinds.ts'
import type { HostIdentity } from '../core/host-selector.ts'
import { namespaceOf } from '../core/identity.ts'
import { type Answer, columns } from './output.ts'

export interface PlannedItem extends Foreseen {
  kind: 'GuestInterface' | 'Network'
  /** GuestInterfaces only. */
  namespace?: string
  name: string
}

export interface PlanAnswer extends Answer {
  kind: 'Plan'
  items: PlannedItem[]
}

export async function planAnswer(
  objects: readonly AnyResource[],
  host: HostIdentity,
  options: { libvirt: string },
): Promise<PlanAnswer> {
  const foreseen = await foreseeHost(objects, host, options)
  return {
    apiVersion: 'cli.patchbay.dev/v1alpha1',
    kind: 'Plan',
    items: foreseen.map(({ resource, verdict, steps, differences }) => ({
      kind: resource.kind,
      ...(resource.kind === 'GuestInterface' && { namespace: namespaceOf(resource) }),
      name: resource.metadata.name,
      verdict,
      steps,
      differences,
    })),
  }
}

/** 0 nothing would change, 2 something would, 3 something is refused, which outranks changes. */
export function exitCodeOf({ items }: PlanAnswer): number {
  if (items.some(({ verdict }) => verdict === 'Refused')) return 3
  return items.some(({ steps }) => steps.length > 0) ? 2 : 0
}

/** A table of the resources, one of what differs, and below them what is refused and what to do instead. */
export async function planTables({ items }: PlanAnswer): Promise<string> {
  if (items.length === 0) return 'The manifests hold no GuestInterface and no Network.\n'
  const plans = await columns(
    ['KIND', 'NAME', 'VERDICT', 'STEPS', 'COST TO THE GUEST'],
    items.map((item) => [
      item.kind,
      nameOf(item),
      item.verdict,
      item.steps.map((step) => step.replace(/:.*/s, '')).join(', ') || '-',
      costOf(item),
    ]),
  )
  const rows = items.flatMap((item) =>
    item.differences
      .filter(({ observed, effective }) => observed !== effective)
      .map(({ field, observed, effective, verdict }) => [
        nameOf(item),
        field,
        observed || '-',
        effective || '-',
        verdict,
      ]),
  )
  const differences = rows.length > 0 ? await columns(['NAME', 'FIELD', 'NOW', 'THEN', 'HOW'], rows) : ''
  const remarks = items.flatMap((item) =>
    item.differences
      .filter(({ verdict, observed }) => verdict === 'Refused' || (verdict === 'NextBoot' && !observed))
      .map(
        ({ field, reason, verdict }) =>
          `  ${nameOf(item)}: ${verdict}: ${withField(field, reason).replaceAll('\n', '\n    ')}\n`,
      ),
  )
  return [plans, differences, remarks.join('')].filter((text) => text !== '').join('\n')
}

function nameOf({ namespace, name }: PlannedItem): string {
  return namespace === undefined ? name : `${namespace}/${name}`
}

/** What stands in the way of a whole interface names its field itself. */
function withField(field: string, reason: string): string {
  return /^[\w.]+: /.test(reason) ? reason : `${field}: ${reason}`
}

const costs: Record<Verdict, string> = {
  None: '-',
  InPlace: 'none: changed while it runs',
  Reattach: 'keeps the NIC; packets may be lost for a moment',
  Attach: 'gets a NIC',
  Detach: 'loses the NIC',
  Replug: 'loses the NIC for a moment',
  NextBoot: 'nothing now; changed at its next start',
  RestartRequired: 'nothing now; changed after a restart',
  Refused: 'nothing is touched',
}

/** Of a network, to a guest on it. */
const networkCosts: Partial<Record<Verdict, string>> = {
  InPlace: costs.InPlace,
  RestartRequired: 'cut off until its tap is back on the bridge',
  Refused: costs.Refused,
}

/** A guest that is off, or whose saved definition alone differs, feels nothing. */
function costOf({ kind, verdict, steps }: PlannedItem): string {
  if (kind === 'Network') return networkCosts[verdict] ?? '-'
  const savedOnly = steps.length > 0 && !steps.some((step) => / live(:|$)/.test(step))
  return costs[savedOnly ? 'NextBoot' : verdict]
}
