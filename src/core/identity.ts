/** How an interface of ours is known in a guest's definitions: by its alias, which is in both of them. */
import type { InterfaceDefinition } from './definition.ts'

const prefix = 'ua-patchbay-'

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
  const [namespace, ...name] = alias.slice(prefix.length).split('_')
  return namespace && name.length > 0 ? { namespace, name: name.join('.') } : undefined
}

export function findOurs<T extends { definition: InterfaceDefinition }>(
  interfaces: readonly T[],
  namespace: string,
  name: string,
): T | undefined {
  const alias = aliasOf(namespace, name)
  return interfaces.find((each) => each.definition.alias === alias)
}
