/**
 * The parts of a guest's definition that we need, cut out of libvirt's text without parsing the whole of it: that would
 * cost a third of the throughput of changes.
 *
 * What makes this safe: libvirt prints these texts itself and escapes `<` and `>` in values, so a tag is where one seems to be. (Seen on
 * 9.0: not in a port profile and the name of a filter; such a guest may not be readable.) The one exception is `<metadata>`, which holds what
 * anybody put there, comments and CDATA included: it is passed over, from its first opening to the last closing.
 */
import { type AdoptionMark, withOwners } from '../../core/adoption/marks.ts'
import type { InterfaceDefinition } from '../../core/definition.ts'
import { marksInDomain } from './adoption-marks.ts'
import { pciAddress } from './codec.ts'
import { childOf, parseXml, XmlError } from './document.ts'
import { readInterface } from './interface.ts'

export interface Domain {
  name: string
  uuid: string
  /** A live definition: libvirt numbers guests while they run. */
  running: boolean
  /** The guest boots by `<os><boot>`, which forbids a boot order of its interfaces. */
  bootsByOs: boolean
  /** Without those that are plugged into something our model has no word for. */
  interfaces: DomainInterface[]
  /** Which of its interfaces we took over; `interfaces` has it in `adoptedBy` where that is clear. */
  marks: AdoptionMark[]
  /** PCI functions of the host given to the guest by a plain `<hostdev>`, such as 0000:03:10.1. */
  assignedDevices: string[]
}

export interface DomainInterface {
  /** As libvirt printed it: the base of every change. */
  xml: string
  /** Shared by all who read the same text: never to be modified. */
  definition: InterfaceDefinition
}

/** From a definition as libvirt prints it (not one written by people). Throws XmlError when it is none. */
export function readDomain(xml: string): Domain {
  const text = withoutMetadata(xml)
  const uuid = between(text, '<uuid>', '</uuid>')
  const name = between(text, '<name>', '</name>')
  if (uuid === undefined || name === undefined) {
    throw new XmlError(`no definition of a guest: it has no ${uuid === undefined ? '<uuid>' : '<name>'}`)
  }
  const marks = marksInDomain(xml)
  const interfaces = cut(text, 'interface').flatMap((slice, index) => toInterface(slice, index + 1) ?? [])
  return {
    name: textOf(name),
    uuid,
    running: /^\s*<domain\s[^>]*\bid=/.test(text),
    bootsByOs: /<boot\s/.test(between(text, '<os', '</os>') ?? ''),
    interfaces: marks.length > 0 ? withOwners(interfaces, marks) : interfaces,
    marks,
    assignedDevices: cut(text, 'hostdev').flatMap((slice) => hostFunction(slice) ?? []),
  }
}

/**
 * How many PCIe devices can still be plugged in while the guest runs: its root and downstream ports with nothing behind them.
 * undefined for a guest without PCIe (i440fx), where slots of the root bus do.
 */
export function freePciePorts(xml: string): number | undefined {
  const text = withoutSources(xml)
  if (!text.includes("model='pcie-root'")) return undefined
  const occupied = new Set<number>()
  for (const [, bus] of text.matchAll(/<address type='pci' [^>]*?\bbus='(\w+)'/g)) occupied.add(Number(bus))
  const ports = cut(text, 'controller').filter((controller) =>
    /^[^>]*\smodel='pcie-(root|switch-downstream)-port'/.test(controller),
  )
  return ports.filter((port) => !occupied.has(Number(/\sindex='(\d+)'/.exec(port)?.[1]))).length
}

/** Whether a device of the guest, a controller too, is at that PCI address, such as 0000:01:00.0. */
export function isPciAddressTaken(xml: string, address: string): boolean {
  const [domain, bus, slot, fn] = address.split(/[:.]/)
  const text = withoutSources(xml)
  return text.includes(
    `<address type='pci' domain='0x${domain}' bus='0x${bus}' slot='0x${slot}' function='0x${fn}'`,
  )
}

/** Whether the same PCI addresses are taken in both definitions: libvirt then chooses the same one in both for a device that says none. */
export function takeSamePciAddresses(xml: string, other: string): boolean {
  const [taken, takenInOther] = [xml, other].map((each) =>
    (withoutSources(each).match(/<address type='pci' [^>]*>/g) ?? []).sort().join(),
  )
  return taken === takenInOther
}

/** Inside a source stand addresses of the host, not of the guest. */
function withoutSources(xml: string): string {
  return withoutMetadata(xml).replace(/<source(?:\s[^>]*)?(?<!\/)>.*?<\/source>/gs, '')
}

/** Whether a guest has a bus of conventional PCI: i440fx from the start, one of PCIe only behind a bridge. */
export function hasConventionalPci(xml: string): boolean {
  return cut(withoutMetadata(xml), 'controller').some((controller) =>
    /^[^>]*\smodel='(pci-root|pci-bridge|dmi-to-pci-bridge|pcie-to-pci-bridge)'/.test(controller),
  )
}

/**
 * What was read of a slice of text, by the text: most interfaces are the same at the next look. A domain with 25 of
 * them that are known takes 0.06 ms, else 1.5 ms. Bounded by forgetting the oldest: 4,000 are both definitions of 2,000 interfaces.
 */
const known = new Map<string, DomainInterface | undefined>()
const maxKnown = 4_000

function toInterface(slice: string, number: number): DomainInterface | undefined {
  if (known.has(slice)) return known.get(slice)
  // A copy, since a slice of a string keeps the whole of it, here the domain's, in memory.
  const xml = Buffer.from(slice).toString()
  const definition = readNumbered(xml, number)
  const read = definition && { xml, definition }
  if (known.size >= maxKnown) known.delete(known.keys().next().value!)
  known.set(xml, read)
  return read
}

function readNumbered(xml: string, number: number): InterfaceDefinition | undefined {
  try {
    return readInterface(xml)
  } catch (error) {
    throw new XmlError(`interface ${number}: ${(error as Error).message}`, { cause: error })
  }
}

function withoutMetadata(xml: string): string {
  const start = xml.search(/<metadata[\s>]/)
  const end = xml.lastIndexOf('</metadata>')
  return start === -1 || end < start ? xml : xml.slice(0, start) + xml.slice(end)
}

/** Elements that have attributes: `<interface>` without any is the host link of a container's hostdev. */
function cut(xml: string, name: 'interface' | 'hostdev' | 'controller'): string[] {
  return xml.match(new RegExp(`<${name}\\s(?:[^>]*/>|.*?</${name}>)`, 'gs')) ?? []
}

function between(xml: string, open: string, close: string): string | undefined {
  const start = xml.indexOf(open)
  const end = start === -1 ? -1 : xml.indexOf(close, start)
  return end === -1 ? undefined : xml.slice(start + open.length, end)
}

/** Parsed only where something is escaped: most names are as they stand. */
function textOf(content: string): string {
  return /[&<]/.test(content) ? String(parseXml(`<name>${content}</name>`).children[0] ?? '') : content
}

/** What a `<hostdev type='pci'>` takes from the host. */
function hostFunction(slice: string): string | undefined {
  const hostdev = parseXml(slice)
  if (hostdev.attributes.type !== 'pci') return undefined
  const source = childOf(hostdev, 'source')
  const address = source && childOf(source, 'address')
  return address && pciAddress.read(address)
}
