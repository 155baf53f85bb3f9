/**
 * How a value stands in an element, both directions in one place, so that what is written is by construction what is read.
 *
 * Two rules hold for every codec. `read` gives undefined for what it does not understand and never throws: guests of other people
 * contain anything. `write` changes only what `read` understands: other attributes and elements stay, and a value that is there
 * already is left as it is written.
 */
import { isDeepStrictEqual } from 'node:util'
import { childOf, element, isElement, type XmlElement } from './document.ts'

export interface Codec<T> {
  read(from: XmlElement): T | undefined
  /** undefined takes the value away. */
  write(to: XmlElement, value: T | undefined): void
}

/** A codec for each field of T, in the order in which they are written. */
export type Shape<T> = { [K in keyof T]-?: Codec<NonNullable<T[K]>> }

/** How a value is spelled in an attribute; undefined from `parse`: not understood; from `print`: better left out. */
export interface Spelling<T> {
  parse(text: string): T | undefined
  print(value: T): string | undefined
}

export const text: Spelling<string> = { parse: (it) => it, print: (it) => it }

/** As libvirt reads numbers: decimal, or hexadecimal after 0x. */
export const integer: Spelling<number> = {
  parse: (it) => (/^(\d{1,15}|0x[0-9a-f]{1,8})$/i.test(it) ? Number(it) : undefined),
  print: String,
}

const either = (yes: string, no: string): Spelling<boolean> => ({
  parse: (it) => (it === yes ? true : it === no ? false : undefined),
  print: (it) => (it ? yes : no),
})
export const yesNo = either('yes', 'no')
export const onOff = either('on', 'off')

/** `yes` or not there at all: libvirt knows no difference between no and absent. */
export const flag: Spelling<boolean> = {
  parse: (it) => (it === 'yes' ? true : undefined),
  print: (it) => (it ? 'yes' : undefined),
}

export const oneOf = <T extends string>(...known: T[]): Spelling<T> => ({
  parse: (it) => known.find((value) => value === it),
  print: (it) => it,
})

export function attribute<T>(name: string, spelling: Spelling<T>): Codec<T> {
  const read = (from: XmlElement) => {
    const value = from.attributes[name]
    return value === undefined ? undefined : spelling.parse(value)
  }
  return {
    read,
    write(to, value) {
      const before = read(to)
      if (before === value) return
      const printed = value === undefined ? undefined : spelling.print(value)
      if (printed !== undefined) to.attributes[name] = printed
      else delete to.attributes[name]
    },
  }
}

/** What a child element says. One that has nothing left to say after a write is removed. */
export function child<T>(name: string, inner: Codec<T>): Codec<T> {
  return {
    read(from) {
      const found = childOf(from, name)
      return found && inner.read(found)
    },
    write(to, value) {
      const found = childOf(to, name)
      if (found === undefined && value === undefined) return
      const target = found ?? element(name)
      inner.write(target, value)
      const empty = target.children.length === 0 && Object.keys(target.attributes).length === 0
      if (found === undefined && !empty) to.children.push(target)
      else if (found !== undefined && empty) to.children = to.children.filter((node) => node !== found)
    },
  }
}

/** Several fields of one element; undefined when it has none of them, or lacks a required one. */
export function shape<T extends object>(fields: Shape<T>, required: (keyof T)[] = []): Codec<T> {
  const names = Object.keys(fields) as (keyof T)[]
  return {
    read(from) {
      const value: Partial<T> = {}
      let any = false
      for (const name of names) {
        const part = fields[name].read(from)
        if (part === undefined) continue
        value[name] = part
        any = true
      }
      return (any || names.length === 0) && required.every((name) => name in value) ? (value as T) : undefined
    },
    write(to, value) {
      // What lacks a required field is not understood as a whole, whatever its other fields say.
      if (value === undefined && this.read(to) === undefined) return
      for (const name of names) fields[name].write(to, value?.[name] ?? undefined)
    },
  }
}

/** All children of one name, in order; undefined when there is none. */
export function list<T>(name: string, item: Codec<T>): Codec<T[]> {
  const ofName = (from: XmlElement) =>
    from.children.filter((node) => isElement(node)).filter((node) => node.name === name)
  const read = (from: XmlElement) => {
    const values = ofName(from).flatMap((node) => item.read(node) ?? [])
    return values.length === 0 ? undefined : values
  }
  return {
    read,
    write(to, values) {
      if (isDeepStrictEqual(read(to), values)) return
      const old = new Set<unknown>(ofName(to))
      to.children = to.children.filter((node) => !old.has(node))
      for (const value of values ?? []) {
        const node = element(name)
        item.write(node, value)
        to.children.push(node)
      }
    },
  }
}

/** A record that libvirt writes as a list of names and values. */
export function record(entries: Codec<{ name: string; value: string }[]>): Codec<Record<string, string>> {
  return {
    read(from) {
      const pairs = entries.read(from)
      return pairs && Object.fromEntries(pairs.map(({ name, value }) => [name, value]))
    },
    write(to, value) {
      const pairs = Object.entries(value ?? {}).map(([name, it]) => ({ name, value: it }))
      if (isDeepStrictEqual(this.read(to), value)) return
      entries.write(to, pairs)
    },
  }
}

/** An element that says what it is by an attribute: one of another kind is neither read nor taken away. */
export function tagged<T>(name: string, tag: string, inner: Codec<T>): Codec<T> {
  return {
    read: (from) => (from.attributes[name] === tag ? inner.read(from) : undefined),
    write(to, value) {
      if (to.attributes[name] === tag) {
        inner.write(to, value)
        if (value === undefined) delete to.attributes[name]
      } else if (value !== undefined) {
        to.attributes = { [name]: tag }
        inner.write(to, value)
      }
    },
  }
}

/** A value that libvirt chooses where nobody does: saying nothing about it leaves its choice. */
export function libvirtsChoice<T>(inner: Codec<T>): Codec<T> {
  return {
    read: inner.read.bind(inner),
    write: (to, value) => {
      if (value !== undefined) inner.write(to, value)
    },
  }
}

/** A value that libvirt shows and nobody sets. */
export const shownOnly = <T>(inner: Codec<T>): Codec<T> => ({ read: inner.read.bind(inner), write: () => {} })

/** 0000:03:10.1 <-> domain='0x0000' bus='0x03' slot='0x10' function='0x1' */
export const pciAddress: Codec<string> = {
  read(from) {
    const part = (name: string, width: number) =>
      integer
        .parse(from.attributes[name] ?? (name === 'domain' ? '0' : ''))
        ?.toString(16)
        .padStart(width, '0')
    const [domain, bus, slot, fn] = [part('domain', 4), part('bus', 2), part('slot', 2), part('function', 1)]
    if (bus === undefined || slot === undefined || fn === undefined) return undefined
    return `${domain}:${bus}:${slot}.${fn}`
  },
  write(to, address) {
    if (this.read(to) === address) return
    const [domain, bus, slot, fn] = address?.split(/[:.]/) ?? []
    for (const [name, value] of Object.entries({ domain, bus, slot, function: fn })) {
      if (value !== undefined) to.attributes[name] = `0x${value}`
      else delete to.attributes[name]
    }
  },
}
