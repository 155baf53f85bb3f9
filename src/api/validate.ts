/** Checks an object against its kind: shapes, then the rules of the CRD, then what only we can check. All problems at once. */
import type { z } from 'zod'
import { explain, nearest, unknownField } from './explain.ts'
import { type AnyResource, type KindDefinition, kindNames, kinds, type ResourceOf } from './kinds.ts'
import { clusterMetadata, namespacedMetadata } from './metadata.ts'
import { type Path, type Problem, problem, quoted } from './problem.ts'
import { apiVersion, type Kind, type Metadata } from './resource.ts'
import { brokenRules, brokenTransitions } from './rules.ts'

export interface Validation<K extends Kind = Kind> {
  /** With defaults applied, without status and without what a server put into metadata. Absent when there are problems. */
  object?: ResourceOf[K]
  problems: Problem[]
}

/** The namespace of a GuestInterface that names none. */
export const defaultNamespace = 'default'

const fields = ['apiVersion', 'kind', 'metadata', 'spec', 'status']

export function validate(value: unknown): Validation {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { problems: [problem([], 'must be an object with apiVersion, kind, metadata and spec')] }
  }
  const document = value as Record<string, unknown>
  const foreign = checkKind(document)
  if (foreign.length > 0) return { problems: foreign }

  const definition = kinds[document.kind as Kind]
  const metadata = read(
    definition.namespaced ? namespacedMetadata : clusterMetadata,
    document.metadata ?? undefined,
    ['metadata'],
  )
  const spec = readSpec(definition, document.spec ?? undefined)
  const problems = [
    ...Object.keys(document)
      .filter((key) => !fields.includes(key))
      .map((key) => problem([key], unknownField(key, fields))),
    ...metadata.problems.map((found) => misplacedNamespace(found, definition)),
    ...spec.problems,
  ]
  if (problems.length > 0) return { problems }
  const object = {
    apiVersion,
    kind: definition.kind,
    metadata: ownMetadata(metadata.data as Metadata, definition),
    spec: spec.data,
  }
  return { object: object as ResourceOf[Kind], problems }
}

/** What the spec of an object changes of `before`, as it was last accepted, and must not: its immutable fields. */
export function immutableChanges(
  { kind, spec }: Pick<AnyResource, 'kind' | 'spec'>,
  before: object,
): Problem[] {
  return brokenTransitions(kinds[kind].spec, spec, ['spec'], before)
}

function checkKind({ apiVersion: version, kind }: Record<string, unknown>): Problem[] {
  const problems: Problem[] = []
  if (version !== apiVersion) {
    problems.push(problem(['apiVersion'], absent(version) ?? `is ${quoted(version)}`))
  }
  if (!kindNames.includes(kind as Kind)) {
    const near = typeof kind === 'string' ? nearest(kind, kindNames) : undefined
    const hint = near === undefined ? '' : `; did you mean ${near}?`
    problems.push(problem(['kind'], absent(kind) ?? `is ${quoted(kind)}${hint}`))
  }
  const known = `only ${kindNames.join(', ')} of ${apiVersion} can be read`
  return problems.map((found, n) =>
    n < problems.length - 1 ? found : { ...found, reason: `${found.reason}; ${known}` },
  )
}

function absent(value: unknown): string | undefined {
  return value === undefined || value === null ? 'is missing' : undefined
}

function misplacedNamespace(found: Problem, { namespaced, kind }: KindDefinition): Problem {
  return !namespaced && found.field === 'metadata.namespace'
    ? { ...found, reason: `must be absent: a ${kind} belongs to no namespace` }
    : found
}

function ownMetadata(
  { name, namespace, labels, annotations }: Metadata,
  { namespaced }: KindDefinition,
): Metadata {
  return {
    name,
    ...(namespaced && { namespace: namespace ?? defaultNamespace }),
    ...(labels && { labels }),
    ...(annotations && { annotations }),
  }
}

function readSpec(definition: KindDefinition, given: unknown): Reading {
  if (given === undefined && !definition.specOptional) {
    return { problems: [problem(['spec'], 'is missing')], wellFormed: false }
  }
  const spec = read(definition.spec, given ?? {}, ['spec'])
  const broken = brokenRules(definition.spec, spec.data, ['spec'], spec.problems.length > 0)
  const check = definition.check as ((spec: unknown) => Problem[]) | undefined
  const more = spec.wellFormed ? (check?.(spec.data) ?? []) : []
  return { ...spec, problems: [...spec.problems, ...broken, ...more] }
}

interface Reading {
  /** With defaults when it has no problems, else as it was given. */
  data?: unknown
  problems: Problem[]
  /** Nothing has the wrong shape; a field that is too much is no such thing. */
  wellFormed: boolean
}

function read(schema: z.ZodType, given: unknown, base: Path): Reading {
  let value = given
  let result = schema.safeParse(value)
  if (!result.success) {
    const nulls = result.error.issues.filter(
      (issue) => issue.code === 'invalid_type' && isNullAt(value, issue.path),
    )
    if (nulls.length > 0) {
      value = structuredClone(value)
      for (const { path } of nulls) removeAt(value, path)
      result = schema.safeParse(value)
    }
  }
  if (result.success) return { data: result.data, problems: [], wellFormed: true }
  const { issues } = result.error
  return {
    data: value,
    problems: issues.flatMap((issue) => explain(issue, schema, value, base)),
    wellFormed: issues.every(({ code }) => code === 'unrecognized_keys'),
  }
}

/** kube-apiserver takes a field that is null for one that is absent; so does this. */
function isNullAt(value: unknown, path: readonly PropertyKey[]): boolean {
  if (typeof path.at(-1) !== 'string') return false
  return (
    path.reduce((here, part) => (here as Record<PropertyKey, unknown>)?.[part], value as unknown) === null
  )
}

function removeAt(value: unknown, path: readonly PropertyKey[]): void {
  const holder = path.slice(0, -1).reduce((here, part) => (here as Record<PropertyKey, unknown>)[part], value)
  delete (holder as Record<PropertyKey, unknown>)[path.at(-1)!]
}
