/** Whether the host has a network's addresses already: libvirt finds out when it starts the network, and names a link alone. */
import { bitsOf, inNetwork } from '../../api/ip-number.ts'
import type { Link } from '../link.ts'
import type { Refusal } from '../refusal.ts'
import { canonical } from './canonical.ts'
import type { NetworkDefinition } from './definition.ts'

export interface HostRoute {
  /** Network with prefix length. */
  to: string
  dev: string
}

export interface HostAddresses {
  /** Bridge of the network itself: what is on it is not in the way. */
  ownBridge?: string
  links: readonly Pick<Link, 'name' | 'addresses'>[]
  routes: readonly HostRoute[]
  /** The libvirt network that made a bridge, by the bridge. */
  networkOfBridge: ReadonlyMap<string, string>
}

/**
 * In the way are a host's address inside of the network, and a route to the very network. A network that is a part of a bigger
 * one that the host is in is possible: the more specific route wins, and libvirt starts it.
 */
export function addressInUse(wanted: NetworkDefinition, host: HostAddresses): Refusal | undefined {
  const { ownBridge, networkOfBridge } = host
  const links = host.links.filter(({ name }) => name !== ownBridge)
  const routes = host.routes.filter(({ dev }) => dev !== ownBridge)
  for (const { address, prefix = bitsOf(address) } of canonical(wanted).settings.ips ?? []) {
    for (const link of links) {
      const found = link.addresses.find((each) => inNetwork(subnetOf(each).address, address, prefix))
      const network = networkOfBridge.get(link.name)
      const whose = network === undefined ? '' : `, the bridge of libvirt's network ${network}`
      if (found) return refuse(address, prefix, `the host has ${found} on ${link.name}${whose}`)
    }
    const route = routes.find(({ to }) => {
      const subnet = subnetOf(to)
      return subnet.prefix === prefix && inNetwork(subnet.address, address, prefix)
    })
    if (route) return refuse(address, prefix, `the host has a route to ${route.to} through ${route.dev}`)
  }
  return undefined
}

function refuse(address: string, prefix: number, why: string): Refusal {
  return {
    reason: 'AddressInUse',
    field: 'ips',
    message: `ips: ${address}/${prefix} is in use: ${why}. Choose another address, or free this one`,
  }
}

function subnetOf(text: string): { address: string; prefix: number } {
  const [address = '', prefix] = text.split('/')
  return { address, prefix: prefix === undefined ? bitsOf(address) : Number(prefix) }
}
