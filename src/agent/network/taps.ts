/** The taps of running guests on a network's bridge, of guests of anybody: a restart of the network strands every one. */
import { readLink } from '../../host/link-state.ts'
import type { DomainRef } from '../../libvirt/client.ts'
import { isLibvirtError } from '../../libvirt/rpc/error.ts'
import type { DomainInterface } from '../../libvirt/xml/domain.ts'
import type { Context } from '../context.ts'
import { putBack } from '../interface/put-back.ts'
import { type NetworkUser, usersOf } from './users.ts'
import type { NetworkWork } from './work.ts'

type Host = Pick<Context, 'libvirt' | 'guests'>
type Pass = Pick<NetworkWork, 'log' | 'signal'>

/** Bridges on which every tap was found in its place: only who makes a bridge anew strands taps, and a new bridge has a new number. */
export class PluggedBridges {
  /** Numbers of links, by the name of the network. */
  readonly #indexes = new Map<string, number>()

  /** Asks for the guests only where the bridge is another one than before. */
  async keep(name: string, bridge: string, host: Host, work: Pass): Promise<void> {
    const index = readLink(bridge)?.index
    if (index === undefined || this.#indexes.get(name) === index) return
    const users = await usersOf(name, host, work.signal)
    // What was put back is looked at once more.
    if (!(await putBackTaps(users, bridge, host, work))) this.#indexes.set(name, index)
  }
}

/** `bridge`: that the network has now. Says whether any tap was not in its place. */
export async function putBackTaps(
  users: readonly NetworkUser[],
  bridge: string,
  host: Host,
  work: Pass,
): Promise<boolean> {
  let any = false
  for (const { guest, live } of users) {
    for (const each of live) any = (await putBackTap(guest.ref, each, bridge, host, work)) || any
  }
  return any
}

async function putBackTap(
  guest: DomainRef,
  { xml, definition }: DomainInterface,
  bridge: string,
  { libvirt }: Host,
  work: Pass,
): Promise<boolean> {
  const { port } = definition
  if (port.kind !== 'network') return false
  const moved = port.bridge !== bridge
  if (moved) {
    // An update that changes nothing makes libvirt look which bridge the network has now, and plug the tap in there.
    try {
      await libvirt.updateDevice(guest, xml, { live: true, saved: false }, { signal: work.signal })
    } catch (err) {
      if (!isLibvirtError(err)) throw err
      work.log.warn({ err, guest: guest.name, link: definition.device }, 'libvirt keeps the bridge it knew')
    }
  }
  return (await putBack({ ...definition, port: { ...port, bridge } }, work)) || moved
}
