/** Says in a sentence what zod found, with the value and what would be right. */
import type { z } from 'zod'
import { type Path, type Problem, problem, quoted } from './problem.ts'

type Issue = z.core.$ZodIssue

/** So many unknown fields of one object are named: above, it is no manifest that somebody mistyped. */
const mostUnknown = 100

/** `value`: what was read; `base`: where it stands in the object. */
export function explain(issue: Issue, schema: z.core.$ZodType, value: unknown, base: Path): Problem[] {
  const path = [...base, ...issue.path.map((part) => (typeof part === 'number' ? part : String(part)))]
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, issue.path)
    const named = issue.keys.slice(0, mostUnknown)
    const more = issue.keys.length - named.length
    return [
      ...named.map((key) => problem([...path, key], unknownField(key, known))),
      ...(more > 0 ? [problem(path, `has ${more} more fields that are none here`)] : []),
    ]
  }
  if (issue.code === 'invalid_key') {
    const reasons = issue.issues.map(({ message }) => message).join('; ')
    return [problem(path, `has a name that ${reasons}`)]
  }
  return [problem(path, reasonOf(issue, at(value, issue.path)))]
}

function reasonOf(issue: Issue, value: unknown): string {
  switch (issue.code) {
    case 'invalid_type':
      if (value === undefined) return 'is missing'
      return `must be ${named(issue.expected)}, is ${described(value)}${hint(issue.expected, value)}`
    case 'invalid_value': {
      const values = issue.values.map(String)
      if (value === undefined) return `is missing: ${values.join(', ')}`
      return `must be ${values.length === 1 ? values[0] : `one of ${values.join(', ')}`}, is ${quoted(value)}${didYouMean(value, values)}`
    }
    case 'too_big':
      return `must ${bound(issue.origin, `at most ${issue.maximum}`, issue.maximum)}, ${measured(value)}`
    case 'too_small':
      return `must ${bound(issue.origin, `at least ${issue.minimum}`, issue.minimum)}, ${measured(value)}`
    case 'invalid_format':
      return `${issue.message}, is ${quoted(value)}`
    default:
      return value === undefined || typeof value === 'object'
        ? issue.message
        : `${issue.message}, is ${quoted(value)}`
  }
}

/** Article and name of what zod calls a type. */
function named(type: string): string {
  const names: Record<string, string> = {
    int: 'a whole number',
    number: 'a number',
    string: 'a string',
    boolean: 'true or false',
    array: 'a list',
    object: 'an object',
    record: 'an object',
  }
  return names[type] ?? type
}

function described(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  switch (typeof value) {
    case 'object':
      return 'an object'
    case 'string':
      return `the string ${quoted(value)}`
    case 'number':
    case 'bigint':
      return `the number ${value}`
    default:
      return String(value)
  }
}

/** YAML takes more words for numbers, and for true and false, than people expect. */
function hint(expected: string, value: unknown): string {
  if (expected === 'string' && (typeof value === 'number' || typeof value === 'boolean')) {
    return ': put it in quotes'
  }
  return ''
}

function bound(origin: string, limit: string, n: number | bigint): string {
  if (origin === 'string') return `have ${limit} character${n === 1 ? '' : 's'}`
  if (origin === 'array' || origin === 'set') return `have ${limit} ${n === 1 ? 'entry' : 'entries'}`
  return `be ${limit}`
}

function measured(value: unknown): string {
  if (typeof value === 'string') return `has ${value.length}`
  if (Array.isArray(value)) return `has ${value.length}`
  return `is ${quoted(value)}`
}

export function unknownField(key: string, known: readonly string[]): string {
  const near = nearest(key, known)
  if (near !== undefined) return `is no field here; did you mean ${near}?`
  return known.length === 0
    ? 'is no field here: there are none'
    : `is no field here; there are: ${known.join(', ')}`
}

function didYouMean(value: unknown, known: readonly string[]): string {
  const near = typeof value === 'string' ? nearest(value, known) : undefined
  return near === undefined ? '' : `; did you mean ${near}?`
}

/** The word that was meant, if one is much nearer than the rest. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replaceAll(/[-_ ]/g, '')
  const most = word.length <= 3 ? 1 : word.length <= 8 ? 2 : 3
  const ranked = known
    .map((each) => ({ each, distance: distance(plain(word), plain(each), most) }))
    .sort((a, b) => a.distance - b.distance)
  return ranked[0] !== undefined && ranked[0].distance <= most ? ranked[0].each : undefined
}

/** Levenshtein's distance, or something above `most`. */
function distance(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1
  let row = Array.from({ length: b.length + 1 }, (_, n) => n)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}

/** The names of the fields that the schema has at this path. */
function keysAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): string[] {
  const here = path.reduce((holder: Shape | undefined, part) => {
    const next = holder?.shape?.[part] ?? holder?.element ?? holder?.valueType
    return next && shapeOf(next)
  }, shapeOf(schema))
  return Object.keys(here?.shape ?? {})
}

/** What zod keeps of an object, a list, a record. */
interface Shape {
  innerType?: z.core.$ZodType
  shape?: Record<PropertyKey, z.core.$ZodType>
  element?: z.core.$ZodType
  valueType?: z.core.$ZodType
}

/** Below what makes it optional or gives it a default. */
function shapeOf(schema: z.core.$ZodType): Shape {
  const shape = schema._zod.def as Shape & z.core.$ZodTypeDef
  return shape.innerType === undefined ? shape : shapeOf(shape.innerType)
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce(
    (here: unknown, part) =>
      typeof here === 'object' && here !== null ? (here as Record<PropertyKey, unknown>)[part] : undefined,
    value,
  )
}
