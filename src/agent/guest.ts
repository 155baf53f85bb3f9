/** A guest as its definitions show it, read afresh. */
import type { DomainRef, LibvirtClient } from '../libvirt/client.ts'
import { isLibvirtError } from '../libvirt/rpc/error.ts'
import { type Domain, readDomain } from '../libvirt/xml/domain.ts'
import { SharedReads } from './shared-reads.ts'

export interface ObservedGuest {
  ref: DomainRef
  running: boolean
  /** It has a saved definition. */
  persistent: boolean
  /** Its live definition as libvirt prints it; of one that is off the saved one. */
  xml: string
  /** Its saved definition as libvirt prints it; of one without any the live one, as it would be saved. */
  savedXml: string
  live?: Domain
  saved?: Domain
}

/** Reads guests, each once for all that ask together, as the passes over a guest with many interfaces do. */
export class Guests {
  readonly #libvirt: LibvirtClient
  readonly #reads = new SharedReads<ObservedGuest | undefined>()

  constructor(libvirt: LibvirtClient) {
    this.#libvirt = libvirt
  }

  /** By its live and its saved definition; undefined when it is gone. */
  async read(ref: DomainRef, signal: AbortSignal): Promise<ObservedGuest | undefined> {
    return this.#reads.read(ref.uuid, () => readGuest(this.#libvirt, ref), signal)
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
      savedXml: inactive,
      persistent,
      ...(now.running && { live: now }),
      ...(persistent && { saved }),
    }
  } catch (error) {
    if (isLibvirtError(error, 'VIR_ERR_NO_DOMAIN')) return undefined
    throw error
  }
}
