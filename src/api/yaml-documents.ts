/**
 * The documents of a YAML or JSON text, one after the other, as kubectl would read them (YAML 1.1 as Go's library has it:
 * yes, on and y are true, 010 is eight, but 52:54:00:12:34:56 and 2026-01-01 are strings), with the lines that things stand on.
 */
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
  type ScalarTag,
  type Tags,
} from 'yaml'
import type { Path } from './problem.ts'

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

/** The memory that a document takes while it is read is about 50 times its size. */
const largestText = 16 * 1024 * 1024
/** etcd takes no object above 1.5 MiB; two for comments and white space. */
const largestDocument = 3 * 1024 * 1024
const deepest = 64

/** Of the types of YAML 1.1 those that Go's library reads as something else than a string. */
const goTags = (tags: Tags): Tags => [
  ...tags.filter(
    (tag) =>
      typeof tag === 'string' ||
      (!('format' in tag && tag.format === 'TIME') &&
        !['timestamp', 'binary', 'omap', 'pairs', 'set'].some((name) => tag.tag.endsWith(`:${name}`))),
  ),
  newOctal,
]

/** 0o17, which Go takes for a number in YAML 1.1 too. */
const newOctal: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  format: 'OCT',
  test: /^[-+]?0o[0-7_]+$/i,
  resolve: (text) => {
    const digits = text.replaceAll('_', '').replace(/^[-+]?0o/i, '')
    return Number.parseInt(digits, 8) * (text.startsWith('-') ? -1 : 1)
  },
}

export function* yamlDocuments(text: string): Generator<YamlDocument> {
  if (text.length > largestText) {
    yield failed({ line: 1, column: 1 }, `is larger than ${largestText / 1024 / 1024} MiB: split it up`)
    return
  }
  const lines = new LineCounter()
  const composer = new Composer({ version: '1.1', customTags: goTags, prettyErrors: false })
  try {
    for (const document of composer.compose(new Parser(lines.addNewLine).parse(text))) {
      if (document.contents !== null || document.errors.length > 0) yield read(document, lines)
    }
  } catch (error) {
    // Only something nested deeper than the stack of the program gets here.
    const line = lines.lineStarts.length
    yield failed({ line, column: 1 }, `cannot be read: ${(error as Error).message}`)
  }
}

function failed(place: Place, reason: string): YamlDocument {
  return { ...place, problems: [{ ...place, reason }], placeOf: () => place }
}

function read(document: Document.Parsed, lines: LineCounter): YamlDocument {
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { line, column: col }
  }
  const root = document.contents
  const start = at(root?.range?.[0] ?? document.range[0])
  if (document.range[2] - document.range[0] > largestDocument) {
    return failed(start, `a document of more than ${largestDocument / 1024 / 1024} MiB`)
  }
  if (document.errors.length > 0) {
    const problems = document.errors.map(({ pos, message }) => ({
      ...at(pos[0]),
      reason: firstLine(message),
    }))
    return { ...start, problems, placeOf: () => start }
  }
  try {
    const tooDeep = depthBeyond(root, deepest)
    if (tooDeep !== undefined) {
      return failed(at(tooDeep), `is nested deeper than ${deepest} levels`)
    }
    const value: unknown = document.toJS({ maxAliasCount: 100 })
    return { ...start, value, problems: [], placeOf: (path) => at(offsetOf(root, path)) }
  } catch (error) {
    return failed(start, firstLine((error as Error).message))
  }
}

function firstLine(text: string): string {
  return text.split('\n')[0]!.trim()
}

/** Offset of something that stands below more levels than these. */
function depthBeyond(node: Node | null, levels: number): number | undefined {
  if (!isMap(node) && !isSeq(node)) return undefined
  if (levels === 0) return node.range?.[0] ?? 0
  for (const item of node.items) {
    const below = isPair(item) ? (item.value as Node | null) : (item as Node | null)
    const found = depthBeyond(below, levels - 1)
    if (found !== undefined) return found
  }
  return undefined
}

/** A field is where its key stands; what an alias stands for is where the alias is. */
function offsetOf(root: Node | null, path: Path): number {
  let offset = root?.range?.[0] ?? 0
  let here: unknown = root
  for (const step of path) {
    if (isAlias(here)) return offset
    if (isMap(here)) {
      const pair = here.items.find(({ key }) => (isScalar(key) ? String(key.value) : key) === String(step)) as
        | Pair<Node, Node | null>
        | undefined
      if (pair === undefined) return offset
      offset = pair.key.range?.[0] ?? offset
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
