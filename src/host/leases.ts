/** What libvirt's DHCP servers have lent: `virsh net-dhcp-leases`, without the call for each lease. */
import { readFile } from 'node:fs/promises'

interface Lease {
  'ip-address'?: string
  /** Seconds since 1970; 0: for ever. */
  'expiry-time'?: number
}

/** Addresses that guests on the network with this bridge hold at the moment. A file that is no list of leases is an error of JSON. */
export async function readLeases(bridge: string): Promise<string[]> {
  const text = await readFile(`/var/lib/libvirt/dnsmasq/${bridge}.status`, 'utf8').catch((error) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  })
  const leases = text.trim() === '' ? [] : (JSON.parse(text) as Lease[])
  const now = Date.now() / 1000
  return leases.flatMap(({ 'ip-address': address, 'expiry-time': expiry = 0 }) =>
    address !== undefined && (expiry === 0 || expiry > now) ? [address] : [],
  )
}
