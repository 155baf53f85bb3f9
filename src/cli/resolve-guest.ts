/**
 * `patchbay resolve --guest-xml`: a guest's definition as it is to be on another host, for `virsh migrate --xml` and
 * `--persistent-xml`. A definition names devices of the host that it is from; what the guest itself sees of an interface (MAC address,
 * model, PCI address) stays as it is, which libvirt insists on.
 */
import { definitionOf } from '../agent/interface/plan.ts'
import type { AnyResource } from '../api/kinds.ts'
import type { HostIdentity } from '../core/host-selector.ts'
import { nameOf, ownerOf } from '../core/identity.ts'
import { UnusedPools } from '../core/ledger/unused-pools.ts'
import type { Refusal } from '../core/refusal.ts'
import { resolve } from '../core/resolve/resolve.ts'
import { type DomainInterface, readDomain } from '../libvirt/xml/domain.ts'
import { renderInterface } from '../libvirt/xml/interface.ts'
import { pinnedElsewhere } from './resolve-answer.ts'

/**
 * `xml`: as libvirt prints it. Interfaces that aren't ours stay as they are. Throws an error with a line for each that cannot be on that
 * host, or that no manifest tells of.
 */
export function resolveGuest(xml: string, objects: readonly AnyResource[], host: HostIdentity): string {
  const guest = readDomain(xml)
  const pools = new UnusedPools()
  const problems: string[] = []
  let result = xml
  for (const observed of guest.interfaces) {
    const name = ownerName(observed)
    if (name === undefined) continue
    const resolved = resolveInterface(name, observed, { objects, host, pools, guestUUID: guest.uuid })
    if ('problem' in resolved) {
      problems.push(`${name}: ${resolved.problem}`)
      continue
    }
    // The last one: metadata, which comes before the devices, can hold any text.
    const start = result.lastIndexOf(observed.xml)
    result = result.slice(0, start) + resolved.xml + result.slice(start + observed.xml.length)
  }
  if (problems.length > 0) throw new Error(problems.join('\n'))
  return result
}

/** namespace/name of the GuestInterface that it is; undefined when it is somebody else's. */
function ownerName({ definition }: DomainInterface): string | undefined {
  const owner = ownerOf(definition)
  return owner && `${owner.namespace}/${owner.name}`
}

interface Surroundings {
  objects: readonly AnyResource[]
  host: HostIdentity
  pools: UnusedPools
  guestUUID: string
}

function resolveInterface(
  name: string,
  { xml }: DomainInterface,
  { objects, host, pools, guestUUID }: Surroundings,
): { xml: string } | { problem: string } {
  const guestInterface = objects
    .filter((object) => object.kind === 'GuestInterface')
    .find((object) => nameOf(object) === name)
  if (!guestInterface) {
    return { problem: 'the guest has this interface, and no GuestInterface of the manifests is it' }
  }
  const pinned = pinnedElsewhere(guestInterface, host)
  if (pinned) return { problem: textOf(pinned) }
  const networks = objects.filter((object) => object.kind === 'Network')
  const portGroups = objects.filter((object) => object.kind === 'PortGroup')
  const resolved = resolve({ guestInterface, guestUUID, networks, portGroups, host })
  if ('refusals' in resolved) return { problem: resolved.refusals.map(textOf).join('\n') }
  const chosen = pools.take(resolved.plug, name)
  if ('refusal' in chosen) return { problem: textOf(chosen.refusal) }
  return { xml: renderInterface(definitionOf(guestInterface, resolved, chosen.port), xml) }
}

function textOf({ reason, message }: Refusal): string {
  return `${reason}: ${message}`
}
