/** libvirt's `<interface>` <-> InterfaceDefinition. The tables below are the whole mapping; reading and writing both follow them. */
import { isDeepStrictEqual } from 'node:util'
import type { Driver, InterfaceSettings } from '../../api/settings.ts'
import type { InterfaceDefinition } from '../../core/definition.ts'
import type { Port } from '../../core/port.ts'
import {
  attribute,
  type Codec,
  child,
  flag,
  integer,
  libvirtsChoice,
  list,
  oneOf,
  onOff,
  pciAddress,
  record,
  type Shape,
  type Spelling,
  shape,
  shownOnly,
  tagged,
  text,
  yesNo,
} from './codec.ts'
import { buildXml, copyOf, element, isElement, parseXml, type XmlElement, XmlError } from './document.ts'

const lowerCase: Spelling<string> = { parse: (it) => it.toLowerCase(), print: (it) => it }

/** libvirt drops names of these beginnings from saved definitions, since it makes them up itself for live ones. */
const ownTargetName: Spelling<string> = {
  parse: (it) => (/^(vnet|macvtap|macvlan)/.test(it) ? undefined : it),
  print: (it) => it,
}

/** Only what the pattern has is written; anything is read. */
export const only = (pattern: RegExp, what: string): Spelling<string> => ({
  parse: (it) => it,
  print(it) {
    if (!pattern.test(it)) throw new XmlError(`${what} ${JSON.stringify(it)}: must match ${pattern.source}`)
    return it
  },
})

/**
 * libvirt (seen on 9.0) prints these two without escaping them, so that another value could put devices of its own into the saved
 * definition; and it drops other parameters of a filter in silence, which would open the filter.
 */
const profileID = only(/^[^<>&'"\p{Cc}]*$/u, 'virtualPort.profileID')
const filterName = only(/^[\w.-]+$/, 'filter.name')
const parameterName = only(/^\w+$/, 'the name of a filter.parameters')
const parameterValue = only(/^[\w.:]+$/, 'the value of a filter.parameters')

const offloads = shape<Record<string, boolean>>(
  Object.fromEntries(
    ['csum', 'gso', 'tso4', 'tso6', 'ecn', 'ufo'].map((name) => [name, attribute(name, onOff)]),
  ),
)

const driver = shape<Driver>({
  name: attribute('name', oneOf('qemu', 'vhost')),
  txmode: attribute('txmode', oneOf('iothread', 'timer')),
  ioeventfd: attribute('ioeventfd', onOff),
  eventIDX: attribute('event_idx', onOff),
  queues: attribute('queues', integer),
  rxQueueSize: attribute('rx_queue_size', integer),
  txQueueSize: attribute('tx_queue_size', integer),
  rss: attribute('rss', onOff),
  rssHashReport: attribute('rss_hash_report', onOff),
  iommu: attribute('iommu', onOff),
  ats: attribute('ats', onOff),
  packed: attribute('packed', onOff),
  pagePerVQ: attribute('page_per_vq', onOff),
  host: child('host', offloads),
  guest: child('guest', offloads),
})

const rates = {
  average: attribute('average', integer),
  peak: attribute('peak', integer),
  burst: attribute('burst', integer),
}

const parameter = <T>(name: string, spelling: Spelling<T>) => child('parameters', attribute(name, spelling))

export const settings: Shape<InterfaceSettings> = {
  trustGuestRxFilters: attribute('trustGuestRxFilters', yesNo),
  mac: libvirtsChoice(child('mac', attribute('address', lowerCase))),
  vlan: child(
    'vlan',
    shape(
      {
        trunk: attribute('trunk', flag),
        tags: list(
          'tag',
          shape(
            {
              id: attribute('id', integer),
              nativeMode: attribute('nativeMode', oneOf('tagged', 'untagged')),
            },
            ['id'],
          ),
        ),
      },
      ['tags'],
    ),
  ),
  virtualPort: child(
    'virtualport',
    shape({
      type: attribute('type', oneOf('802.1Qbg', '802.1Qbh', 'openvswitch', 'midonet')),
      managerID: parameter('managerid', integer),
      typeID: parameter('typeid', integer),
      typeIDVersion: parameter('typeidversion', integer),
      instanceID: parameter('instanceid', text),
      interfaceID: parameter('interfaceid', text),
      profileID: parameter('profileid', profileID),
    }),
  ),
  bandwidth: child(
    'bandwidth',
    shape({
      inbound: child('inbound', shape({ ...rates, floor: attribute('floor', integer) })),
      outbound: child('outbound', shape(rates, ['average'])),
    }),
  ),
  portIsolation: child('port', attribute('isolated', yesNo)),
  targetDevice: child('target', attribute('dev', ownTargetName)),
  model: libvirtsChoice(child('model', attribute('type', text))),
  driver: child('driver', driver),
  filter: child(
    'filterref',
    shape(
      {
        name: attribute('filter', filterName),
        parameters: record(
          list(
            'parameter',
            shape({ name: attribute('name', parameterName), value: attribute('value', parameterValue) }, [
              'name',
              'value',
            ]),
          ),
        ),
      },
      ['name'],
    ),
  ),
  link: child('link', shape({ state: attribute('state', oneOf('up', 'down')) })),
  mtu: child('mtu', attribute('size', integer)),
  coalesce: child(
    'coalesce',
    shape({
      rx: child('rx', shape({ frames: child('frames', shape({ max: attribute('max', integer) })) })),
    }),
  ),
  bootOrder: child('boot', attribute('order', integer)),
  rom: child(
    'rom',
    shape({
      enabled: attribute('enabled', yesNo),
      bar: attribute('bar', onOff),
      file: attribute('file', text),
    }),
  ),
  address: libvirtsChoice(child('address', tagged('type', 'pci', pciAddress))),
}

/** An attribute of `<source>`. */
const source = <T>(name: string, spelling: Spelling<T>) => child('source', attribute(name, spelling))

type PortOf<K extends Port['kind']> = Omit<Extract<Port, { kind: K }>, 'kind'>

/** The kind of a port is the `type` of its interface. */
const ports: { [K in Port['kind']]: Codec<PortOf<K>> } = {
  network: shape({ network: source('network', text), bridge: shownOnly(source('bridge', text)) }, [
    'network',
  ]),
  bridge: shape({ bridge: source('bridge', text) }, ['bridge']),
  direct: shape(
    { dev: source('dev', text), mode: source('mode', oneOf('vepa', 'bridge', 'private', 'passthrough')) },
    ['dev', 'mode'],
  ),
  hostdev: shape(
    {
      address: child('source', child('address', tagged('type', 'pci', pciAddress))),
      managed: attribute('managed', flag),
    },
    ['address'],
  ),
  vhostuser: shape(
    {
      path: child('source', tagged('type', 'unix', attribute('path', text))),
      mode: source('mode', oneOf('client', 'server')),
    },
    ['path', 'mode'],
  ),
  vdpa: shape({ dev: source('dev', text) }, ['dev']),
  user: shape({}),
  ethernet: shape({}),
}

/** From which libvirt network a port comes. What is not said of it stays: leaving it out would give the port back. */
const portGroup = libvirtsChoice(source('portgroup', text))
const portId = libvirtsChoice(source('portid', text))
const network = libvirtsChoice(source('network', text))

/** What stands in a definition beside port and settings, by kind of port. */
type Rest = Omit<InterfaceDefinition, 'port' | 'settings' | 'adoptedBy'>
const shown: Pick<Shape<Rest>, 'alias' | 'device'> = {
  alias: libvirtsChoice(child('alias', attribute('name', text))),
  device: shownOnly(child('target', attribute('dev', text))),
}
const ofNetwork = shape<Omit<Rest, 'network'>>({ ...shown, portGroup, portId })
const resolved = shape<Rest>({ ...shown, portGroup, portId, network })
const alone = shape<Pick<Rest, 'alias' | 'device'>>(shown)

const settingsOf = shape(settings)

const restOf = (kind: Port['kind']) =>
  kind === 'network' ? ofNetwork : kind === 'bridge' || kind === 'direct' ? resolved : alone

/** The order in which libvirt prints them; for readers only, libvirt takes any. */
const order = [
  ...['mac', 'source', 'vlan', 'virtualport', 'bandwidth', 'port', 'script', 'downscript', 'backenddomain'],
  ...['guest', 'target', 'model', 'driver', 'backend', 'filterref', 'link', 'mtu', 'teaming', 'coalesce'],
  ...['boot', 'rom', 'alias', 'acpi', 'address'],
]

/**
 * The interface as our model has it, in canonical spelling (lower case MAC and PCI address); undefined when it is plugged into something
 * the model has no word for (type mcast, a USB function, a source without a device). What is not understood is left out. Throws
 * XmlError when the text is no XML or no `<interface>`.
 */
export function readInterface(xml: string): InterfaceDefinition | undefined {
  const from = parseInterface(xml)
  const port = readPort(from)
  if (port === undefined) return undefined
  return { ...restOf(port.kind).read(from), port, settings: settingsOf.read(from) ?? {} }
}

/**
 * The interface as XML for libvirt. With `base`, the XML of an interface that is there, the result is that with port and settings made
 * as `definition` has them: a setting that it does not have is taken away, except those that libvirt chooses itself (mac, model,
 * address, alias, a made up target name), and everything the model does not know stays. Throws XmlError naming the place of a value that XML
 * cannot carry.
 */
export function renderInterface(definition: InterfaceDefinition, base?: string): string {
  const to = base === undefined ? element('interface') : copyOf(parseInterface(base))
  writePort(to, definition.port)
  restOf(definition.port.kind).write(to, definition)
  settingsOf.write(to, definition.settings)
  sortChildren(to)
  return buildXml(to)
}

/** By their texts, those parsed last: what was read of an interface is the base of its next change. Never modified. */
const parsedLast = new Map<string, XmlElement>()
const maxParsedLast = 64

function parseInterface(xml: string): XmlElement {
  const known = parsedLast.get(xml)
  if (known) return known
  const parsed = parseXml(xml)
  if (parsed.name !== 'interface') throw new XmlError(`<interface> expected, not <${parsed.name}>`)
  if (parsedLast.size >= maxParsedLast) parsedLast.delete(parsedLast.keys().next().value!)
  parsedLast.set(xml, parsed)
  return parsed
}

function readPort(from: XmlElement): Port | undefined {
  const kind = from.attributes.type
  if (kind === undefined || !Object.hasOwn(ports, kind)) return undefined
  const fields = ports[kind as Port['kind']].read(from)
  return fields && ({ kind, ...fields } as Port)
}

/** A port that is there already is left with all that libvirt shows of it; another one takes the place of the whole source. */
function writePort(to: XmlElement, port: Port): void {
  const observed = readPort(to)
  const wanted = portElement(port)
  if (observed && isDeepStrictEqual(portElement(observed), wanted)) return
  const { managed: _, ...attributes } = to.attributes
  to.attributes = { ...attributes, ...wanted.attributes }
  to.children = to.children.filter((node) => !isElement(node) || node.name !== 'source')
  to.children.push(...wanted.children)
}

/** An interface that says nothing but its port. */
function portElement({ kind, ...fields }: Port): XmlElement {
  const to = element('interface', { type: kind })
  const codec = ports[kind] as Codec<typeof fields>
  codec.write(to, fields)
  return to
}

/** Elements without a place in the order, and comments, stay behind what they stood behind. */
function sortChildren(of: XmlElement): void {
  let place = 0
  const places = of.children.map((node) => {
    const known = isElement(node) ? order.indexOf(node.name) : -1
    if (known !== -1) place = known
    return { node, place }
  })
  of.children = places.sort((a, b) => a.place - b.place).map(({ node }) => node)
}
