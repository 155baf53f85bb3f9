/**
 * libvirt's own answer to the same questions: networks that it defines and starts, and ports that it makes on them without any
 * guest (virNetworkPortCreateXML). What interface, network and port group come to, and the device, are its decisions.
 */
import { randomUUID } from 'node:crypto'
import { type Infer, struct, uint32, type XdrType } from '@stellar/js-xdr'
import type { NetworkSpec } from '../../../src/api/network.ts'
import type { Port } from '../../../src/core/port.ts'
import { Connection } from '../../../src/libvirt/rpc/connection.ts'
import { isLibvirtError } from '../../../src/libvirt/rpc/error.ts'
import { type NetworkRef, network, type Procedure, procedures } from '../../../src/libvirt/rpc/procedures.ts'
import { text, uuid } from '../../../src/libvirt/rpc/xdr.ts'
import { pciAddress } from '../../../src/libvirt/xml/codec.ts'
import { childOf, parseXml, type XmlElement } from '../../../src/libvirt/xml/document.ts'
import { readInterface, renderInterface } from '../../../src/libvirt/xml/interface.ts'
import type { Group, Settings } from './triples.ts'

const port = struct('network port', { network, uuid })
export type PortRef = Infer<typeof port>

/** Patchbay itself never makes ports of libvirt's networks: only this test calls these. */
function procedure<A, R>(
  name: string,
  number: number,
  args: XdrType<A>,
  result: XdrType<R>,
): Procedure<A, R> {
  return { driver: 'network', name, number, writes: true, args, result }
}
const flags = uint32()
const createPort = procedure(
  'NETWORK_PORT_CREATE_XML',
  406,
  struct('create', { network, xml: text, flags }),
  struct('created', { port }),
)
const portXML = procedure(
  'NETWORK_PORT_GET_XML_DESC',
  409,
  struct('get', { port, flags }),
  struct('got', { xml: text }),
)
const deletePort = procedure(
  'NETWORK_PORT_DELETE',
  410,
  struct('delete', { port, flags }),
  struct('deleted', {}),
)

const limits = { deadline: 30_000 }

export interface LibvirtPort {
  ref: PortRef
  settings: Settings
  /** As ours have it; of a libvirt network the bridge's name is left out. */
  port: Port
}

export type LibvirtAnswer = LibvirtPort | { refused: string }

export interface LibvirtNetwork {
  ref: NetworkRef
  /** What libvirt says of the groups that it doesn't take. */
  refusedGroups: ReadonlyMap<string, string>
}

export class LibvirtsPorts {
  readonly #connection: Connection

  static async connect(socket: string): Promise<LibvirtsPorts> {
    return new LibvirtsPorts(await Connection.open({ path: socket, uri: 'qemu:///system' }))
  }

  private constructor(connection: Connection) {
    this.#connection = connection
  }

  close(): void {
    this.#connection.close()
  }

  /** Defines and starts it with all groups that libvirt takes, each of which is asked about alone. */
  async start(
    name: string,
    spec: NetworkSpec,
    groups: Group[],
  ): Promise<LibvirtNetwork | { refused: string }> {
    const refusedGroups = new Map<string, string>()
    const identity = `<name>${name}</name><uuid>${randomUUID()}</uuid>`
    let found = await this.#define(identity, spec, groups)
    if ('refused' in found) {
      found = await this.#define(identity, spec, [])
      if ('refused' in found) return found
      for (const group of groups) {
        const alone = await this.#define(identity, spec, [group])
        if ('refused' in alone) refusedGroups.set(group.name, alone.refused)
      }
      const taken = groups.filter((group) => !refusedGroups.has(group.name))
      found = await this.#define(identity, spec, taken)
      if ('refused' in found)
        throw new Error(`${name}: each group alone is taken, all are not: ${found.refused}`)
    }
    await this.#connection.call(procedures.networkCreate, { network: found.ref }, limits)
    return { ref: found.ref, refusedGroups }
  }

  async stop({ ref }: LibvirtNetwork): Promise<void> {
    await this.#connection.call(procedures.networkDestroy, { network: ref }, limits)
    await this.#connection.call(procedures.networkUndefine, { network: ref }, limits)
  }

  /** As a guest that starts with this interface has libvirt do it. */
  async create(
    { ref }: LibvirtNetwork,
    group: string | undefined,
    settings: Settings,
  ): Promise<LibvirtAnswer> {
    const { attributes, children } = layerXml(settings)
    const owner = `<owner><name>vm1</name><uuid>${randomUUID()}</uuid></owner>`
    const ofGroup = group === undefined ? '' : `<group>${group}</group>`
    const trust = attributes && `<rxfilters trustGuest=${attributes.split('=')[1]}/>`
    const mac = "<mac address='52:54:00:00:00:01'/>"
    const xml = `<networkport><uuid>${randomUUID()}</uuid>${owner}${ofGroup}${mac}${children}${trust}</networkport>`
    const made = await asked(this.#connection.call(createPort, { network: ref, xml, flags: 0 }, limits))
    if ('refused' in made) return made
    const got = await this.#connection.call(portXML, { port: made.port, flags: 0 }, limits)
    return { ref: made.port, ...readPort(got.xml, ref.name) }
  }

  async delete({ ref }: LibvirtPort): Promise<void> {
    await this.#connection.call(deletePort, { port: ref, flags: 0 }, limits)
  }

  async #define(identity: string, spec: NetworkSpec, groups: Group[]) {
    const xml = networkXml(identity, spec, groups)
    const defined = await asked(this.#connection.call(procedures.networkDefine, { xml }, limits))
    return 'refused' in defined ? defined : { ref: defined.network }
  }
}

/** An answer of libvirt's that says no is an answer; anything else that goes wrong is not. */
async function asked<T>(call: Promise<T>): Promise<T | { refused: string }> {
  try {
    return await call
  } catch (error) {
    if (isLibvirtError(error) && error.domain !== 'client') return { refused: error.message }
    throw error
  }
}

/** The elements of a layer are those of an `<interface>`, but for the attribute trustGuestRxFilters. */
function layerXml(settings: Settings): { attributes: string; children: string } {
  const xml = renderInterface({ port: { kind: 'ethernet' }, settings })
  const [, attributes = '', children = ''] =
    /^<interface type='ethernet'\s*([^>]*?)(?:\/>|>(.*)<\/interface>)\s*$/s.exec(xml) ?? []
  return { attributes, children }
}

function networkXml(identity: string, spec: NetworkSpec, groups: Group[]): string {
  const { forward, bridge, dns, ips = [], ...settings } = spec
  const { attributes, children } = layerXml(settings)
  const devices = [
    ...(forward?.interfaces ?? []).map(({ dev }) => `<interface dev='${dev}'/>`),
    ...(forward?.addresses ?? []).map((address) => {
      const [domain, bus, slot, fn] = address.split(/[:.]/)
      return `<address type='pci' domain='0x${domain}' bus='0x${bus}' slot='0x${slot}' function='0x${fn}'/>`
    }),
  ]
  const managed = forward?.managed ? " managed='yes'" : ''
  const portGroups = groups.map((group) => {
    // libvirt knows no isolation of port groups: it drops it.
    const { portIsolation: _, ...known } = group.settings
    const layer = layerXml(known)
    const isDefault = group.default ? " default='yes'" : ''
    return `<portgroup name='${group.name}'${isDefault} ${layer.attributes}>${layer.children}</portgroup>`
  })
  return `<network ${attributes}>${identity}${
    forward ? `<forward mode='${forward.mode}'${managed}>${devices.join('')}</forward>` : ''
  }${bridge?.name ? `<bridge name='${bridge.name}'/>` : ''}${dns ? "<dns enable='no'/>" : ''}${ips
    .map(({ address, prefix }) => `<ip address='${address}' prefix='${prefix}'/>`)
    .join('')}${children}${portGroups.join('')}</network>`
}

function readPort(xml: string, networkName: string): Omit<LibvirtPort, 'ref'> {
  const root = parseXml(xml)
  const trust = childOf(root, 'rxfilters')?.attributes.trustGuest
  const asInterface = xml
    .replace('<networkport>', "<interface type='ethernet'>")
    .replace('</networkport>', '</interface>')
  const { virtualPort, vlan, bandwidth, portIsolation } = readInterface(asInterface)!.settings
  return {
    settings: {
      ...(virtualPort && { virtualPort }),
      ...(vlan && { vlan }),
      ...(bandwidth && { bandwidth }),
      ...(trust !== undefined && { trustGuestRxFilters: trust === 'yes' }),
      ...(portIsolation !== undefined && { portIsolation }),
    },
    port: plugOf(childOf(root, 'plug')!, networkName),
  }
}

function plugOf(plug: XmlElement, networkName: string): Port {
  const { type, bridge, dev, mode, managed } = plug.attributes
  switch (type) {
    case 'network':
      return { kind: 'network', network: networkName }
    case 'bridge':
      return { kind: 'bridge', bridge: bridge! }
    case 'direct':
      return { kind: 'direct', dev: dev!, mode: mode as 'bridge', network: networkName }
    case 'hostdev-pci': {
      const address = pciAddress.read(childOf(plug, 'address')!)!
      return { kind: 'hostdev', address, network: networkName, managed: managed === 'yes' }
    }
    default:
      throw new Error(`libvirt made a port of type ${type}`)
  }
}
