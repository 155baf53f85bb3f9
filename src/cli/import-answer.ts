/** What `patchbay import` writes: the manifests of all definitions, or what stands in their way, all of it. */
import type { GuestInterface } from '../api/guest-interface.ts'
import type { Network } from '../api/network.ts'
import type { PortGroup } from '../api/port-group.ts'
import type { InterfaceDefinition } from '../core/definition.ts'
import { namespaceOf, ownerOf } from '../core/identity.ts'
import { impossible } from '../core/import/impossible.ts'
import { importInterface } from '../core/import/interface.ts'
import { importNetwork } from '../core/import/network.ts'
import { ownPortGroup } from '../core/network/definition.ts'
import { groupNameOf, networkNameOf } from '../core/resolve/applicable.ts'
import {
  readWrittenGuest,
  type WrittenGuest,
  type WrittenInterface,
} from '../libvirt/xml/guest-interfaces.ts'
import { inexpressible, keptAtAdoption } from '../libvirt/xml/network/inexpressible.ts'
import { parseNetwork } from '../libvirt/xml/network/network.ts'
import type { ImportSource } from './import-source.ts'
import { columns } from './output.ts'

/** Guests belong to it wherever nobody has granted them to another one. */
const namespace = 'default'

type Imported = Network | PortGroup | GuestInterface

export interface ImportAnswer {
  /** Networks with their port groups, then interfaces. Not to be used where anything is refused. */
  objects: Imported[]
  /** A line each: file, network or guest, field and reason. */
  refusals: string[]
  /** A line each: what was left out for a reason, and what else a person should know. */
  notes: string[]
}

export function importAnswer(sources: readonly ImportSource[]): ImportAnswer {
  const found = new Findings()
  for (const source of sources) if (source.kind === 'network') addNetwork(source, found)
  for (const source of sources) if (source.kind === 'guest') addGuest(source, found)
  return found
}

/** As kubectl and our own reader take several objects in one JSON document. */
export function importList(objects: readonly Imported[]): object {
  return { apiVersion: 'v1', kind: 'List', items: objects }
}

export async function importTable(objects: readonly Imported[]): Promise<string> {
  if (objects.length === 0) return ''
  const rows = objects.map((object) => [object.kind, ...nameAndOrigin(object)])
  return columns(['KIND', 'NAME', 'OF'], rows)
}

function nameAndOrigin(object: Imported): [name: string, origin: string] {
  const { name } = object.metadata
  switch (object.kind) {
    case 'Network':
      return [name, networkNameOf(object)]
    case 'PortGroup':
      return [name, `${object.spec.networkName}, ${groupNameOf(object)}`]
    case 'GuestInterface':
      return [`${namespaceOf(object)}/${name}`, `${object.spec.guest.name}, ${object.spec.mac}`]
  }
}

class Findings implements ImportAnswer {
  readonly objects: Imported[] = []
  readonly refusals: string[] = []
  readonly notes: string[] = []
  /** Port groups by the libvirt network that has them. */
  readonly groups = new Map<string, Set<string>>()
  readonly #origins = new Map<string, string>()

  add(object: Imported, origin: string): void {
    const { kind, metadata } = object
    const id = `${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`
    const other = this.#origins.get(id)
    if (other !== undefined) this.refusals.push(`${origin}: would be ${id}, as is ${other}`)
    this.#origins.set(id, origin)
    this.objects.push(object)
  }
}

function addNetwork({ xml, file, leaveOurs }: ImportSource, found: Findings): void {
  const definition = read(file, found, () => parseNetwork(xml))
  if (definition === undefined) return
  const origin = `${file === undefined ? '' : `${file}: `}network ${definition.name}`
  found.groups.set(definition.name, new Set(definition.portGroups.map(({ name }) => name)))
  if (definition.owner !== undefined && leaveOurs) {
    found.notes.push(`${origin}: left out, since it is kept for Network ${definition.owner}`)
    return
  }
  const { network, portGroups, refusals } = importNetwork(definition)
  found.add(network, origin)
  for (const group of portGroups) found.add(group, `${origin}: portgroup ${group.spec.groupName}`)
  found.refusals.push(
    ...inexpressible(xml).map(
      (path) => `${origin}: ${path}: no manifest has a field for it, or for its value`,
    ),
    ...refusals.map((refusal) => `${origin}: ${refusal}`),
  )
  found.notes.push(
    ...keptAtAdoption(xml)
      .filter((path) => path !== 'network/uuid')
      .map((path) => `${origin}: ${path}: stays in libvirt, and is in no manifest`),
  )
}

function addGuest({ xml, file }: ImportSource, found: Findings): void {
  const guest = read(file, found, () => readWrittenGuest(xml))
  if (guest === undefined) return
  const origin = `${file === undefined ? '' : `${file}: `}guest ${guest.name}`
  if (guest.running && file !== undefined) {
    found.notes.push(
      `${origin}: runs: what libvirt chose and merged stands here too; virsh dumpxml --inactive has what was asked for`,
    )
  }
  const siblings = guest.interfaces.flatMap(({ definition }) => definition ?? [])
  for (const each of guest.interfaces) {
    addInterface(guest, each, siblings, `${origin}: interface ${each.label}`, found)
  }
}

function addInterface(
  guest: WrittenGuest,
  { definition, inexpressible: unsaid }: WrittenInterface,
  siblings: InterfaceDefinition[],
  origin: string,
  found: Findings,
): void {
  const ours = definition && ownerOf(definition)
  if (ours !== undefined) {
    found.notes.push(
      `${origin}: left out, since it is kept for GuestInterface ${ours.namespace}/${ours.name}`,
    )
    return
  }
  found.refusals.push(...unsaid.map((reason) => `${origin}: ${reason}`))
  if (definition === undefined) return
  const imported = importInterface(guest, definition, namespace, siblings)
  if ('refusals' in imported) {
    found.refusals.push(...imported.refusals.map((refusal) => `${origin}: ${refusal}`))
    return
  }
  found.add(imported.manifest, origin)
  checkNetworkOf(imported.manifest, origin, found)
}

/** What hangs on the network, which the interface alone doesn't show. */
function checkNetworkOf(guestInterface: GuestInterface, origin: string, found: Findings): void {
  const { network } = guestInterface.spec.source
  if (network === undefined) return
  const groups = found.groups.get(network.name)
  if (groups === undefined) {
    found.notes.push(`${origin}: is plugged into network ${network.name}, which is not imported with it`)
  } else if (network.portGroup !== undefined && !groups.has(network.portGroup)) {
    const known = [...groups].filter((name) => name !== ownPortGroup).join(', ')
    found.refusals.push(
      `${origin}: source@portgroup: network ${network.name} has no port group ${network.portGroup} ` +
        `(${known === '' ? 'it has none' : `it has ${known}`}); libvirt takes that for none. Correct it in the guest's definition`,
    )
  } else {
    const networks = found.objects.filter((object) => object.kind === 'Network')
    // One of ours was left out.
    if (!networks.some((each) => networkNameOf(each) === network.name)) return
    const portGroups = found.objects.filter((object) => object.kind === 'PortGroup')
    const refusals = impossible(guestInterface, { networks, portGroups })
    found.refusals.push(...refusals.map((refusal) => `${origin}: ${refusal}`))
  }
}

/** Of a text that is none, only that is known. */
function read<T>(file: string | undefined, found: Findings, parse: () => T): T | undefined {
  try {
    return parse()
  } catch (error) {
    found.refusals.push(`${file ?? 'libvirt'}: ${(error as Error).message}`)
    return undefined
  }
}
