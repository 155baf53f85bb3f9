/** The entries that live updates carry, in words: which setting of the manifest one is, and what it says. */
import type { NetworkDefinition } from '../definition.ts'
import type { NetworkChange, SectionEntry } from './change.ts'

/** Path of the setting, such as ips[0].dhcp.hosts[10.0.0.5]. */
export function fieldOf(change: NetworkChange): string {
  const { section, parentIndex } = change
  const key = keyOf(change)
  switch (section) {
    case 'ip-dhcp-host':
      return `ips[${parentIndex}].dhcp.hosts[${key}]`
    case 'ip-dhcp-range':
      return `ips[${parentIndex}].dhcp.ranges[${key}]`
    case 'forward-interface':
      return `forward.interfaces[${key}]`
    case 'portgroup':
      return `portGroups[${key}]`
    case 'dns-host':
      return `dns.hosts[${key}]`
    case 'dns-txt':
      return `dns.txts[${key}]`
    case 'dns-srv':
      return `dns.srvs[${key}]`
  }
}

type Entry = SectionEntry[keyof SectionEntry]

/** Finds the entry of a definition that has the same key as the one of a change: of several the first. */
export function finderIn(definition: NetworkDefinition): (change: NetworkChange) => Entry | undefined {
  // Thousands of changes to thousands of entries: each list is gone through once.
  const lists = new Map<string, Map<string, Entry>>()
  return (change) => {
    const list = `${change.section} ${change.parentIndex}`
    let byKey = lists.get(list)
    if (byKey === undefined) {
      byKey = new Map()
      for (const entry of entriesOf(definition, change)) {
        const key = keyOf({ ...change, entry } as NetworkChange)
        if (!byKey.has(key)) byKey.set(key, entry)
      }
      lists.set(list, byKey)
    }
    return byKey.get(keyOf(change))
  }
}

/** Without what is undefined: mac=52:54:00:00:00:01 ip=10.0.0.5 */
export function entryText(entry: object): string {
  return Object.entries(entry)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : value}`)
    .join(' ')
}

function keyOf({ section, entry }: NetworkChange): string {
  switch (section) {
    case 'ip-dhcp-host':
    case 'dns-host':
      return entry.ip
    case 'ip-dhcp-range':
      return `${entry.start}-${entry.end}`
    case 'forward-interface':
      return entry.dev
    case 'portgroup':
    case 'dns-txt':
      return entry.name
    case 'dns-srv': {
      const { service, protocol, domain, target } = entry
      return [`_${service}._${protocol}`, domain, target].filter((part) => part !== undefined).join(' ')
    }
  }
}

function entriesOf(
  { settings: { ips, forward, dns }, portGroups }: NetworkDefinition,
  { section, parentIndex }: NetworkChange,
): readonly Entry[] {
  switch (section) {
    case 'ip-dhcp-host':
      return ips?.[parentIndex]?.dhcp?.hosts ?? []
    case 'ip-dhcp-range':
      return ips?.[parentIndex]?.dhcp?.ranges ?? []
    case 'forward-interface':
      return forward?.interfaces ?? []
    case 'portgroup':
      return portGroups
    case 'dns-host':
      return dns?.hosts ?? []
    case 'dns-txt':
      return dns?.txts ?? []
    case 'dns-srv':
      return dns?.srvs ?? []
  }
}
