/** Everything that an update between two definitions could carry. */
import type { NetworkDefinition } from '../../../../../src/core/network/definition.ts'
import type { NetworkChange } from '../../../../../src/core/network/plan/change.ts'

export type Update = Pick<NetworkChange, 'section' | 'parentIndex' | 'entry'>

interface List {
  section: NetworkChange['section']
  parentIndex: number
  entries: NetworkChange['entry'][]
}

/** The lists that updates reach, each as it stands. */
export function listsOf({ settings, portGroups }: NetworkDefinition): List[] {
  const { dns, forward, ips = [] } = settings
  return [
    ...ips.flatMap(({ dhcp }, n): List[] => [
      { section: 'ip-dhcp-host', parentIndex: n, entries: dhcp?.hosts ?? [] },
      { section: 'ip-dhcp-range', parentIndex: n, entries: dhcp?.ranges ?? [] },
    ]),
    { section: 'forward-interface', parentIndex: 0, entries: forward?.interfaces ?? [] },
    { section: 'portgroup', parentIndex: 0, entries: portGroups },
    { section: 'dns-host', parentIndex: 0, entries: dns?.hosts ?? [] },
    { section: 'dns-txt', parentIndex: 0, entries: dns?.txts ?? [] },
    { section: 'dns-srv', parentIndex: 0, entries: dns?.srvs ?? [] },
  ]
}

/** Entries that an update could carry: those of both, and others that a detour could go over. */
export function universe(from: NetworkDefinition, to: NetworkDefinition): Update[] {
  const found = new Map<string, Update>()
  const put = (update: Update) => found.set(JSON.stringify(update), update)
  for (const { section, parentIndex, entries } of [...listsOf(from), ...listsOf(to)]) {
    for (const entry of entries) {
      put({ section, parentIndex, entry })
      if (section === 'ip-dhcp-host') {
        const { ip } = entry as { ip: string }
        put({ section, parentIndex, entry: { ip, name: 'other' } })
        put({ section, parentIndex, entry: { ip } })
      }
    }
  }
  return [...found.values()]
}
