/**
 * What of a network's XML no manifest can say. By construction complete: it is what is left after the tables that read the XML
 * have taken away all that they understand.
 */
import { child } from '../codec.ts'
import { isElement, type XmlElement } from '../document.ts'
import { content } from './codec.ts'
import { networkContent, parseRoot } from './network.ts'

/** libvirt's own bookkeeping: how many guests use it. Nothing that anybody sets. */
const usage = 'connections'

/** Nobody's setting: what people note beside a network. libvirt keeps it, and a network that is adopted goes on having it. */
const notes = ['metadata', 'title', 'description']

/**
 * Paths of the elements and attributes that neither a Network nor a PortGroup has a field for, or whose value has no place in it, such as
 * `network/ip[2]/dhcp/host[1]@foo`; a number is that among the elements of this name. Left out is what libvirt counts itself, our
 * mark, and what `keptAtAdoption` names. Throws XmlError when the text is no `<network>`.
 */
export function inexpressible(xml: string): string[] {
  const root = parseRoot(xml)
  withoutUsage(root)
  const numbers = numberChildren(root)
  networkContent.write(root, undefined)
  child('name', content).write(root, undefined)
  root.children = root.children.filter((node) => !isElement(node) || !notes.includes(node.name))
  return paths(root, 'network', numbers)
}

/** Paths of what no manifest says but stays in libvirt when the network is adopted: its uuid and what people noted. */
export function keptAtAdoption(xml: string): string[] {
  const root = parseRoot(xml)
  const numbers = numberChildren(root)
  const { uuid } = networkContent.read(root) ?? {}
  networkContent.write(root, undefined)
  const noted = root.children.filter(isElement).filter(({ name }) => notes.includes(name))
  return [
    ...(uuid === undefined ? [] : ['network/uuid']),
    ...noted.flatMap((node) => paths(node, `network/${step(node, numbers)}`, numbers)),
  ]
}

function withoutUsage(of: XmlElement): void {
  for (const node of of.children)
    if (isElement(node) && node.name === 'forward') node.children.forEach(uncount)
  uncount(of)
}

function uncount(node: XmlElement['children'][number]): void {
  if (isElement(node)) delete node.attributes[usage]
}

/** The place of each element below `of` among its brothers of the same name, where it has any: taken before some go. */
function numberChildren(of: XmlElement, numbers = new Map<XmlElement, number>()): Map<XmlElement, number> {
  const byName = Map.groupBy(of.children.filter(isElement), ({ name }) => name)
  for (const nodes of byName.values()) {
    nodes.forEach((node, n) => {
      if (nodes.length > 1) numbers.set(node, n + 1)
      numberChildren(node, numbers)
    })
  }
  return numbers
}

function step(of: XmlElement, numbers: Map<XmlElement, number>): string {
  const number = numbers.get(of)
  return number === undefined ? of.name : `${of.name}[${number}]`
}

/** Each attribute, and each element that has nothing but its name. */
function paths(of: XmlElement, path: string, numbers: Map<XmlElement, number>): string[] {
  const attributes = Object.keys(of.attributes).filter((name) => !/^xmlns(:|$)/.test(name))
  const children = of.children.filter(isElement)
  const inner = [
    ...attributes.map((name) => `${path}@${name}`),
    ...children.flatMap((node) => paths(node, `${path}/${step(node, numbers)}`, numbers)),
  ]
  return inner.length > 0 || path === 'network' ? inner : [path]
}
