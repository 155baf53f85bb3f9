/** One live update of a libvirt network, as `virsh net-update` takes it: libvirt's sections, commands and parent indexes. */
import type { Ip } from '../../../api/network-addresses.ts'
import type { Dns } from '../../../api/network-dns.ts'
import type { Forward } from '../../../api/network-forward.ts'
import type { PortGroupSettings } from '../definition.ts'

type Dhcp = NonNullable<Ip['dhcp']>
type Item<T> = NonNullable<T> extends readonly (infer E)[] ? E : never

/** What an update of each section carries. */
export interface SectionEntry {
  'ip-dhcp-host': Item<Dhcp['hosts']>
  'ip-dhcp-range': Item<Dhcp['ranges']>
  'forward-interface': Item<Forward['interfaces']>
  portgroup: PortGroupSettings
  'dns-host': Item<Dns['hosts']>
  'dns-txt': Item<Dns['txts']>
  'dns-srv': Item<Dns['srvs']>
}

export type Section = keyof SectionEntry
export type Command = 'modify' | 'delete' | 'add-first' | 'add-last'

/** `parentIndex` counts the network's `ip` elements from 0 in the two dhcp sections, and is 0 in the others. */
export type NetworkChange = {
  [S in Section]: { command: Command; section: S; parentIndex: number; entry: SectionEntry[S] }
}[Section]

/** A difference that no live update can make. */
export interface RestartReason {
  /** Path of the setting, such as ips[0].address. */
  field: string
  from: string
  to: string
  /** Why, for people. */
  reason: string
}

export interface NetworkPlan {
  /** In the order in which libvirt is to be asked. */
  updates: readonly NetworkChange[]
  /** When not empty, the updates alone don't make the one definition the other. */
  restartRequired: readonly RestartReason[]
}
