/**
 * The interfaces of a guest's definition as anybody may have written it, and what of each our model has no word for. Slower than
 * `domain.ts`, and blind to nothing: for taking interfaces over, where what is left out would be lost.
 */
import { withOwners } from '../../core/adoption/marks.ts'
import type { InterfaceDefinition } from '../../core/definition.ts'
import { marksInDomain } from './adoption-marks.ts'
import { buildXml, childOf, element, isElement, parseXml, type XmlElement, XmlError } from './document.ts'
import { readInterface, renderInterface } from './interface.ts'

export interface WrittenGuest {
  name: string
  /** Absent where libvirt has yet to choose one. */
  uuid?: string
  /** A live definition: libvirt numbers guests while they run. */
  running: boolean
  interfaces: WrittenInterface[]
}

export interface WrittenInterface {
  /** MAC address as written, else its number from 1: for messages. */
  label: string
  /** Absent when it is plugged into something the model has no word for. */
  definition?: InterfaceDefinition
  /** Place and reason of everything that the definition doesn't have; empty when it says all. */
  inexpressible: string[]
}

/** Throws XmlError when the text is no XML or no `<domain>` with a name. */
export function readWrittenGuest(xml: string): WrittenGuest {
  const domain = parseXml(xml)
  if (domain.name !== 'domain') throw new XmlError(`<domain> expected, not <${domain.name}>`)
  const name = textOf(domain, 'name')
  if (name === undefined) throw new XmlError('no definition of a guest: it has no <name>')
  const devices = childOf(domain, 'devices') ?? element('devices')
  const interfaces = elementsOf(devices)
    .filter((device) => device.name === 'interface')
    .map((device, n) => toInterface(device, n + 1))
  const owned = withOwners(interfaces.filter(isUnderstood), marksInDomain(xml))
  return {
    name,
    uuid: textOf(domain, 'uuid')?.toLowerCase(),
    running: domain.attributes.id !== undefined,
    interfaces: interfaces.map((each) => (isUnderstood(each) ? owned.shift()! : each)),
  }
}

function isUnderstood(of: WrittenInterface): of is WrittenInterface & { definition: InterfaceDefinition } {
  return of.definition !== undefined
}

function toInterface(written: XmlElement, number: number): WrittenInterface {
  const label = childOf(written, 'mac')?.attributes.address ?? `number ${number}`
  const definition = readInterface(buildXml(written))
  if (definition === undefined) {
    const { type } = written.attributes
    const reason = `type='${type}': no GuestInterface can be plugged into what this one is plugged into`
    return { label, inexpressible: [reason] }
  }
  try {
    const said = parseXml(renderInterface(definition))
    return { label, definition, inexpressible: [...unsaid(written, said, '')] }
  } catch (error) {
    // A value that libvirt takes and would hand on without escaping it.
    return { label, definition, inexpressible: [(error as Error).message] }
  }
}

/** What stands in the one and not in the other, spelling apart: an element that was understood is written again. */
function* unsaid(written: XmlElement, said: XmlElement | undefined, path: string): Generator<string> {
  for (const [name, value] of Object.entries(written.attributes)) {
    const field = `${path}@${name}`
    if (said?.attributes[name] === undefined && !goesWithoutSaying(field, value)) {
      yield `${field}: ${JSON.stringify(value)} cannot be said by a GuestInterface`
    }
  }
  const seen: Record<string, number> = {}
  for (const node of written.children) {
    if (!isElement(node)) {
      if (typeof node === 'string' && node.trim() !== '')
        yield `${path || 'interface'}: holds text, ${JSON.stringify(node)}`
      continue
    }
    const place = seen[node.name] ?? 0
    seen[node.name] = place + 1
    const below = path === '' ? node.name : `${path}/${node.name}`
    const other = said && elementsOf(said).filter(({ name }) => name === node.name)[place]
    const empty = Object.keys(node.attributes).length === 0 && node.children.length === 0
    if (other === undefined && empty && !emptyAllowed.has(below)) {
      yield `${below}: cannot be said by a GuestInterface`
    } else {
      yield* unsaid(node, other, below)
    }
  }
}

/** They say nothing without attributes. */
const emptyAllowed = new Set(['source', 'driver', 'bandwidth', 'virtualport/parameters', 'link', 'rom'])

/**
 * What libvirt makes up, and drops or makes up again where it is missing: the alias, by which nothing is set; names of
 * links and of ports of a running guest; the driver that every PCI function is handed over by. And the spelled-out "no" of what is yes or absent.
 */
function goesWithoutSaying(field: string, value: string): boolean {
  switch (field) {
    case 'alias@name':
    case 'source@portid':
    case 'source@bridge':
      return true
    case 'target@dev':
      return /^(vnet|macvtap|macvlan)/.test(value)
    case 'driver@name':
      return value === 'vfio'
    case '@managed':
    case 'vlan@trunk':
      return value === 'no'
    default:
      return false
  }
}

function elementsOf(of: XmlElement): XmlElement[] {
  return of.children.filter(isElement)
}

/** Text of a child element without the white space around it; undefined when it says nothing. */
function textOf(of: XmlElement, name: string): string | undefined {
  const text = childOf(of, name)?.children.find((node) => typeof node === 'string')
  return text?.trim() || undefined
}
