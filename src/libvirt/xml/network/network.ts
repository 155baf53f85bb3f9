/** libvirt's `<network>` <-> NetworkDefinition. The tables here and in the files beside it are the whole mapping. */
import {
  isMadeByLibvirt,
  type NetworkDefinition,
  type NetworkSettings,
  type PortGroupSettings,
} from '../../../core/network/definition.ts'
import { attribute, child, flag, integer, oneOf, type Shape, shape, yesNo } from '../codec.ts'
import { buildXml, childOf, element, isElement, parseXml, type XmlElement, XmlError } from '../document.ts'
import { settings as ofInterface } from '../interface.ts'
import { content, entries, macSpelling, unescaped, whole } from './codec.ts'
import { dns } from './dns.ts'
import { bridge, forward } from './forward.ts'
import { ip, route } from './ip.ts'
import { dnsmasqOptions, owner } from './mark.ts'

const { virtualPort, bandwidth, trustGuestRxFilters, portIsolation } = ofInterface

const vlan = child(
  'vlan',
  whole<NonNullable<NetworkSettings['vlan']>>(
    {
      trunk: attribute('trunk', flag),
      tags: entries(
        'tag',
        whole<NonNullable<NetworkSettings['vlan']>['tags'][number]>(
          { id: attribute('id', integer), nativeMode: attribute('nativeMode', oneOf('tagged', 'untagged')) },
          ['id'],
        ),
        ({ id }) => id,
      ),
    },
    ['tags'],
  ),
)

export const portGroup = whole<PortGroupSettings>(
  {
    name: attribute('name', unescaped('name of a port group')),
    default: attribute('default', yesNo),
    trustGuestRxFilters,
    vlan,
    virtualPort,
    bandwidth,
  },
  ['name'],
)

/** In the order in which libvirt shows them; it takes any. */
const settings: Shape<NetworkSettings> = {
  ipv6: attribute('ipv6', yesNo),
  trustGuestRxFilters,
  forward: child('forward', forward),
  bridge: child('bridge', bridge),
  mtu: child('mtu', attribute('size', integer)),
  mac: child('mac', attribute('address', macSpelling)),
  domain: child(
    'domain',
    whole<NonNullable<NetworkSettings['domain']>>(
      {
        name: attribute('name', unescaped('domain.name')),
        localOnly: attribute('localOnly', yesNo),
      },
      ['name'],
    ),
  ),
  dns: child('dns', dns),
  vlan,
  bandwidth,
  portIsolation,
  ips: entries('ip', ip, ({ address }) => address),
  routes: entries('route', route),
  virtualPort,
  dnsmasqOptions,
}

type Content = Pick<NetworkDefinition, 'owner' | 'uuid'> & {
  settings: NetworkSettings
  portGroups: PortGroupSettings[]
}

/** Everything of a network that a definition holds, beside its name. */
export const networkContent = shape<Content>({
  uuid: child('uuid', content),
  owner,
  settings: shape(settings),
  portGroups: entries('portgroup', portGroup, ({ name }) => name),
})

/**
 * The network as libvirt shows it, or as people write it for libvirt; MAC and PCI addresses in canonical spelling. What the
 * model has no word for is left out: `inexpressible` names it. Throws XmlError when the text is no XML, no `<network>`
 * or has no name.
 */
export function parseNetwork(xml: string): NetworkDefinition {
  const from = parseRoot(xml)
  const name = nameOf(from)
  const { settings = {}, portGroups = [], ...rest } = networkContent.read(from) ?? {}
  return { name, ...rest, settings, portGroups }
}

/**
 * The network as XML for libvirt. With `base`, what libvirt shows of the network that is there, the result is that with all of the
 * definition written over it: a setting that the definition lacks is taken away, except name and MAC address of the bridge, which
 * libvirt chose, and the uuid; what the model has no word for stays. Throws XmlError naming the place of a
 * value that XML cannot carry.
 */
export function buildNetwork(definition: NetworkDefinition, base?: string): string {
  const to = base === undefined ? element('network') : parseRoot(base)
  const observed = networkContent.read(to)
  const { name, uuid = observed?.uuid, portGroups, owner } = definition
  const wanted = { ...withChoices(definition.settings, observed?.settings) }
  if (childOf(to, 'name') === undefined) to.children.unshift(element('name'))
  content.write(childOf(to, 'name')!, name)
  // An empty forward element would be mode nat.
  if (wanted.forward === undefined)
    to.children = to.children.filter((node) => !isElement(node) || node.name !== 'forward')
  networkContent.write(to, { uuid, owner, settings: wanted, portGroups })
  return buildXml(to)
}

export function parseRoot(xml: string): XmlElement {
  const parsed = parseXml(xml)
  if (parsed.name !== 'network') throw new XmlError(`<network> expected, not <${parsed.name}>`)
  dropLayout(parsed)
  return parsed
}

/** Their text is what they say, or nobody's to touch. */
const textual = ['name', 'hostname', 'metadata']

/** libvirt breaks the line in elements without content; left there, that would pass for text. */
function dropLayout(of: XmlElement): void {
  for (const node of of.children) {
    if (!isElement(node) || textual.includes(node.name)) continue
    if (node.children.every((inner) => typeof inner === 'string' && inner.trim() === '')) node.children = []
    dropLayout(node)
  }
}

function nameOf(network: XmlElement): string {
  const found = childOf(network, 'name')
  const name = found && content.read(found)
  if (name === undefined) throw new XmlError('no definition of a network: it has no <name>')
  return name
}

/** libvirt names the bridges that it makes, and gives them a MAC address, when nobody does. */
function withChoices(wanted: NetworkSettings, observed: NetworkSettings = {}): NetworkSettings {
  if (!isMadeByLibvirt(wanted) || !isMadeByLibvirt(observed)) return wanted
  const mac = wanted.mac ?? observed.mac
  const bridgeName = wanted.bridge?.name ?? observed.bridge?.name
  return { ...wanted, mac, bridge: { ...wanted.bridge, name: bridgeName } }
}
