/**
 * libvirt's remote procedures that we call, as a table: name, number, whether it changes anything, arguments, result.
 * Names, numbers and fields are those of remote_protocol.x (the same in libvirt 9.0 and 11.3; they never change).
 */
import { array, type Infer, int32, option, struct, uint32, uint64, type XdrType } from '@stellar/js-xdr'
import { text, uuid } from './xdr.ts'

export const REMOTE_PROGRAM = 0x20008086
export const KEEPALIVE_PROGRAM = 0x6b656570
/** The version of both programs. */
export const PROTOCOL_VERSION = 1

/** `id` is -1 while the domain is off. libvirt finds a domain by its UUID alone. */
export const domain = struct('domain', { name: text, uuid, id: int32() })
export const network = struct('network', { name: text, uuid })
export const nodeDevice = struct('node device', { name: text })
/** libvirt finds a filter's binding by the link alone. */
const filterBinding = struct('filter binding', { device: text, filter: text })
export type DomainRef = Infer<typeof domain>
export type NetworkRef = Infer<typeof network>

type Fields = Record<string, XdrType<unknown>>
type Values<F extends Fields> = { readonly [K in keyof F]: Infer<F[K]> }

/** The part of libvirt that answers; a daemon of its own where libvirt runs modular. */
export type Driver = 'domain' | 'network' | 'node-device' | 'filter'

export interface Procedure<Args, Result> {
  readonly driver: Driver
  readonly name: string
  readonly number: number
  /** A write that got no answer may have happened all the same. */
  readonly writes: boolean
  readonly args: XdrType<Args>
  readonly result: XdrType<Result>
}

function procedure<A extends Fields, R extends Fields>(
  driver: Driver,
  name: string,
  number: number,
  access: 'read' | 'write',
  args: A,
  result: R,
): Procedure<Values<A>, Values<R>> {
  return {
    driver,
    name,
    number,
    writes: access === 'write',
    args: struct(name, args) as unknown as XdrType<Values<A>>,
    result: struct(name, result) as unknown as XdrType<Values<R>>,
  }
}

const int = int32()
const flags = uint32()
const none = {}
const list = { needResults: int, flags }
const deviceChange = { domain, xml: text, flags }
/** A typed parameter whose `type` is 2, VIR_TYPED_PARAM_UINT: the only one that is sent. */
const uintParam = struct('parameter', { field: text, type: int, value: uint32() })

// biome-ignore format: a table
export const procedures = {
  authList:             procedure('domain', 'AUTH_LIST', 66, 'read', none, { types: array(int, 20) }),
  authPolkit:           procedure('domain', 'AUTH_POLKIT', 70, 'read', none, { complete: int }),
  open:                 procedure('domain', 'CONNECT_OPEN', 1, 'read', { name: option(text), flags }, none),
  supportsFeature:      procedure('domain', 'CONNECT_SUPPORTS_FEATURE', 60, 'read', { feature: int }, { supported: int }),
  libVersion:           procedure('domain', 'CONNECT_GET_LIB_VERSION', 157, 'read', none, { version: uint64() }),
  hypervisorVersion:    procedure('domain', 'CONNECT_GET_VERSION', 4, 'read', none, { version: uint64() }),

  listDomains:          procedure('domain', 'CONNECT_LIST_ALL_DOMAINS', 273, 'read', list, { domains: array(domain, 16_384), count: uint32() }),
  domainByName:         procedure('domain', 'DOMAIN_LOOKUP_BY_NAME', 23, 'read', { name: text }, { domain }),
  domainByUUID:         procedure('domain', 'DOMAIN_LOOKUP_BY_UUID', 24, 'read', { uuid }, { domain }),
  domainXML:            procedure('domain', 'DOMAIN_GET_XML_DESC', 14, 'read', { domain, flags }, { xml: text }),
  domainState:          procedure('domain', 'DOMAIN_GET_STATE', 212, 'read', { domain, flags }, { state: int, reason: int }),
  domainIsPersistent:   procedure('domain', 'DOMAIN_IS_PERSISTENT', 151, 'read', { domain }, { persistent: int }),
  attachDevice:         procedure('domain', 'DOMAIN_ATTACH_DEVICE_FLAGS', 160, 'write', deviceChange, none),
  detachDevice:         procedure('domain', 'DOMAIN_DETACH_DEVICE_FLAGS', 161, 'write', deviceChange, none),
  updateDevice:         procedure('domain', 'DOMAIN_UPDATE_DEVICE_FLAGS', 174, 'write', deviceChange, none),
  detachDeviceAlias:    procedure('domain', 'DOMAIN_DETACH_DEVICE_ALIAS', 392, 'write', { domain, alias: text, flags }, none),
  setInterfaceParams:   procedure('domain', 'DOMAIN_SET_INTERFACE_PARAMETERS', 256, 'write', { domain, device: text, params: array(uintParam, 16), flags }, none),
  setMetadata:          procedure('domain', 'DOMAIN_SET_METADATA', 264, 'write', { domain, type: int, metadata: option(text), key: option(text), uri: option(text), flags }, none),
  getMetadata:          procedure('domain', 'DOMAIN_GET_METADATA', 265, 'read', { domain, type: int, uri: option(text), flags }, { metadata: text }),

  listNetworks:         procedure('network', 'CONNECT_LIST_ALL_NETWORKS', 283, 'read', list, { networks: array(network, 16_384), count: uint32() }),
  networkByName:        procedure('network', 'NETWORK_LOOKUP_BY_NAME', 46, 'read', { name: text }, { network }),
  networkXML:           procedure('network', 'NETWORK_GET_XML_DESC', 43, 'read', { network, flags }, { xml: text }),
  networkIsActive:      procedure('network', 'NETWORK_IS_ACTIVE', 152, 'read', { network }, { active: int }),
  networkIsPersistent:  procedure('network', 'NETWORK_IS_PERSISTENT', 153, 'read', { network }, { persistent: int }),
  networkDefine:        procedure('network', 'NETWORK_DEFINE_XML', 41, 'write', { xml: text }, { network }),
  networkCreate:        procedure('network', 'NETWORK_CREATE', 39, 'write', { network }, none),
  networkDestroy:       procedure('network', 'NETWORK_DESTROY', 42, 'write', { network }, none),
  networkUndefine:      procedure('network', 'NETWORK_UNDEFINE', 49, 'write', { network }, none),
  networkAutostart:     procedure('network', 'NETWORK_GET_AUTOSTART', 44, 'read', { network }, { autostart: int }),
  setNetworkAutostart:  procedure('network', 'NETWORK_SET_AUTOSTART', 48, 'write', { network, autostart: int }, none),
  networkUpdate:        procedure('network', 'NETWORK_UPDATE', 291, 'write', { network, command: uint32(), section: uint32(), parentIndex: int, xml: text, flags }, none),

  filterBindingXML:     procedure('filter', 'NWFILTER_BINDING_GET_XML_DESC', 398, 'read', { binding: filterBinding, flags }, { xml: text }),

  listNodeDevices:      procedure('node-device', 'CONNECT_LIST_ALL_NODE_DEVICES', 285, 'read', list, { devices: array(nodeDevice, 65_536), count: uint32() }),
  nodeDeviceXML:        procedure('node-device', 'NODE_DEVICE_GET_XML_DESC', 114, 'read', { name: text, flags }, { xml: text }),
  nodeDeviceParent:     procedure('node-device', 'NODE_DEVICE_GET_PARENT', 115, 'read', { name: text }, { parent: option(text) }),

  watchDomains:         procedure('domain', 'CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY', 316, 'read', { event: int, domain: option(domain) }, { callback: int }),
  watchNetworks:        procedure('network', 'CONNECT_NETWORK_EVENT_REGISTER_ANY', 313, 'read', { event: int, network: option(network) }, { callback: int }),
  watchNodeDevices:     procedure('node-device', 'CONNECT_NODE_DEVICE_EVENT_REGISTER_ANY', 374, 'read', { event: int, device: option(nodeDevice) }, { callback: int }),
}

/** The body of a reply whose status is an error. */
export const errorReply = struct('error', {
  code: int,
  domain: int,
  message: option(text),
  level: int,
  dom: option(domain),
  str1: option(text),
  str2: option(text),
  str3: option(text),
  int1: int,
  int2: int,
  net: option(network),
})
