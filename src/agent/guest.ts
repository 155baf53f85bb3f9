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

type Definitions = Pick<ObservedGuest, 'xml' | 'savedXml'> & { current: Domain; inactive?: Domain }

/** Reads guests, each once for all that ask together, as the passes over a guest with many interfaces do. */
export class Guests {
  readonly #libvirt: LibvirtClient
  readonly #definitions = new SharedReads<Definitions>()
  readonly #persistence = new SharedReads<boolean>()

  constructor(libvirt: LibvirtClient) {
    this.#libvirt = libvirt
  }

  /**
   * By its live and its saved definition; undefined when it is gone. `earlier`: what the same pass has read of it. Whether it is
   * persistent is not asked again then: an event tells when that changes, and another pass follows.
   */
  async read(
    ref: DomainRef,
    signal: AbortSignal,
    earlier?: ObservedGuest,
  ): Promise<ObservedGuest | undefined> {
    const libvirt = this.#libvirt
    try {
      const [{ xml, savedXml, current, inactive }, persistent] = await Promise.all([
        this.#definitions.read(ref.uuid, () => readDefinitions(libvirt, ref), signal),
        earlier?.ref.uuid === ref.uuid
          ? earlier.persistent
          : this.#persistence.read(ref.uuid, () => libvirt.domainIsPersistent(ref), signal),
      ])
      const { name, running } = current
      return {
        ref: { ...ref, name },
        running,
        xml,
        savedXml,
        persistent,
        ...(running && { live: current }),
        ...(persistent && { saved: inactive ?? current }),
      }
    } catch (error) {
      if (isLibvirtError(error, 'VIR_ERR_NO_DOMAIN')) return undefined
      throw error
    }
  }
}

async function readDefinitions(libvirt: LibvirtClient, ref: DomainRef): Promise<Definitions> {
  const [xml, savedXml] = await Promise.all([
    libvirt.domainXML(ref),
    libvirt.domainXML(ref, { inactive: true }),
  ])
  const current = readDomain(xml)
  return { xml, savedXml, current, ...(current.running && { inactive: readDomain(savedXml) }) }
}
