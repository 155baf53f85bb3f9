/**
 * Runs the rules that stand beside the schemas (extensions.ts): CEL, each compiled once, and the keys of lists. The
 * very strings that kube-apiserver is given in the CRDs.
 */
import { Environment } from '@marcbachmann/cel-js'
import { z } from 'zod'
import { listKeysKey, listTypeKey, type Rule, rulesKey } from './extensions.ts'
import { fieldOf, type Path, type Problem, problem, quoted } from './problem.ts'

interface CompiledRule extends Rule {
  holds: (context: { self: unknown; oldSelf?: unknown }) => unknown
  /** Compares with what was there before. */
  transition: boolean
}

/** The places of a schema that have rules, and the ways there. */
interface Place {
  rules: CompiledRule[]
  /** What tells the entries of a list apart; empty: they themselves. */
  keys?: string[]
  properties: [string, Place][]
  /** Of a list, or of a map of names to values. */
  items?: Place
}

const environment = new Environment({ unlistedVariablesAreDyn: true })
const compiled = new WeakMap<z.core.$ZodType, Place | null>()

/**
 * All rules of this schema that `value` breaks by itself. `malformed`: something has the wrong shape already, so that a rule
 * which stumbles over it says nothing new.
 */
export function brokenRules(
  schema: z.core.$ZodType,
  value: unknown,
  path: Path,
  malformed: boolean,
): Problem[] {
  const place = placeOf(schema)
  return place === null ? [] : [...broken(place, value, path, malformed)]
}

/** The rules that `value`, which breaks none by itself, breaks as what comes after `before`. */
export function brokenTransitions(
  schema: z.core.$ZodType,
  value: unknown,
  path: Path,
  before: unknown,
): Problem[] {
  const place = placeOf(schema)
  return place === null ? [] : [...brokenSince(place, value, before, path)]
}

function* brokenSince(place: Place, value: unknown, before: unknown, path: Path): Generator<Problem> {
  if (value === undefined || before === undefined) return
  for (const rule of place.rules) if (rule.transition) yield* ask(rule, value, before, path, false)
  for (const [name, below] of place.properties) {
    yield* brokenSince(below, memberOf(value, name), memberOf(before, name), [...path, name])
  }
}

function* broken(place: Place, value: unknown, path: Path, malformed: boolean): Generator<Problem> {
  if (value === undefined || value === null) return
  for (const rule of place.rules) if (!rule.transition) yield* ask(rule, value, undefined, path, malformed)
  if (place.keys !== undefined && Array.isArray(value)) yield* repeats(value, place.keys, path)
  for (const [name, below] of place.properties) {
    yield* broken(below, memberOf(value, name), [...path, name], malformed)
  }
  if (place.items !== undefined && typeof value === 'object') {
    for (const [key, entry] of Object.entries(value)) {
      const step = Array.isArray(value) ? Number(key) : key
      yield* broken(place.items, entry, [...path, step], malformed)
    }
  }
}

function* ask(
  rule: CompiledRule,
  self: unknown,
  oldSelf: unknown,
  path: Path,
  malformed: boolean,
): Generator<Problem> {
  let why = ''
  try {
    if (rule.holds({ self, oldSelf }) === true) return
  } catch (error) {
    if (malformed) return
    why = ` (${String((error as Error).message).split('\n')[0]})`
  }
  const steps = rule.fieldPath?.slice(1).split('.') ?? []
  const place = [...path, ...steps]
  if (!rule.transition) {
    yield problem(place, rule.message + why, 'rule')
    return
  }
  const at = (whole: unknown) => asText(steps.reduce(memberOf, whole))
  const [from, to] = [at(oldSelf), at(self)]
  const change = `: was ${from || 'absent'}, is ${to || 'absent'}`
  yield { ...problem(place, rule.message + change + why, 'immutable'), from, to }
}

function asText(value: unknown): string {
  return value === undefined ? '' : typeof value === 'string' ? value : quoted(value)
}

function* repeats(list: unknown[], keys: string[], path: Path): Generator<Problem> {
  const first = new Map<string, number>()
  for (const [n, entry] of list.entries()) {
    const identity = keys.length === 0 ? [entry] : keys.map((key) => memberOf(entry, key))
    if (identity.includes(undefined)) continue
    const id = JSON.stringify(identity)
    const other = first.get(id)
    if (other === undefined) first.set(id, n)
    else {
      const reason = `is there already, as ${fieldOf([...path, other])}`
      yield problem([...path, n, ...keys.slice(0, 1)], reason, 'rule')
    }
  }
}

function memberOf(whole: unknown, name: string): unknown {
  return typeof whole === 'object' && whole !== null && Object.hasOwn(whole, name)
    ? (whole as Record<string, unknown>)[name]
    : undefined
}

function placeOf(schema: z.core.$ZodType): Place | null {
  let place = compiled.get(schema)
  if (place === undefined) {
    place = findRules(schema)
    compiled.set(schema, place)
  }
  return place
}

/** null where neither here nor below anything is to be asked. */
function findRules(schema: z.core.$ZodType): Place | null {
  let inner = schema
  const marks = { ...z.globalRegistry.get(inner) }
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault) {
    inner = inner.def.innerType
    Object.assign(marks, { ...z.globalRegistry.get(inner), ...marks })
  }
  const place: Place = { rules: ((marks[rulesKey] ?? []) as Rule[]).map(compile), properties: [] }
  if (marks[listTypeKey] === 'map') place.keys = marks[listKeysKey] as string[]
  if (marks[listTypeKey] === 'set') place.keys = []
  if (inner instanceof z.ZodObject) {
    for (const [name, member] of Object.entries(inner.shape as Record<string, z.core.$ZodType>)) {
      const below = placeOf(member)
      if (below !== null) place.properties.push([name, below])
    }
  } else if (inner instanceof z.ZodArray) {
    place.items = placeOf(inner.element) ?? undefined
  } else if (inner instanceof z.ZodRecord) {
    place.items = placeOf(inner.valueType) ?? undefined
  }
  const empty = place.rules.length === 0 && place.keys === undefined && place.properties.length === 0
  return empty && place.items === undefined ? null : place
}

function compile(rule: Rule): CompiledRule {
  return { ...rule, holds: environment.parse(rule.rule), transition: /\boldSelf\b/.test(rule.rule) }
}
