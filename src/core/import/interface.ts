/** An interface as somebody made it, to the manifest that takes it over as it is. */
import type { GuestInterface } from '../../api/guest-interface.ts'
import { apiVersion } from '../../api/resource.ts'
import type { Source } from '../../api/settings.ts'
import { validate } from '../../api/validate.ts'
import type { InterfaceDefinition } from '../definition.ts'
import { ownerOf } from '../identity.ts'
import { ownPortGroup } from '../network/definition.ts'
import { impossible } from './impossible.ts'
import { objectNameOf } from './object-name.ts'

export interface ImportedGuest {
  name: string
  /** Absent where libvirt has yet to choose one. */
  uuid?: string
}

/** The manifest, or field and reason of each thing that no manifest can say. */
export type ImportedInterface = { manifest: GuestInterface } | { refusals: string[] }

/**
 * From the saved definition where the guest has one: the live one shows what libvirt merged and chose. One of ours gets its own name.
 * `siblings`: all interfaces of that definition, by which two with one MAC address are told apart. What can be plugged into a
 * Network hangs on the Network and is not checked here.
 */
export function importInterface(
  guest: ImportedGuest,
  definition: InterfaceDefinition,
  namespace: string,
  siblings: readonly InterfaceDefinition[] = [],
): ImportedInterface {
  const { mac, address } = definition.settings
  if (mac === undefined) {
    return {
      refusals: [
        'mac: is missing, and an interface is taken over by it. Define the guest: libvirt then chooses one',
      ],
    }
  }
  const isTwin = siblings.filter(({ settings }) => settings.mac === mac).length > 1
  if (isTwin && address === undefined) {
    return {
      refusals: [
        `address: is missing, and ${guest.name} has more than one interface with ${mac}: nothing tells them apart`,
      ],
    }
  }
  const owner = ownerOf(definition)
  // Colons and dots would need a hash.
  const parts = [mac, ...(isTwin && address !== undefined ? [address] : [])].map((part) =>
    part.replaceAll(/[:.]/g, '-'),
  )
  const written = {
    apiVersion,
    kind: 'GuestInterface',
    metadata: {
      name: owner?.name ?? objectNameOf(guest.name, ...parts),
      namespace: owner?.namespace ?? namespace,
    },
    spec: {
      guest: { name: guest.name },
      source: sourceOf(definition),
      adopt: true,
      ...definition.settings,
    },
  }
  const { object, problems } = validate(written)
  if (object?.kind !== 'GuestInterface') {
    return { refusals: problems.map(({ field, reason }) => `${field}: ${reason}`) }
  }
  // What is plugged into a network can only be told with that network.
  const alone = object.spec.source.network === undefined
  const refusals = alone ? impossible(object, { networks: [], portGroups: [] }, guest.uuid) : []
  return refusals.length > 0 ? { refusals } : { manifest: object }
}

/** A live definition shows the device or the bridge that libvirt took from a network, and names the network beside it. */
function sourceOf({ port, network, portGroup }: InterfaceDefinition): Source {
  const name = port.kind === 'network' ? port.network : network
  if (name !== undefined) {
    const named = portGroup !== undefined && portGroup !== ownPortGroup
    return { network: { name, ...(named && { portGroup }) } }
  }
  switch (port.kind) {
    case 'bridge':
      return { bridge: { name: port.bridge } }
    case 'direct':
      return { direct: { dev: port.dev, mode: port.mode } }
    case 'hostdev':
      return {
        hostdev: { address: port.address, ...(port.managed !== undefined && { managed: port.managed }) },
      }
    case 'vhostuser':
      return { vhostuser: { path: port.path, mode: port.mode } }
    case 'vdpa':
      return { vdpa: { dev: port.dev } }
    case 'ethernet':
      return { ethernet: {} }
    default:
      return { user: {} }
  }
}
