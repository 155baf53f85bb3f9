/** Clears away what a libvirtd left behind that died while it plugged the interface in. */
import { nameOf } from '../../core/identity.ts'
import { isExclusive } from '../../core/ledger/ledger.ts'
import { leftoverOf } from '../../core/ledger/leftover.ts'
import type { Link } from '../../core/link.ts'
import { portFromStatus } from '../../core/port.ts'
import { removeLink } from '../../host/ip.ts'
import type { Context } from '../context.ts'
import type { LedgerView } from '../port-ledger.ts'
import type { Work } from './work.ts'

/** By the port and the MAC address that this pass reported. `view`: without what status records for the interface. */
export function leftoverIn(
  view: LedgerView,
  { host }: Context,
  { report, resource }: Work,
): Link | undefined {
  const { port, mac, sources, effective } = report.facts
  if (port?.kind !== 'direct' || port.hostName !== host.name || !mac) return undefined
  const recorded = portFromStatus(port)
  const unmistakable = sources?.mac === 'generated' || isExclusive(recorded, effective?.virtualPort?.type)
  return leftoverOf({ self: nameOf(resource), port: recorded, mac, unmistakable }, view)
}

/** Only when nobody is plugging the interface in at this moment: libvirt makes the macvtap before a definition shows it. */
export async function clearLeftover(context: Context, work: Work): Promise<void> {
  const { resource, log, signal } = work
  const leftover = leftoverIn(await context.ledger.view(signal, { without: nameOf(resource) }), context, work)
  if (!leftover) return
  await removeLink(leftover.name, 'macvtap', signal)
  log.warn({ link: leftover.name, device: leftover.lower }, 'removed a macvtap that libvirt left behind')
}
