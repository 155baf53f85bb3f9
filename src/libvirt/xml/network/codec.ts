/**
 * What network XML needs of codecs beyond those of interfaces. Beside the two rules of every codec a third one holds here:
 * writing undefined takes away all that is understood and nothing else, so that what is left is what a manifest cannot say.
 */
import { isDeepStrictEqual } from 'node:util'
import { attribute, type Codec, type Shape, type Spelling, shape } from '../codec.ts'
import { element, isElement, type XmlElement } from '../document.ts'
import { only } from '../interface.ts'

/** The fields of one element as a whole: where a required one is missing, none of it is understood. */
export function whole<T extends object>(fields: Shape<T>, required: (keyof T)[]): Codec<T> {
  const inner = shape(fields, required)
  return {
    read: inner.read.bind(inner),
    write(to, value) {
      if (value !== undefined || inner.read(to) !== undefined) inner.write(to, value)
    },
  }
}

/** Which children of an element are entries of a list. */
interface Kind {
  of(parent: XmlElement): XmlElement[]
  make(parent: XmlElement): XmlElement
}

const named = (name: string): Kind => ({
  of: (parent) => parent.children.filter(isElement).filter((node) => node.name === name),
  make: () => element(name),
})

/**
 * All children of one name or kind, in order. An entry that has the key of one that is there is written over it, so that
 * what nobody understands in there stays; `keyOf` absent: the whole value is the key.
 */
export function entries<T>(
  nameOrKind: string | Kind,
  item: Codec<T>,
  keyOf: (value: T) => unknown = (value) => value,
): Codec<T[]> {
  const kind = typeof nameOrKind === 'string' ? named(nameOrKind) : nameOrKind
  const read = (from: XmlElement) => {
    const values = kind.of(from).flatMap((node) => item.read(node) ?? [])
    return values.length === 0 ? undefined : values
  }
  return {
    read,
    write(to, values = []) {
      const before = read(to) ?? []
      if (values.length > 0 && isDeepStrictEqual(before, values)) return
      const old = kind.of(to).filter((node) => item.read(node) !== undefined)
      const first = old[0] === undefined ? to.children.length : to.children.indexOf(old[0])
      const kept = values.length === 0 ? old.filter((node) => isLeftOver(node, item)) : over(old, values, to)
      const replaced = new Set<unknown>(old)
      const others = to.children.filter((node) => !replaced.has(node))
      to.children = [...others.slice(0, first), ...kept, ...others.slice(first)]
    },
  }

  function over(old: readonly XmlElement[], values: readonly T[], to: XmlElement): XmlElement[] {
    const byKey = Map.groupBy(old, (node) => JSON.stringify(keyOf(item.read(node)!)))
    return values.map((value) => {
      const node = byKey.get(JSON.stringify(keyOf(value)))?.shift() ?? kind.make(to)
      item.write(node, value)
      return node
    })
  }
}

function isLeftOver<T>(node: XmlElement, item: Codec<T>): boolean {
  item.write(node, undefined)
  return node.children.length > 0 || Object.keys(node.attributes).length > 0
}

/** The text of an element. */
export const content: Codec<string> = {
  read(from) {
    const read = from.children.filter((node) => typeof node === 'string').join('')
    return read === '' ? undefined : read
  },
  write(to, value) {
    if (this.read(to) === value) return
    to.children = to.children.filter((node) => typeof node !== 'string')
    if (value !== undefined) to.children.push(value)
  },
}

/** An attribute whose absence means one of its values; it is always written. */
export function attributeOr<T>(name: string, spelling: Spelling<T>, absent: T): Codec<T> {
  const inner = attribute(name, spelling)
  return {
    read: (from) => (Object.hasOwn(from.attributes, name) ? inner.read(from) : absent),
    write: inner.write.bind(inner),
  }
}

/** libvirt takes a MAC address in upper case and with single digits, and shows some of them so. */
export const macSpelling: Spelling<string> = {
  parse: (it) =>
    it
      .toLowerCase()
      .split(':')
      .map((byte) => byte.padStart(2, '0'))
      .join(':'),
  print: (it) => it,
}

/**
 * libvirt (seen on 9.0) shows this without escaping it, in the saved definition too: another value would end its attribute and
 * say what it likes behind it.
 */
export const unescaped = (what: string): Spelling<string> => only(/^[^<>&'"\p{Cc}]*$/u, what)

/** The namespace of an element; `ancestors` from the nearest to the root. */
export function namespaceOf(of: XmlElement, ...ancestors: XmlElement[]): string | undefined {
  const [prefix, local] = of.name.split(':')
  const declaration = local === undefined ? 'xmlns' : `xmlns:${prefix}`
  return [of, ...ancestors].find((node) => Object.hasOwn(node.attributes, declaration))?.attributes[
    declaration
  ]
}

/** The name of an element without its prefix. */
export const localName = (of: XmlElement): string => of.name.slice(of.name.indexOf(':') + 1)
