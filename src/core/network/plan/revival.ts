/** Has libvirt start a dnsmasq again that has died: libvirt itself doesn't look, but does it for the next update. */
import type { NetworkDefinition } from '../definition.ts'
import type { NetworkChange } from './change.ts'
import { followUp } from './follow-up.ts'

/** Updates that leave the definition as it is. One that stays behind after a crash is a difference to the next plan. */
export function revival(live: NetworkDefinition): NetworkChange[] {
  const { dns, ips = [] } = live.settings
  if (dns?.enable !== false) return followUp(live, live, 0)
  // Without DNS libvirt takes no record. An address that the host has itself is nobody's to be lent.
  const serving = ips.findIndex(({ dhcp, tftp }) => dhcp || tftp)
  const ip = ips[serving]
  if (!ip) return []
  const update = {
    section: 'ip-dhcp-host',
    parentIndex: serving,
    entry: { name: 'patchbay.invalid', ip: ip.address },
  } as const
  return [
    { command: 'add-last', ...update },
    { command: 'delete', ...update },
  ]
}
