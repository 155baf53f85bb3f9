/** The documents of a YAML or JSON text, one after the other, as kubectl would read them, with the lines that things stand on. */
import {
  Composer,
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  Parser,
} from 'yaml'
import type { Path } from './problem.ts'
import { goSchema } from './yaml-schema.ts'

export interface Place {
  /** From 1. */
  line: number
  /** From 1. */
  column: number
}

export interface YamlProblem extends Place {
  reason: string
}

export interface YamlDocument extends Place {
  /** As JSON knows values; absent when there are problems. */
  value?: unknown
  problems: YamlProblem[]
  /** Where the field of this path stands; for what isn't there, the object that it belongs into. */
  placeOf: (path: Path) => Place
}

/** A document takes about 50 times its size in memory while it is read; 2,000 interfaces with their status are as large. */
const largestDocument = 8 * 1024 * 1024
const largestText = 2 * largestDocument
const deepest = 64
const tooDeep = `is nested deeper than ${deepest} levels`

export function* yamlDocuments(text: string): Generator<YamlDocument> {
  const tooLarge = `is larger than ${largestText / 1024 / 1024} MiB: split it up`
  if (text.length > largestText) {
    yield failed({ line: 1, column: 1 }, tooLarge)
    return
  }
  for (const { part, line } of partsOf(text)) yield* readPart(part, line)
}

/**
 * Cut at the marks between documents before any is read, as kubectl does: so a quote or bracket that is never closed
 * spoils no document but its own. `line`: the one the part begins on, from 1.
 */
function* partsOf(text: string): Generator<{ part: string; line: number }> {
  let start = 0
  let line = 1
  for (const { index } of [...text.matchAll(/^---(?=\s|$)/gm), { index: text.length }]) {
    const part = text.slice(start, index)
    // Directives alone: which version of YAML they ask for makes no difference to kubectl.
    if (/^[^#%\s]/m.test(part.replace(/^\uFEFF/, ''))) yield { part, line }
    for (let at = text.indexOf('\n', start); at !== -1 && at < index; at = text.indexOf('\n', at + 1)) line++
    start = index
  }
}

function* readPart(part: string, firstLine: number): Generator<YamlDocument> {
  const start = { line: firstLine, column: 1 }
  if (part.length > largestDocument) {
    yield failed(start, `a document is larger than ${largestDocument / 1024 / 1024} MiB`)
    return
  }
  const lines = new LineCounter()
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { line: line + firstLine - 1, column: col }
  }
  // Keys are compared below: the library compares each with each.
  const composer = new Composer({ schema: goSchema, prettyErrors: false, uniqueKeys: false })
  try {
    for (const document of composer.compose(new Parser(lines.addNewLine).parse(part))) {
      if (document.contents !== null || document.errors.length > 0) yield read(document, at)
    }
  } catch (error) {
    yield failed(start, reasonOf(error))
  }
}

function failed(place: Place, reason: string): YamlDocument {
  return { ...place, problems: [{ ...place, reason }], placeOf: () => place }
}

function read(document: Document.Parsed, at: (offset: number) => Place): YamlDocument {
  const root = document.contents
  const start = at(root?.range?.[0] ?? document.range[0])
  const [error] = document.errors
  // What follows the first one is mostly its consequence.
  if (error !== undefined) return failed(at(error.pos[0]), reasonOf(error))
  const problems = [...misbuilt(root, deepest)].map(({ offset, reason }) => ({ ...at(offset), reason }))
  if (problems.length > 0) return { ...start, problems, placeOf: () => start }
  try {
    const value: unknown = document.toJS({ maxAliasCount: 100 })
    return { ...start, value, problems, placeOf: (path) => at(offsetOf(root, path)) }
  } catch (error) {
    return failed(start, reasonOf(error))
  }
}

function reasonOf(error: unknown): string {
  const { message } = error as Error
  return /call stack|stack overflow/i.test(message) ? tooDeep : message.split('\n')[0]!.trim()
}

/** Keys that are there twice, and what is nested too deep to be a manifest. */
function* misbuilt(node: unknown, levels: number): Generator<{ offset: number; reason: string }> {
  if (!isMap(node) && !isSeq(node)) return
  if (levels === 0) {
    yield { offset: node.range?.[0] ?? 0, reason: tooDeep }
    return
  }
  const keys = new Set<string>()
  for (const item of node.items) {
    if (!isPair(item)) {
      yield* misbuilt(item, levels - 1)
      continue
    }
    const key = keyOf(item)
    if (keys.has(key)) {
      yield { offset: (item.key as Node).range?.[0] ?? 0, reason: `the key ${key} is there twice` }
    }
    keys.add(key)
    yield* misbuilt(item.value, levels - 1)
  }
}

/** As it is called among the properties of an object. */
function keyOf({ key }: Pair): string {
  return String(isScalar(key) ? key.value : key)
}

/** A field is where its key stands; what an alias stands for is where the alias is. */
function offsetOf(root: Node | null, path: Path): number {
  let offset = root?.range?.[0] ?? 0
  let here: unknown = root
  for (const step of path) {
    if (isAlias(here)) return offset
    if (isMap(here)) {
      const pair = here.items.find((item) => keyOf(item) === String(step))
      if (pair === undefined) return offset
      offset = (pair.key as Node).range?.[0] ?? offset
      here = pair.value
    } else if (isSeq(here)) {
      here = here.items[Number(step)]
      if (here === undefined) return offset
      offset = (here as Node).range?.[0] ?? offset
    } else {
      return offset
    }
  }
  return offset
}
