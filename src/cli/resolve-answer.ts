/** What `patchbay resolve` answers, as data and as tables. */
import { definitionOf } from '../agent/interface/plan.ts'
import type { GuestInterface, Layer } from '../api/guest-interface.ts'
import type { AnyResource } from '../api/kinds.ts'
import type { InterfaceSettings } from '../api/settings.ts'
import type { HostIdentity } from '../core/host-selector.ts'
import { nameOf } from '../core/identity.ts'
import { UnusedPools } from '../core/ledger/unused-pools.ts'
import { type Port, portName } from '../core/port.ts'
import type { Refusal } from '../core/refusal.ts'
import { type Resolved, resolve } from '../core/resolve/resolve.ts'
import { renderInterface } from '../libvirt/xml/interface.ts'
import { type Answer, columns } from './output.ts'

/** What is not known, since it was refused before, is null. */
export interface ResolvedItem {
  /** namespace/name */
  interface: string
  host: string
  /** networkName; null where the interface names its source itself. */
  network: string | null
  portGroup: string | null
  effective: InterfaceSettings | null
  sources: Record<string, Layer>
  port: Port | null
  /** The `<interface>` that libvirt is given. */
  xml: string | null
  /** The first refusal, with the messages of all, a line each. */
  refusal: Refusal | null
  /** What else a person should know, such as ids that will be others on the host. */
  notes: string[]
}

export interface ResolveAnswer extends Answer {
  kind: 'Resolve'
  items: ResolvedItem[]
}

/** Every GuestInterface among the objects, in their order, as it would be on that host. */
export function resolveAnswer(objects: readonly AnyResource[], host: HostIdentity): ResolveAnswer {
  const networks = objects.filter((object) => object.kind === 'Network')
  const portGroups = objects.filter((object) => object.kind === 'PortGroup')
  const pools = new UnusedPools()

  const itemOf = (guestInterface: GuestInterface): ResolvedItem => {
    const wanted = guestInterface.spec.source.network
    const item: ResolvedItem = {
      interface: nameOf(guestInterface),
      host: host.name,
      network: wanted?.name ?? null,
      portGroup: wanted?.portGroup ?? null,
      effective: null,
      sources: {},
      port: null,
      xml: null,
      refusal: null,
      notes: [],
    }
    const pinned = pinnedElsewhere(guestInterface, host)
    if (pinned) return { ...item, refusal: pinned }
    const resolved = resolve({ guestInterface, networks, portGroups, host })
    if ('refusals' in resolved) return { ...item, refusal: asOne(resolved.refusals) }

    const { effective, sources, network = null, portGroup = null, plug } = resolved
    const settled = { ...item, network, portGroup, effective, sources, notes: notesOn(resolved) }
    const chosen = pools.take(plug, nameOf(guestInterface))
    if ('refusal' in chosen) return { ...settled, refusal: chosen.refusal }
    const { port } = chosen
    return { ...settled, port, xml: renderInterface(definitionOf(guestInterface, resolved, port)) }
  }

  return {
    apiVersion: 'cli.patchbay.dev/v1alpha1',
    kind: 'Resolve',
    items: objects.filter((object) => object.kind === 'GuestInterface').map(itemOf),
  }
}

export function pinnedElsewhere({ spec }: GuestInterface, host: HostIdentity): Refusal | undefined {
  if (spec.hostName === undefined || spec.hostName === host.name) return undefined
  return {
    reason: 'PinnedElsewhere',
    field: 'hostName',
    message: `hostName: pins it to host ${spec.hostName}; this is ${host.name}. Change it or take it away to have the interface here`,
  }
}

function asOne(refusals: readonly Refusal[]): Refusal {
  return { ...refusals[0]!, message: refusals.map(({ message }) => message).join('\n') }
}

function notesOn({ unused, sources, generatedFromName }: Resolved): string[] {
  const generated = Object.keys(sources).filter((field) => sources[field] === 'generated')
  return [
    ...(generatedFromName
      ? [
          `Generated from the guest's name, since its UUID is not known here: ${generated.join(', ')}. On the host it is made from the UUID, and is another`,
        ]
      : []),
    ...(unused.length > 0 ? [`Given but not in effect here: ${unused.join(', ')}`] : []),
  ]
}

/** A table of the interfaces and one of their settings; below them what is refused, and what a person should know. */
export async function resolveTables({ items }: ResolveAnswer): Promise<string> {
  if (items.length === 0) return 'The manifests hold no GuestInterface.\n'
  const interfaces = await columns(
    ['INTERFACE', 'HOST', 'NETWORK', 'PORT GROUP', 'PORT', 'REFUSAL'],
    items.map(({ interface: name, host, network, portGroup, port, refusal }) => [
      name,
      host,
      network ?? '-',
      portGroup ?? '-',
      port ? portName(port) : '-',
      refusal?.reason ?? '-',
    ]),
  )
  const rows = items.flatMap(({ interface: name, effective, sources }) =>
    settingsOf(effective ?? {}).map(([field, value]) => [
      name,
      field,
      value,
      sources[field] ?? sources[field.split('.')[0]!] ?? '-',
    ]),
  )
  const settings = rows.length > 0 ? await columns(['INTERFACE', 'SETTING', 'VALUE', 'FROM'], rows) : ''
  const remarks = items.flatMap(({ interface: name, refusal, notes }) => [
    ...(refusal ? [`${name}: ${refusal.reason}: ${refusal.message}`] : []),
    ...notes.map((note) => `${name}: ${note}`),
  ])
  const below = remarks.map((remark) => `  ${remark.replaceAll('\n', '\n    ')}\n`).join('')
  return [interfaces, settings, below].filter((text) => text !== '').join('\n')
}

/** A row a value, so that each can stand beside its layer; lists stay whole. */
function settingsOf(value: object, path = ''): [field: string, value: string][] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]): [string, string][] => {
    const field = `${path}${key}`
    if (typeof inner === 'object' && inner !== null && !Array.isArray(inner)) {
      return settingsOf(inner, `${field}.`)
    }
    return [[field, Array.isArray(inner) ? inner.map(itemText).join(', ') : String(inner)]]
  })
}

/** A VLAN tag, the only thing that settings have lists of: 7, or 7 (untagged). */
function itemText(item: { id: number; nativeMode?: string }): string {
  return item.nativeMode === undefined ? String(item.id) : `${item.id} (${item.nativeMode})`
}
