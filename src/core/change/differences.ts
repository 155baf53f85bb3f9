/** What differs between an interface as a definition has it and as the manifests want it: every setting, by its path. */
import type { InterfaceSettings, VirtualPort, Vlan } from '../../api/settings.ts'
import type { InterfaceDefinition } from '../definition.ts'
import { portText } from '../port.ts'

export type ComparedField = keyof InterfaceSettings | 'source'

export interface FieldDifference {
  /** Path such as virtualPort.profileID. */
  field: string
  /** The first part of the path. */
  setting: ComparedField
  /** Empty when absent. */
  observed: string
  effective: string
}

/** libvirt fills these in itself where nobody gave them: not given means that any value is right. */
const filledInByLibvirt: ReadonlySet<string> = new Set(['mac', 'model', 'address', 'source.portGroup'])

/** Differences in the order of their paths, so that a plan doesn't depend on the order of fields in a manifest. */
export function differencesOf(
  observed: InterfaceDefinition,
  effective: InterfaceDefinition,
): FieldDifference[] {
  const left = leavesOf(observed)
  const right = leavesOf(effective)
  const found: FieldDifference[] = []
  for (const field of [...new Set([...left.keys(), ...right.keys()])].sort()) {
    if (!right.has(field) && filledInByLibvirt.has(field)) continue
    const [was, wanted] = [left.get(field) ?? '', right.get(field) ?? '']
    if (was !== wanted) found.push({ field, setting: settingOf(field), observed: was, effective: wanted })
  }
  return found
}

/** The first part of a path: what the change table speaks of. */
export function settingOf(field: string): ComparedField {
  return field.split('.')[0] as ComparedField
}

function leavesOf({ port, portGroup, settings }: InterfaceDefinition): Map<string, string> {
  const leaves = new Map<string, string>([['source', portText(port)]])
  // A port that libvirt chose from a pool of its own shows the group too; ours are never of one.
  if (port.kind === 'network' && portGroup) leaves.set('source.portGroup', portGroup)
  addLeaves(leaves, '', asLibvirtPrints(settings))
  return leaves
}

function addLeaves(leaves: Map<string, string>, path: string, value: unknown): void {
  if (value === undefined) return
  if (typeof value === 'object' && value !== null) {
    for (const [key, each] of Object.entries(value)) addLeaves(leaves, path ? `${path}.${key}` : key, each)
  } else leaves.set(path, String(value))
}

/**
 * Settings as they come back from a definition (seen on libvirt 9.0): what libvirt spells in another way, or takes for nothing
 * and leaves out, must not show as a difference for ever.
 */
function asLibvirtPrints(settings: InterfaceSettings): Record<string, unknown> {
  const { model, driver, link, vlan, virtualPort, filter, coalesce } = settings
  return {
    ...settings,
    model: model?.toLowerCase(),
    driver: driver && { ...driver, queues: driver.queues === 1 ? undefined : driver.queues },
    link: { state: link?.state ?? 'up' },
    vlan: vlan && vlanLeaves(vlan),
    virtualPort: virtualPort && withLowerCaseIds(virtualPort),
    filter: filter && { name: filter.name, parameters: parametersText(filter.parameters) },
    coalesce: coalesce?.rx.frames.max === 0 ? undefined : coalesce,
    trustGuestRxFilters: settings.trustGuestRxFilters || undefined,
    portIsolation: settings.portIsolation || undefined,
  }
}

/** Several tags are always a trunk. The tags are a set: their order means nothing. */
function vlanLeaves({ tags, trunk }: Vlan) {
  const inOrder = tags.toSorted((a, b) => a.id - b.id)
  return {
    tags: inOrder.map(({ id, nativeMode }) => (nativeMode ? `${id} (native ${nativeMode})` : id)).join(', '),
    trunk: trunk || tags.length > 1 || undefined,
  }
}

function withLowerCaseIds(virtualPort: VirtualPort): VirtualPort {
  const { instanceID, interfaceID } = virtualPort
  return {
    ...virtualPort,
    instanceID: instanceID?.toLowerCase(),
    interfaceID: interfaceID?.toLowerCase(),
  }
}

function parametersText(parameters: Record<string, string> = {}): string | undefined {
  const pairs = Object.entries(parameters).map(([name, value]) => `${name}=${value}`)
  return pairs.length > 0 ? pairs.sort().join(', ') : undefined
}
