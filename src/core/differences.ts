/** What differs between an interface as a definition has it and as the manifests want it: every setting, by its path. */
import type { InterfaceSettings } from '../api/settings.ts'
import type { InterfaceDefinition } from './definition.ts'
import { type Port, portName } from './port.ts'

export type ComparedField = keyof InterfaceSettings | 'source'

export interface FieldDifference {
  /** Path such as virtualPort.profileID. */
  field: string
  /** The first part of the path: what the change table speaks of. */
  setting: ComparedField
  /** Empty when absent. */
  observed: string
  effective: string
}

/** libvirt fills these in itself where nobody gave them: not given means that any value is right. */
const filledInByLibvirt: ReadonlySet<ComparedField> = new Set(['mac', 'model', 'address'])

/** Differences in the order of their paths, so that a plan doesn't depend on the order of fields in a manifest. */
export function differencesOf(
  observed: InterfaceDefinition,
  effective: InterfaceDefinition,
): FieldDifference[] {
  const left = leavesOf(observed)
  const right = leavesOf(effective)
  const found: FieldDifference[] = []
  for (const field of [...new Set([...left.keys(), ...right.keys()])].sort()) {
    const setting = field.split('.')[0] as ComparedField
    if (!right.has(field) && filledInByLibvirt.has(setting)) continue
    const [was, wanted] = [left.get(field) ?? '', right.get(field) ?? '']
    if (was !== wanted) found.push({ field, setting, observed: was, effective: wanted })
  }
  return found
}

function leavesOf({ port, settings }: InterfaceDefinition): Map<string, string> {
  const { link, vlan, trustGuestRxFilters, portIsolation, ...rest } = settings
  const leaves = new Map<string, string>([['source', sourceText(port)]])
  const normal = {
    ...rest,
    'link.state': link?.state ?? 'up',
    trustGuestRxFilters: trustGuestRxFilters || undefined,
    portIsolation: portIsolation || undefined,
    vlan: vlan && { tags: vlan.tags, trunk: vlan.trunk || vlan.tags.length > 1 || undefined },
  }
  addLeaves(leaves, '', normal)
  return leaves
}

function addLeaves(leaves: Map<string, string>, path: string, value: unknown): void {
  if (value === undefined) return
  if (Array.isArray(value))
    leaves.set(
      path,
      value.map((each) => (typeof each === 'object' ? JSON.stringify(each) : String(each))).join(', '),
    )
  else if (typeof value === 'object' && value !== null) {
    for (const [key, each] of Object.entries(value)) addLeaves(leaves, path ? `${path}.${key}` : key, each)
  } else leaves.set(path, String(value))
}

/** The bridge of a libvirt network shows in live definitions only and is libvirt's own: the network's name is compared. */
function sourceText(port: Port): string {
  return port.kind === 'network' ? `network ${port.network}` : `${port.kind} ${portName(port)}`
}
