/** A network link of the host as the kernel shows it. */
import type { DirectMode } from '../api/settings.ts'

export interface Link {
  name: string
  /** Positive; names a link for its whole life, unlike its name. */
  index: number
  /** IFLA_INFO_KIND (bridge, bond, macvtap, macvlan, veth, tun, ...); absent for a physical device. */
  kind?: string
  mac: string
  /** Bytes. */
  mtu: number
  /** Administratively up. */
  up: boolean
  /** Name of the bridge, bond or Open vSwitch datapath it is enslaved to. */
  master?: string
  /** The device below a macvtap, macvlan or vlan; absent too when that device is in another namespace. */
  lower?: string
  /** Of a macvtap or macvlan. */
  mode?: DirectMode | 'source'
  /** Addresses with prefix length, link-local ones left out. */
  addresses: string[]
  /** A default route of any table and family leaves through it. */
  defaultRoute: boolean
  /** Of a physical device on PCI. */
  pciAddress?: string
}
