/** One virtual port out of those of interface, network and port group. */
import type { Layer } from '../../api/guest-interface.ts'
import type { VirtualPort, VirtualPortType } from '../../api/settings.ts'
import type { Refusal } from '../refusal.ts'
import { type GeneratedFrom, generateInstanceID, generateInterfaceID } from './generated.ts'

type Parameter = Exclude<keyof VirtualPort, 'type'>
type GivenLayer = Exclude<Layer, 'generated'>

/** What belongs to each type, and which of it a port cannot do without. The others are never carried over. */
export const parametersOf: Readonly<
  Record<VirtualPortType, { required: Parameter[]; optional: Parameter[] }>
> = {
  '802.1Qbg': { required: ['managerID', 'typeID', 'typeIDVersion', 'instanceID'], optional: [] },
  '802.1Qbh': { required: ['profileID'], optional: [] },
  openvswitch: { required: ['interfaceID'], optional: ['profileID'] },
  midonet: { required: ['interfaceID'], optional: [] },
}

const everyParameter: Parameter[] = [
  'managerID',
  'typeID',
  'typeIDVersion',
  'instanceID',
  'interfaceID',
  'profileID',
]

const layers: GivenLayer[] = ['interface', 'portGroup', 'network']

const layerNames: Record<GivenLayer, string> = {
  interface: 'the interface',
  portGroup: 'the port group',
  network: 'the network',
}

/** Ids that libvirt made up for an interface which was taken over: they stay. */
export type KeptIDs = Pick<VirtualPort, 'instanceID' | 'interfaceID'>

export type VirtualPortLayers = Partial<Record<GivenLayer, VirtualPort>>

export interface MergedVirtualPort {
  /** Absent when no layer names a type. */
  virtualPort?: VirtualPort & { type: VirtualPortType }
  /** Which layer supplied what; keys such as virtualPort.managerID. The most specific one where several agree. */
  sources: Record<string, Layer>
  /** Parameters that are given and that the port has no use for, such as virtualPort.profileID. */
  unused: string[]
}

/**
 * The result doesn't depend on which layer names the type: the type is looked for first, then only what belongs to
 * it is looked at, so a disagreement about anything else is none. Gives all conflicts, or all that is missing.
 */
export function mergeVirtualPorts(
  given: VirtualPortLayers,
  from: GeneratedFrom,
  kept: KeptIDs = {},
): MergedVirtualPort | { refusals: Refusal[] } {
  const types = valuesOf(given, 'type')
  if (disagree(types)) return { refusals: [conflict('type', types)] }
  const type = types[0]?.value as VirtualPortType | undefined
  if (type === undefined) return { sources: {}, unused: unusedBut([], given) }

  const { required, optional } = parametersOf[type]
  const belonging = [...required, ...optional]
  const refusals: Refusal[] = []
  const merged: Record<string, string | number> = {}
  const sources: Record<string, Layer> = { 'virtualPort.type': types[0]!.layer }
  for (const parameter of belonging) {
    const values = valuesOf(given, parameter)
    const first = values[0]
    if (disagree(values)) {
      refusals.push(conflict(parameter, values))
    } else if (first !== undefined) {
      merged[parameter] = first.value
      sources[`virtualPort.${parameter}`] = first.layer
    } else {
      const generated = generate(type, parameter, from, kept)
      if (generated !== undefined) {
        merged[parameter] = generated
        sources[`virtualPort.${parameter}`] = 'generated'
      } else if (required.includes(parameter)) {
        refusals.push(incomplete(type, parameter))
      }
    }
  }
  if (refusals.length > 0) return { refusals }
  return { virtualPort: { type, ...merged }, sources, unused: unusedBut(belonging, given) }
}

interface Given {
  layer: GivenLayer
  value: string | number
}

/** What the layers say, the most specific first. UUIDs compare without regard to case, as libvirt reads them. */
function valuesOf(given: VirtualPortLayers, parameter: keyof VirtualPort): Given[] {
  return layers.flatMap((layer) => {
    const value = given[layer]?.[parameter]
    if (value === undefined) return []
    const isId = parameter === 'instanceID' || parameter === 'interfaceID'
    return [{ layer, value: isId ? String(value).toLowerCase() : value }]
  })
}

function disagree(values: readonly Given[]): boolean {
  return values.some(({ value }) => value !== values[0]!.value)
}

/** What nobody gave; undefined where nothing can stand in for it. */
export function generate(
  type: VirtualPortType,
  parameter: Parameter,
  from: GeneratedFrom,
  kept: KeptIDs = {},
): string | undefined {
  if (type === '802.1Qbg' && parameter === 'instanceID') return kept.instanceID ?? generateInstanceID(from)
  // A midonet port is made beforehand, elsewhere: an interfaceID that we made up would name none.
  if (type === 'openvswitch' && parameter === 'interfaceID')
    return kept.interfaceID ?? generateInterfaceID(from)
  return undefined
}

function unusedBut(belonging: readonly Parameter[], given: VirtualPortLayers): string[] {
  return everyParameter
    .filter((parameter) => !belonging.includes(parameter) && valuesOf(given, parameter).length > 0)
    .map((parameter) => `virtualPort.${parameter}`)
}

function conflict(parameter: keyof VirtualPort, values: readonly Given[]): Refusal {
  const said = values.map(({ layer, value }) => `${layerNames[layer]} says ${value}`).join(', ')
  return {
    reason: 'VirtualPortConflict',
    field: `virtualPort.${parameter}`,
    message: `virtualPort.${parameter}: ${said}; give it in one of them only, or the same value in each`,
  }
}

function incomplete(type: VirtualPortType, parameter: Parameter): Refusal {
  return {
    reason: 'VirtualPortIncomplete',
    field: `virtualPort.${parameter}`,
    message: `virtualPort.${parameter}: a port of type ${type} needs it; give it on the interface, the port group or the network`,
  }
}
