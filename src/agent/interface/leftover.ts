/** Clears away what a libvirtd left behind that died while it plugged the interface in. */
import { nameOf } from '../../core/identity.ts'
import { isExclusive } from '../../core/ledger.ts'
import { leftoverOf } from '../../core/leftover.ts'
import { portFromStatus } from '../../core/port.ts'
import { removeLink } from '../../host/ip.ts'
import type { Context } from '../context.ts'
import type { Work } from './work.ts'

/**
 * Only when nobody is plugging the interface in at this moment: libvirt makes the macvtap before a definition shows it. Goes by
 * the port and the MAC address that this pass reported.
 */
export async function clearLeftover(context: Context, work: Work): Promise<void> {
  const { report, resource, log, signal } = work
  const { port, mac, sources, effective } = report.facts
  if (port?.kind !== 'direct' || port.hostName !== context.host.name || !mac) return
  const self = nameOf(resource)
  const recorded = portFromStatus(port)
  const unmistakable = sources?.mac === 'generated' || isExclusive(recorded, effective?.virtualPort?.type)
  const view = await context.ledger.view(signal, self)
  const leftover = leftoverOf({ self, port: recorded, mac, unmistakable }, view)
  if (!leftover) return
  await removeLink(leftover.name, 'macvtap', signal)
  log.warn({ link: leftover.name, device: leftover.lower }, 'removed a macvtap that libvirt left behind')
}
