/** libvirt networks that carry our mark, and the bridges of all: what an object had under another name must not be forgotten. */
import { setImmediate } from 'node:timers/promises'
import type { LibvirtClient, NetworkRef } from '../../libvirt/client.ts'
import { isLibvirtError } from '../../libvirt/rpc/error.ts'
import { markNamespace } from '../../libvirt/xml/network-mark.ts'
import { parsedNetwork } from './parsed.ts'

export interface KnownNetwork {
  ref: NetworkRef
  /** Name of the Network object. */
  owner?: string
  /** Of its saved definition; of one that has none, of the live one. */
  bridge?: string
}

/** Lists libvirt's networks once for all passes that ask before the list begins, since each pass needs the whole of it. */
export class KnownNetworks {
  readonly #libvirt: LibvirtClient
  #asked: Promise<KnownNetwork[]> | undefined

  constructor(libvirt: LibvirtClient) {
    this.#libvirt = libvirt
  }

  async list(signal: AbortSignal): Promise<KnownNetwork[]> {
    this.#asked ??= this.#begin()
    const known = await this.#asked
    signal.throwIfAborted()
    return known
  }

  async #begin(): Promise<KnownNetwork[]> {
    // All passes that begin now have asked by then.
    await setImmediate()
    this.#asked = undefined
    const refs = await this.#libvirt.listNetworks()
    const known = await Promise.all(refs.map((ref) => this.#read(ref)))
    return known.filter((each) => each !== undefined)
  }

  async #read(ref: NetworkRef): Promise<KnownNetwork | undefined> {
    try {
      const xml = await this.#libvirt.networkXML(ref, { inactive: true })
      // Parsing is what costs: a network of thousands of DHCP hosts is known by two words of its definition.
      const owner = xml.includes(markNamespace) ? parsedNetwork(xml).owner : undefined
      const bridge = /<bridge [^>]*?\bname='([^']+)'/.exec(xml)?.[1]
      return { ref, ...(owner !== undefined && { owner }), ...(bridge !== undefined && { bridge }) }
    } catch (error) {
      if (isLibvirtError(error, 'VIR_ERR_NO_NETWORK')) return undefined
      throw error
    }
  }
}
