/** Which elements and attributes libvirt's own schema of networks has, and which of them a text uses: as paths, such as network/ip@address. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { isElement, parseXml, type XmlElement } from '../../../src/libvirt/xml/document.ts'

const directory = '/usr/share/libvirt/schemas'
/** What may stand there is not libvirt's to say. */
const anything = '*'

/** All paths of network.rng and what it includes, of the libvirt that is installed. */
export function schemaPaths(): Set<string> {
  const defines = definesOf('network.rng')
  const found = new Set<string>()

  function visit(node: XmlElement, at: string): void {
    const { name, attributes } = node
    if (name === 'ref') visitAll(defines.get(attributes.name!) ?? unknown(attributes.name!), at)
    else if (name === 'attribute') found.add(`${at}@${attributes.name}`)
    else if (name === 'element') {
      const below = at === '' ? nameOf(node) : `${at}/${nameOf(node)}`
      found.add(below)
      if (nameOf(node) !== anything) visitAll(node, below)
    } else visitAll(node, at)
  }
  function visitAll(of: XmlElement, at: string): void {
    for (const node of of.children) if (isElement(node)) visit(node, at)
  }

  visitAll(defines.get('network')!, '')
  return found
}

const nameOf = (element: XmlElement) => element.attributes.name ?? anything

function unknown(name: string): never {
  throw new Error(`the schema refers to ${name}, which it does not define`)
}

function definesOf(file: string): Map<string, XmlElement> {
  const grammar = parseXml(readFileSync(path.join(directory, file), 'utf8')).children.filter(isElement)
  const included = grammar.filter(({ name }) => name === 'include').map(({ attributes }) => attributes.href!)
  const own = grammar.filter(({ name }) => name === 'define')
  return new Map([
    ...included.flatMap((href) => [...definesOf(href)]),
    ...own.map((define): [string, XmlElement] => [define.attributes.name!, define]),
  ])
}

/** All paths of a definition. */
export function pathsOf(xml: string): Set<string> {
  const found = new Set<string>()
  visit(parseXml(xml), '')
  return found

  function visit(node: XmlElement, at: string): void {
    const name = at === 'network/metadata' ? anything : node.name.replace(/^.*:/, '')
    const below = at === '' ? name : `${at}/${name}`
    found.add(below)
    if (name === anything) return
    for (const attribute of Object.keys(node.attributes)) {
      if (!attribute.startsWith('xmlns')) found.add(`${below}@${attribute}`)
    }
    for (const child of node.children) if (isElement(child)) visit(child, below)
  }
}
