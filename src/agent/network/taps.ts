/** The taps of running guests on a network's bridge, of guests of anybody: a restart of the network strands every one. */
import type { DomainRef } from '../../libvirt/client.ts'
import { isLibvirtError } from '../../libvirt/rpc/error.ts'
import type { DomainInterface } from '../../libvirt/xml/domain.ts'
import type { Context } from '../context.ts'
import { putBack } from '../interface/put-back.ts'
import { usersOf } from './users.ts'
import type { NetworkWork } from './work.ts'

type Host = Pick<Context, 'libvirt' | 'guests'>

/** Does nothing for taps in their place. `bridge`: that the network has now. */
export async function putBackTaps(
  name: string,
  bridge: string,
  host: Host,
  work: Pick<NetworkWork, 'log' | 'signal'>,
): Promise<void> {
  const users = await usersOf(name, host, work.signal)
  for (const { guest, live } of users) {
    for (const each of live) await putBackTap(guest.ref, each, bridge, host, work)
  }
}

async function putBackTap(
  guest: DomainRef,
  { xml, definition }: DomainInterface,
  bridge: string,
  { libvirt }: Host,
  work: Pick<NetworkWork, 'log' | 'signal'>,
): Promise<void> {
  const { port } = definition
  if (port.kind !== 'network') return
  if (port.bridge !== bridge) {
    // An update that changes nothing makes libvirt look which bridge the network has now, and plug the tap in there.
    try {
      await libvirt.updateDevice(guest, xml, { live: true, saved: false }, { signal: work.signal })
    } catch (err) {
      if (!isLibvirtError(err)) throw err
      work.log.warn({ err, guest: guest.name, link: definition.device }, 'libvirt keeps the bridge it knew')
    }
  }
  await putBack({ ...definition, port: { ...port, bridge } }, work)
}
