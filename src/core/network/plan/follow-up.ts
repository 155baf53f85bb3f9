/**
 * After the first or the last IPv6 DHCP host dnsmasq doesn't change over by itself. Adding and deleting a record that says
 * nothing to anybody makes libvirt restart it, and leaves the definition as it is.
 */
import type { Ip } from '../../../api/network-addresses.ts'
import type { NetworkDefinition } from '../definition.ts'
import type { NetworkChange } from './change.ts'

/** `ip`: number of the one whose DHCP dnsmasq is behind with. */
export function followUp(from: NetworkDefinition, to: NetworkDefinition, ip: number): NetworkChange[] {
  return to.settings.dns?.enable === false ? rangePair(from, to, ip) : txtPair([from, to])
}

/** RFC 2606 keeps .invalid out of every real use; and should a record of either side have the name, this one is another. */
function txtPair(definitions: NetworkDefinition[]): NetworkChange[] {
  const taken = new Set(
    definitions.flatMap(({ settings }) => settings.dns?.txts?.map(({ name }) => name) ?? []),
  )
  let name = 'patchbay.invalid'
  while (taken.has(name)) name = `x-${name}`
  const update = { section: 'dns-txt', parentIndex: 0, entry: { name, value: '' } } as const
  return [
    { command: 'add-last', ...update },
    { command: 'delete', ...update },
  ]
}

/** Without DNS libvirt takes no record: a range of one address, which is a host's anyway. */
function rangePair(from: NetworkDefinition, to: NetworkDefinition, ip: number): NetworkChange[] {
  const before = from.settings.ips![ip]!
  const after = to.settings.ips!.find(({ address }) => address === before.address)
  const hostOf = ({ dhcp }: Ip) => dhcp?.hosts?.[0]?.ip
  const address = (after && hostOf(after)) ?? hostOf(before)!
  const update = {
    section: 'ip-dhcp-range',
    parentIndex: ip,
    entry: { start: address, end: address },
  } as const
  return [
    { command: 'add-last', ...update },
    { command: 'delete', ...update },
  ]
}
