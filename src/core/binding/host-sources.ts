/** Sources that name something of the host itself: only namespaces that an admin trusts with the hosts may have them. */
import type { GuestInterface } from '../../api/guest-interface.ts'
import { namespaceOf } from '../identity.ts'
import type { Refusal } from '../refusal.ts'

/** Label of a namespace, and the value that allows it. The admission policy of the deployment asks for the same. */
export const hostSourcesLabel = 'patchbay.dev/host-sources'
export const hostSourcesAllowed = 'allowed'

const raw = ['bridge', 'direct', 'hostdev', 'vhostuser', 'vdpa', 'ethernet'] as const

/** `labels`: of the interface's namespace. */
export function hostSourceNotAllowed(
  resource: GuestInterface,
  labels: Readonly<Record<string, string>>,
): Refusal | undefined {
  const { source, rom } = resource.spec
  const fields: string[] = raw.filter((kind) => source[kind] !== undefined).map((kind) => `source.${kind}`)
  if (rom?.file !== undefined) fields.push('rom.file')
  const [field] = fields
  if (field === undefined || labels[hostSourcesLabel] === hostSourcesAllowed) return undefined
  const namespace = namespaceOf(resource)
  return {
    reason: 'HostSourceNotAllowed',
    field,
    message: `${fields.join(', ')}: namespace ${namespace} may not name what is the host's own. Use a Network, or have an admin label it: kubectl label namespace ${namespace} ${hostSourcesLabel}=${hostSourcesAllowed}`,
  }
}
