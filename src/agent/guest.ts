/** A guest as its definitions show it, read afresh. */
import { setImmediate } from 'node:timers/promises'
import type { DomainRef, LibvirtClient } from '../libvirt/client.ts'
import { isLibvirtError } from '../libvirt/rpc/error.ts'
import { type Domain, readDomain } from '../libvirt/xml/domain.ts'

export interface ObservedGuest {
  ref: DomainRef
  running: boolean
  /** It has a saved definition. */
  persistent: boolean
  /** Its live definition as libvirt prints it; of one that is off the saved one. */
  xml: string
  live?: Domain
  saved?: Domain
}

/**
 * Reads guests, each once for all that ask before the read begins: it is as fresh as one of their own, and the passes over
 * a guest with many interfaces come together.
 */
export class Guests {
  readonly #libvirt: LibvirtClient
  /** Reads that have not begun, by the UUID of the guest. */
  readonly #asked = new Map<string, Promise<ObservedGuest | undefined>>()

  constructor(libvirt: LibvirtClient) {
    this.#libvirt = libvirt
  }

  /** By its live and its saved definition; undefined when it is gone. A read that is shared ends by its deadline, not by a signal. */
  async read(ref: DomainRef, signal: AbortSignal): Promise<ObservedGuest | undefined> {
    let reading = this.#asked.get(ref.uuid)
    if (!reading) {
      reading = this.#begin(ref)
      this.#asked.set(ref.uuid, reading)
    }
    const guest = await reading
    signal.throwIfAborted()
    return guest
  }

  async #begin(ref: DomainRef): Promise<ObservedGuest | undefined> {
    // All passes that begin now have asked by then.
    await setImmediate()
    this.#asked.delete(ref.uuid)
    return readGuest(this.#libvirt, ref)
  }
}

async function readGuest(libvirt: LibvirtClient, ref: DomainRef): Promise<ObservedGuest | undefined> {
  try {
    const [current, inactive, persistent] = await Promise.all([
      libvirt.domainXML(ref),
      libvirt.domainXML(ref, { inactive: true }),
      libvirt.domainIsPersistent(ref),
    ])
    const now = readDomain(current)
    const saved = now.running ? readDomain(inactive) : now
    return {
      ref: { ...ref, name: now.name },
      running: now.running,
      xml: current,
      persistent,
      ...(now.running && { live: now }),
      ...(persistent && { saved }),
    }
  } catch (error) {
    if (isLibvirtError(error, 'VIR_ERR_NO_DOMAIN')) return undefined
    throw error
  }
}
