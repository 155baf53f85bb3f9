/** Whether an interface may be where it is bound, or is about to be. */
import type { GuestGrant } from '../../api/guest-grant.ts'
import type { GuestInterface } from '../../api/guest-interface.ts'
import type { Network } from '../../api/network.ts'
import { validate } from '../../api/validate.ts'
import type { HostIdentity } from '../host-selector.ts'
import { namespaceOf } from '../identity.ts'
import { notOwned } from '../ownership.ts'
import type { Refusal } from '../refusal.ts'
import { applicable } from '../resolve/applicable.ts'
import { hostSourceNotAllowed } from './host-sources.ts'
import type { Sighting } from './place.ts'

export interface Rules {
  grants: readonly GuestGrant[]
  /** Those of the name that the interface's source has; others don't matter. */
  networks: readonly Network[]
  /** Of the interface's namespace. */
  namespaceLabels: Readonly<Record<string, string>>
}

/** Asked of an interface as long as it is bound: what an admin takes back. */
export function withdrawn(
  resource: GuestInterface,
  guest: Sighting,
  host: HostIdentity,
  { grants, namespaceLabels }: Rules,
): Refusal | undefined {
  return (
    notOwned(guest, namespaceOf(resource), host, grants) ?? hostSourceNotAllowed(resource, namespaceLabels)
  )
}

/** Asked before it is bound. Later the agent keeps the last accepted manifest, and asks the Network itself. */
export function notBindable(
  resource: GuestInterface,
  guest: Sighting,
  host: HostIdentity,
  rules: Rules,
): Refusal | undefined {
  return (
    withdrawn(resource, guest, host, rules) ?? namespaceNotAllowed(resource, host, rules) ?? invalid(resource)
  )
}

/** What the API server lets in, since CEL cannot say it, and our own reader doesn't. */
function invalid({
  apiVersion,
  kind,
  metadata: { name, namespace },
  spec,
}: GuestInterface): Refusal | undefined {
  const { problems } = validate({ apiVersion, kind, metadata: { name, namespace }, spec })
  const [first] = problems
  if (!first) return undefined
  const message = problems.map(({ field, reason }) => `${field}: ${reason}`).join('\n')
  return { reason: 'InvalidManifest', field: first.field, message }
}

/** Of a Network that there isn't, or not once, the agent says more. */
function namespaceNotAllowed(
  resource: GuestInterface,
  host: HostIdentity,
  { networks }: Rules,
): Refusal | undefined {
  const wanted = resource.spec.source.network
  if (!wanted) return undefined
  const namespace = namespaceOf(resource)
  const found = applicable({ wanted, namespace, host, networks, portGroups: [] })
  return 'refusals' in found
    ? found.refusals.find(({ reason }) => reason === 'NamespaceNotAllowed')
    : undefined
}
