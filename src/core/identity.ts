/**
 * How an interface of ours is known in a guest's definitions: by its alias, which is in both of them, or, where it was taken
 * over while the guest ran and can get no alias, by a mark in the guest's metadata (`adoption.ts`).
 */
import type { GuestInterface } from '../api/guest-interface.ts'
import type { InterfaceDefinition } from './definition.ts'

const prefix = 'ua-patchbay-'

export function namespaceOf({ metadata }: GuestInterface): string {
  return metadata.namespace ?? 'default'
}

/** namespace/name, as messages and the ledger know an interface. */
export function nameOf(resource: GuestInterface): string {
  return `${namespaceOf(resource)}/${resource.metadata.name}`
}

/**
 * libvirt keeps an alias that begins with ua- and holds letters, digits, _ and - only. A namespace has no dot and neither
 * part has an underscore, so that `_` can stand for the slash and for the dots and be read back.
 */
export function aliasOf(namespace: string, name: string): string {
  return `${prefix}${namespace}_${name.replaceAll('.', '_')}`
}

/** The interface that an alias of ours names; undefined for an alias that isn't ours. */
export function interfaceOfAlias(alias: string | undefined): { namespace: string; name: string } | undefined {
  if (!alias?.startsWith(prefix)) return undefined
  const [namespace, ...parts] = alias.slice(prefix.length).split('_')
  const name = parts.join('.')
  return namespace && name ? { namespace, name } : undefined
}

/** The interface of ours that a definition shows; undefined when it is somebody else's. */
export function ownerOf({
  alias,
  adoptedBy,
}: Pick<InterfaceDefinition, 'alias' | 'adoptedBy'>): { namespace: string; name: string } | undefined {
  return interfaceOfAlias(alias) ?? adoptedBy
}
