/**
 * XML text <-> a tree of elements: as much of XML as libvirt uses, which is elements, attributes, text and comments. No DOCTYPE, and no
 * entities but the five of XML itself and character references. White space between elements is layout and not kept; as the
 * only content of an element it is text.
 */
import { XMLParser, XMLValidator } from 'fast-xml-parser'

export interface XmlElement {
  name: string
  attributes: Record<string, string>
  children: XmlNode[]
}
export interface XmlComment {
  comment: string
}
/** A string is text. */
export type XmlNode = XmlElement | XmlComment | string

/** The text is no XML that we read, or a value is none that XML can carry. */
export class XmlError extends Error {
  override name = 'XmlError'
  /** The same text gives the same error: trying again is of no use. */
  readonly sort = 'terminal'
}

/** libvirt's own limit of a string on the wire, in UTF-16 units here: never less strict than its bytes. */
const maxLength = 4 * 1024 * 1024
const maxDepth = 64

/** Everything but what XML 1.0 calls a character: most control characters, lone surrogates, U+FFFE and U+FFFF. */
const noCharacter = /[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u
const xmlName = /^[\p{L}_:][\p{L}\p{M}\p{N}_:.-]*$/u

/** The one element of a document. Throws XmlError with line and column where it is malformed, too long or too deep. */
export function parseXml(text: string): XmlElement {
  refuseMalformed(text)
  let nodes: ParsedNode[]
  try {
    nodes = parser.parse(text) as ParsedNode[]
  } catch (error) {
    throw new XmlError((error as Error).message, { cause: error })
  }
  const [root, ...more] = toTree(nodes).filter((node) => isElement(node) || typeof node === 'string')
  if (root === undefined || !isElement(root) || more.length > 0)
    throw new XmlError('not one element and nothing else')
  return root
}

function refuseMalformed(text: string): void {
  if (text.length > maxLength)
    throw new XmlError(`XML of ${text.length} characters; at most ${maxLength} are read`)
  const bad = noCharacter.exec(text)
  if (bad)
    throw new XmlError(`line ${lineAt(text, bad.index)}: ${describeCharacter(bad[0])} cannot stand in XML`)
  refuseDeclarations(text)
  const valid = XMLValidator.validate(text)
  if (valid !== true) {
    const { line, col, msg } = valid.err
    // A text without any element has no column to name.
    throw new XmlError(`line ${line}${col === undefined ? '' : `, column ${col}`}: ${msg}`)
  }
}

/**
 * The element as text, every value escaped, two spaces a level; what parseXml reads back as the same tree. Throws XmlError naming the
 * place (`interface/source@bridge`) of a value that XML cannot carry.
 */
export function buildXml(element: XmlElement): string {
  return printElement(element, '', element.name)
}

export function element(
  name: string,
  attributes: Record<string, string> = {},
  children: XmlNode[] = [],
): XmlElement {
  return { name, attributes, children }
}

/** One that can be modified without the other. */
export function copyOf({ name, attributes, children }: XmlElement): XmlElement {
  const copies = children.map((node) => (isElement(node) ? copyOf(node) : node))
  return element(name, { ...attributes }, copies)
}

export function isElement(node: XmlNode): node is XmlElement {
  return typeof node === 'object' && 'name' in node
}

/** The first child element of that name. */
export function childOf(parent: XmlElement, name: string): XmlElement | undefined {
  for (const node of parent.children) if (isElement(node) && node.name === name) return node
  return undefined
}

// --- reading ---

/** fast-xml-parser's ordered form: one key names the node, ':@' holds its attributes. */
type ParsedNode = { [key: string]: ParsedNode[] } & { '#text'?: string; ':@'?: Record<string, string> }

const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: '',
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  processEntities: false,
  ignoreDeclaration: true,
  ignorePiTags: true,
  cdataPropName: '#cdata',
  commentPropName: '#comment',
  maxNestedTags: maxDepth,
  onDangerousProperty: (name: string) => name,
})

function toTree(nodes: ParsedNode[]): XmlNode[] {
  const tree: XmlNode[] = []
  for (const node of nodes) {
    const key = Object.keys(node)[0]!
    if (key === '#text') appendText(tree, decode(node['#text']!))
    else if (key === '#cdata') appendText(tree, contentOf(node[key]!))
    else if (key === '#comment') tree.push({ comment: contentOf(node[key]!) })
    else tree.push(element(key, toAttributes(node[':@']), toTree(node[key]!)))
  }
  return tree.length > 1 ? tree.filter((node) => typeof node !== 'string' || node.trim() !== '') : tree
}

function toAttributes(raw: Record<string, string> | undefined): Record<string, string> {
  const attributes: Record<string, string> = {}
  // As XML has it: white space in an attribute is a space unless it is written as a character reference.
  for (const name in raw) attributes[name] = decode(raw[name]!.replace(/[\t\n]/g, ' '))
  return attributes
}

function appendText(tree: XmlNode[], text: string): void {
  const last = tree.at(-1)
  if (typeof last === 'string') tree[tree.length - 1] = last + text
  else if (text !== '') tree.push(text)
}

const contentOf = (nodes: ParsedNode[]): string => nodes[0]?.['#text'] ?? ''

const namedEntities = new Map([
  ['lt', '<'],
  ['gt', '>'],
  ['amp', '&'],
  ['quot', '"'],
  ['apos', "'"],
])

function decode(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(/&([^;&]*);?/g, (reference: string, name: string) => {
    const [, hex, decimal] = /^#(?:x([0-9a-f]{1,6})|([0-9]{1,7}))$/i.exec(name) ?? []
    const code = hex !== undefined ? Number.parseInt(hex, 16) : Number(decimal)
    const character = code <= 0x10ffff ? String.fromCodePoint(code) : namedEntities.get(name)
    if (character === undefined || !reference.endsWith(';') || noCharacter.test(character)) {
      throw new XmlError(`${reference.slice(0, 40)} is no character of XML and no entity that is read`)
    }
    return character
  })
}

/** DOCTYPE and everything that comes with it: outside of comments and CDATA nothing else begins with `<!`. */
function refuseDeclarations(text: string): void {
  for (const match of text.matchAll(/<!--.*?-->|<!\[CDATA\[.*?\]\]>|<!/gs)) {
    if (match[0] === '<!') {
      throw new XmlError(
        `line ${lineAt(text, match.index)}: a DOCTYPE, or a comment or CDATA that does not end, is not read`,
      )
    }
  }
}

const lineAt = (text: string, index: number): number => text.slice(0, index).split('\n').length

// --- writing ---

function printElement(node: XmlElement, indent: string, place: string): string {
  if (!xmlName.test(node.name))
    throw new XmlError(`${place}: ${JSON.stringify(node.name)} is no name of an element`)
  let attributes = ''
  for (const [name, value] of Object.entries(node.attributes)) {
    if (!xmlName.test(name))
      throw new XmlError(`${place}: ${JSON.stringify(name)} is no name of an attribute`)
    attributes += ` ${name}='${escaped(value, `${place}@${name}`)}'`
  }
  if (node.children.length === 0) return `<${node.name}${attributes}/>`
  // Layout between the children of mixed content would become part of it.
  const inline = node.children.some((child) => typeof child === 'string')
  const inner = inline ? '' : `${indent}  `
  const [before, after] = inline ? ['', ''] : [`\n${inner}`, `\n${indent}`]
  const children = node.children.map((child) => before + printNode(child, inner, place)).join('')
  return `<${node.name}${attributes}>${children}${after}</${node.name}>`
}

function printNode(node: XmlNode, indent: string, place: string): string {
  if (typeof node === 'string') return escaped(node, place)
  if (isElement(node)) return printElement(node, indent, `${place}/${node.name}`)
  if (node.comment.includes('--') || node.comment.endsWith('-') || noCharacter.test(node.comment)) {
    throw new XmlError(`${place}: a comment that XML cannot carry`)
  }
  return `<!--${node.comment}-->`
}

const escapes: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  "'": '&apos;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
}

function escaped(value: string, place: string): string {
  const bad = noCharacter.exec(value)
  if (bad)
    throw new XmlError(`${place}: the value contains ${describeCharacter(bad[0])}, which XML cannot carry`)
  return value.replace(/[&<>'"\t\n\r]/g, (character) => escapes[character]!)
}

const describeCharacter = (character: string): string =>
  `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`
