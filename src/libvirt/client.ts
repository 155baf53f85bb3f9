/**
 * A host's libvirt: a method for each thing that Patchbay asks of it. It connects again by itself after it lost it.
 * Every method rejects with a LibvirtError, and takes a deadline and an AbortSignal.
 */
import type { Bandwidth } from '../api/settings.ts'
import { clientError, isLibvirtError } from './rpc/error.ts'
import { type CallOptions, LastingSession } from './rpc/lasting-session.ts'
import { type DomainRef, type NetworkRef, procedures } from './rpc/procedures.ts'

export type { LibvirtEvent } from './rpc/events.ts'
export type { CallOptions, EndedCall, LastingSessionOptions as ClientOptions } from './rpc/lasting-session.ts'
export type { DomainRef, NetworkRef } from './rpc/procedures.ts'

/** Which definitions a change is for; at least one. */
export interface Scope {
  live: boolean
  saved: boolean
}

export type DomainState =
  | 'unknown'
  | 'running'
  | 'blocked'
  | 'paused'
  | 'shutting down'
  | 'off'
  | 'crashed'
  | 'suspended'
/** virDomainState; the index is the number on the wire. */
const domainStates: readonly DomainState[] = [
  'unknown',
  'running',
  'blocked',
  'paused',
  'shutting down',
  'off',
  'crashed',
  'suspended',
]

/** virNetworkUpdateCommand */
const updateCommands = { modify: 1, delete: 2, 'add-last': 3, 'add-first': 4 } as const
/** virNetworkUpdateSection: those that libvirt can change one by one. */
const updateSections = {
  'ip-dhcp-host': 4,
  'ip-dhcp-range': 5,
  'forward-interface': 7,
  portgroup: 9,
  'dns-host': 10,
  'dns-txt': 11,
  'dns-srv': 12,
} as const

export interface NetworkUpdate {
  command: keyof typeof updateCommands
  section: keyof typeof updateSections
  /** Counts the network's `ip` elements from 0 where the section stands in one; else 0. */
  parentIndex: number
  xml: string
}

/** VIR_DOMAIN_AFFECT_* and VIR_NETWORK_UPDATE_AFFECT_* */
const affectLive = 1
const affectConfig = 2
/** VIR_DOMAIN_XML_INACTIVE and VIR_NETWORK_XML_INACTIVE */
const domainXmlInactive = 2
const networkXmlInactive = 1
/** VIR_TYPED_PARAM_UINT */
const typedUint = 2
/** VIR_DOMAIN_METADATA_ELEMENT */
const metadataElement = 2
const all = { needResults: 1, flags: 0 }

export class LibvirtClient extends LastingSession {
  // Versions, as 1,000,000 × major + 1,000 × minor + release.

  async libvirtVersion(options?: CallOptions): Promise<number> {
    const { version } = await this.call(procedures.libVersion, {}, options)
    return Number(version)
  }

  /** QEMU's. */
  async hypervisorVersion(options?: CallOptions): Promise<number> {
    const { version } = await this.call(procedures.hypervisorVersion, {}, options)
    return Number(version)
  }

  // Domains

  /** All of them, running (`id` is 0 or more) and off (-1). */
  async listDomains(options?: CallOptions): Promise<DomainRef[]> {
    const { domains } = await this.call(procedures.listDomains, all, options)
    return domains
  }

  /** undefined when there is none of that name. */
  async domainByName(name: string, options?: CallOptions): Promise<DomainRef | undefined> {
    const found = await orUndefined(
      this.call(procedures.domainByName, { name }, options),
      'VIR_ERR_NO_DOMAIN',
    )
    return found?.domain
  }

  /** undefined when there is none with that UUID. */
  async domainByUUID(uuid: string, options?: CallOptions): Promise<DomainRef | undefined> {
    const found = await orUndefined(
      this.call(procedures.domainByUUID, { uuid }, options),
      'VIR_ERR_NO_DOMAIN',
    )
    return found?.domain
  }

  /** The live definition of a running domain, or with `inactive` the saved one. */
  async domainXML(domain: DomainRef, options?: CallOptions & { inactive?: boolean }): Promise<string> {
    const flags = options?.inactive ? domainXmlInactive : 0
    const { xml } = await this.call(procedures.domainXML, { domain, flags }, options)
    return xml
  }

  async domainState(domain: DomainRef, options?: CallOptions): Promise<DomainState> {
    const { state } = await this.call(procedures.domainState, { domain, flags: 0 }, options)
    return domainStates[state] ?? 'unknown'
  }

  /** Whether it has a saved definition. */
  async domainIsPersistent(domain: DomainRef, options?: CallOptions): Promise<boolean> {
    const { persistent } = await this.call(procedures.domainIsPersistent, { domain }, options)
    return persistent !== 0
  }

  /** virsh attach-device */
  async attachDevice(domain: DomainRef, xml: string, scope: Scope, options?: CallOptions): Promise<void> {
    await this.call(procedures.attachDevice, { domain, xml, flags: affect(scope) }, options)
  }

  /** virsh update-device */
  async updateDevice(domain: DomainRef, xml: string, scope: Scope, options?: CallOptions): Promise<void> {
    await this.call(procedures.updateDevice, { domain, xml, flags: affect(scope) }, options)
  }

  /**
   * virsh detach-device. Of a running guest it only asks: success may mean that the guest hasn't answered for 5 s and
   * still has the device. `device-removed` tells when it is gone.
   */
  async detachDevice(domain: DomainRef, xml: string, scope: Scope, options?: CallOptions): Promise<void> {
    await this.call(procedures.detachDevice, { domain, xml, flags: affect(scope) }, options)
  }

  /**
   * virsh detach-device-alias. Of a running guest it only asks and never waits: `device-removed` tells. An alias that
   * isn't there is VIR_ERR_INTERNAL_ERROR (libvirt 9.0), which says nothing: look first.
   */
  async detachDeviceAlias(
    domain: DomainRef,
    alias: string,
    scope: Scope,
    options?: CallOptions,
  ): Promise<void> {
    await this.call(procedures.detachDeviceAlias, { domain, alias, flags: affect(scope) }, options)
  }

  /**
   * virsh domiftune DOMAIN DEVICE --inbound ... --outbound ... --live: both directions, of which one that is not given has
   * no limit afterwards. `device`: the link on the host.
   */
  async setBandwidth(
    domain: DomainRef,
    device: string,
    bandwidth: Bandwidth | undefined,
    options?: CallOptions,
  ): Promise<void> {
    const { inbound, outbound } = bandwidth ?? {}
    const rates = {
      'inbound.average': inbound?.average,
      'inbound.peak': inbound?.peak,
      'inbound.burst': inbound?.burst,
      'inbound.floor': inbound?.floor,
      'outbound.average': outbound?.average,
      'outbound.peak': outbound?.peak,
      'outbound.burst': outbound?.burst,
    }
    const params = Object.entries(rates).map(([field, value = 0]) => ({ field, type: typedUint, value }))
    await this.call(procedures.setInterfaceParams, { domain, device, params, flags: affectLive }, options)
  }

  /** The element of this namespace; undefined when there is none. `live` or `saved`, not both. */
  async getMetadata(
    domain: DomainRef,
    uri: string,
    from: 'live' | 'saved',
    options?: CallOptions,
  ): Promise<string | undefined> {
    const flags = from === 'live' ? affectLive : affectConfig
    const call = this.call(procedures.getMetadata, { domain, type: metadataElement, uri, flags }, options)
    return (await orUndefined(call, 'VIR_ERR_NO_DOMAIN_METADATA'))?.metadata
  }

  /** Replaces the element of this namespace, or removes it when `xml` is undefined. `prefix` is the namespace's. */
  async setMetadata(
    domain: DomainRef,
    element: { uri: string; prefix: string; xml: string | undefined },
    scope: Scope,
    options?: CallOptions,
  ): Promise<void> {
    const { uri, prefix, xml } = element
    const args = {
      domain,
      type: metadataElement,
      metadata: xml ?? null,
      key: prefix,
      uri,
      flags: affect(scope),
    }
    await this.call(procedures.setMetadata, args, options)
  }

  // Networks

  async listNetworks(options?: CallOptions): Promise<NetworkRef[]> {
    const { networks } = await this.call(procedures.listNetworks, all, options)
    return networks
  }

  /** undefined when there is none of that name. */
  async networkByName(name: string, options?: CallOptions): Promise<NetworkRef | undefined> {
    const call = this.call(procedures.networkByName, { name }, options)
    return (await orUndefined(call, 'VIR_ERR_NO_NETWORK'))?.network
  }

  /** The live definition of an active network, or with `inactive` the saved one. */
  async networkXML(network: NetworkRef, options?: CallOptions & { inactive?: boolean }): Promise<string> {
    const flags = options?.inactive ? networkXmlInactive : 0
    const { xml } = await this.call(procedures.networkXML, { network, flags }, options)
    return xml
  }

  async networkIsActive(network: NetworkRef, options?: CallOptions): Promise<boolean> {
    const { active } = await this.call(procedures.networkIsActive, { network }, options)
    return active !== 0
  }

  /** Whether it has a saved definition. */
  async networkIsPersistent(network: NetworkRef, options?: CallOptions): Promise<boolean> {
    const { persistent } = await this.call(procedures.networkIsPersistent, { network }, options)
    return persistent !== 0
  }

  /** virsh net-define: makes or replaces the saved definition; a running network keeps its live one. */
  async networkDefine(xml: string, options?: CallOptions): Promise<NetworkRef> {
    const { network } = await this.call(procedures.networkDefine, { xml }, options)
    return network
  }

  /** virsh net-start */
  async networkCreate(network: NetworkRef, options?: CallOptions): Promise<void> {
    await this.call(procedures.networkCreate, { network }, options)
  }

  /** virsh net-destroy: stops it; the saved definition stays. */
  async networkDestroy(network: NetworkRef, options?: CallOptions): Promise<void> {
    await this.call(procedures.networkDestroy, { network }, options)
  }

  async networkUndefine(network: NetworkRef, options?: CallOptions): Promise<void> {
    await this.call(procedures.networkUndefine, { network }, options)
  }

  async networkAutostart(network: NetworkRef, options?: CallOptions): Promise<boolean> {
    const { autostart } = await this.call(procedures.networkAutostart, { network }, options)
    return autostart !== 0
  }

  async setNetworkAutostart(network: NetworkRef, autostart: boolean, options?: CallOptions): Promise<void> {
    await this.call(procedures.setNetworkAutostart, { network, autostart: autostart ? 1 : 0 }, options)
  }

  /** virsh net-update */
  async networkUpdate(
    network: NetworkRef,
    update: NetworkUpdate,
    scope: Scope,
    options?: CallOptions,
  ): Promise<void> {
    const { parentIndex, xml } = update
    let command: number = updateCommands[update.command]
    let section: number = updateSections[update.section]
    if (this.networkUpdateSwapped) [command, section] = [section, command]
    const args = { network, command, section, parentIndex, xml, flags: affect(scope) }
    await this.call(procedures.networkUpdate, args, options)
  }

  // Filters

  /** The filter that is bound to a link of this host, as XML; undefined when none is. virsh nwfilter-binding-dumpxml */
  async filterBindingXML(device: string, options?: CallOptions): Promise<string | undefined> {
    const call = this.call(
      procedures.filterBindingXML,
      { binding: { device, filter: '' }, flags: 0 },
      options,
    )
    return (await orUndefined(call, 'VIR_ERR_NO_NWFILTER_BINDING'))?.xml
  }

  // Node devices

  /** Their names. */
  async listNodeDevices(options?: CallOptions): Promise<string[]> {
    const { devices } = await this.call(procedures.listNodeDevices, all, options)
    return devices.map(({ name }) => name)
  }

  async nodeDeviceXML(name: string, options?: CallOptions): Promise<string> {
    const { xml } = await this.call(procedures.nodeDeviceXML, { name, flags: 0 }, options)
    return xml
  }

  /** undefined for the root of the tree. */
  async nodeDeviceParent(name: string, options?: CallOptions): Promise<string | undefined> {
    const { parent } = await this.call(procedures.nodeDeviceParent, { name }, options)
    return parent ?? undefined
  }
}

function affect(scope: Scope): number {
  const flags = (scope.live ? affectLive : 0) | (scope.saved ? affectConfig : 0)
  // libvirt takes 0 for whatever is there at the moment, which nobody here ever means.
  if (flags === 0)
    throw clientError('INVALID_ARGUMENT', 'terminal', 'a change of neither live nor saved definition')
  return flags
}

async function orUndefined<T>(call: Promise<T>, code: string): Promise<T | undefined> {
  try {
    return await call
  } catch (error) {
    if (isLibvirtError(error, code)) return undefined
    throw error
  }
}
