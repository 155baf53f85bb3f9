/** libvirt's networks: which carry our mark, so that what an object had under another name is not forgotten, and their bridges and pools. */
import type { LibvirtClient, NetworkRef } from '../libvirt/client.ts'
import { isLibvirtError } from '../libvirt/rpc/error.ts'
import { markNamespace } from '../libvirt/xml/network/mark.ts'
import { parsedNetwork } from './parsed-network.ts'
import { SharedReads } from './shared-reads.ts'

export interface KnownNetwork {
  ref: NetworkRef
  /** Name of the Network object. */
  owner?: string
  /** Of its saved definition; of one that has none, of the live one. */
  bridge?: string
}

/** A network as libvirt prints it. */
export interface NetworkTexts {
  /** Of a network that is off the same as `saved`. */
  live: string
  saved: string
}

/** Reads libvirt's networks, once for all passes that ask together: each needs the whole list, or the pool of the same network. */
export class Networks {
  readonly #libvirt: LibvirtClient
  readonly #lists = new SharedReads<KnownNetwork[]>()
  readonly #texts = new SharedReads<NetworkTexts | undefined>()

  constructor(libvirt: LibvirtClient) {
    this.#libvirt = libvirt
  }

  async list(signal: AbortSignal): Promise<KnownNetwork[]> {
    return this.#lists.read('all', () => this.#list(), signal)
  }

  /** undefined when libvirt has no network of that name. */
  async texts(name: string, signal: AbortSignal): Promise<NetworkTexts | undefined> {
    return this.#texts.read(name, () => this.#textsOf(name), signal)
  }

  async #list(): Promise<KnownNetwork[]> {
    const refs = await this.#libvirt.listNetworks()
    const known = await Promise.all(refs.map((ref) => this.#read(ref)))
    return known.filter((each) => each !== undefined)
  }

  async #textsOf(name: string): Promise<NetworkTexts | undefined> {
    const ref = await this.#libvirt.networkByName(name)
    if (!ref) return undefined
    const [live, saved] = await Promise.all([
      this.#libvirt.networkXML(ref),
      this.#libvirt.networkXML(ref, { inactive: true }),
    ])
    return { live, saved }
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
