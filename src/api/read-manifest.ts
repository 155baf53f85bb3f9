/**
 * From the text of a file to objects. What is wrong is all found at once, by file, line and field; the documents that are
 * good load although others are not.
 */
import type { AnyResource } from './kinds.ts'
import { kindNames, kinds } from './kinds.ts'
import { fieldOf, type Path, type Problem } from './problem.ts'
import { apiVersion, type Kind } from './resource.ts'
import { defaultNamespace, validate } from './validate.ts'
import { type YamlDocument, yamlDocuments } from './yaml-documents.ts'

/** Whose document it is. */
export interface ObjectName {
  kind: Kind
  /** GuestInterfaces only. */
  namespace?: string
  name: string
}

export interface ManifestObject {
  /** With defaults applied and namespace filled in; without status and a server's metadata. */
  object: AnyResource
  file: string
  /** Where it begins, from 1. */
  line: number
}

export interface ManifestProblem {
  file: string
  /** From 1. */
  line: number
  column: number
  /** Empty: the document as a whole. */
  field: string
  /** Completes a sentence that begins with the field. */
  reason: string
  /** Absent where it cannot be told whose document it is. */
  object?: ObjectName
  kind: Problem['kind'] | 'syntax'
}

export interface Manifests {
  objects: ManifestObject[]
  problems: ManifestProblem[]
}

/** Reads one file. An object that is there twice is a problem of the later one; the earlier one loads. */
export function readManifest(text: string, file = '-'): Manifests {
  return readManifests([{ file, text }])
}

/** Reads several, in this order; an object must be in one place only. */
export function readManifests(files: Iterable<{ file: string; text: string }>): Manifests {
  const found: Manifests = { objects: [], problems: [] }
  const places = new Map<string, string>()
  for (const { file, text } of files) {
    for (const document of yamlDocuments(text)) {
      for (const { value, path } of objectsIn(document)) {
        readObject(value, path, document, file, places, found)
      }
      for (const problem of document.problems) {
        found.problems.push({ ...problem, file, field: '', kind: 'syntax' })
      }
    }
  }
  return found
}

/** file:line: spec.vlan: reason */
export function formatProblem({ file, line, field, reason }: ManifestProblem): string {
  return `${file}:${line}: ${field === '' ? '' : `${field}: `}${reason}`
}

/** The document, or the entries of a List as `kubectl get -o yaml` writes it. */
function objectsIn({ value, problems }: YamlDocument): { value: unknown; path: Path }[] {
  if (problems.length > 0 || value === null) return []
  if (typeof value === 'object' && 'kind' in value && 'items' in value && Array.isArray(value.items)) {
    const {
      kind,
      items,
      apiVersion: version,
    } = value as { kind: unknown; items: unknown[]; apiVersion?: unknown }
    const ofOurs = version === apiVersion && kindNames.some((name) => kind === `${name}List`)
    if ((kind === 'List' && version === 'v1') || ofOurs) {
      return items.map((item, n) => ({ value: item, path: ['items', n] }))
    }
  }
  return [{ value, path: [] }]
}

function readObject(
  value: unknown,
  base: Path,
  document: YamlDocument,
  file: string,
  places: Map<string, string>,
  found: Manifests,
): void {
  const name = nameOf(value)
  const { object, problems } = validate(value)
  const report = (path: Path, reason: string, kind: Problem['kind']) => {
    const full = [...base, ...path]
    const place = document.placeOf(full)
    found.problems.push({ file, ...place, field: fieldOf(full), reason, kind, ...(name && { object: name }) })
  }
  for (const { path, reason, kind } of problems) report(path, reason, kind)
  const { line } = document.placeOf(base)
  if (name !== undefined) {
    const id = `${name.kind}/${name.namespace ?? ''}/${name.name}`
    const other = places.get(id)
    if (other !== undefined) {
      report(['metadata', 'name'], `${name.kind} ${shown(name)} is there already, in ${other}`, 'rule')
      return
    }
    places.set(id, `${file}:${line}`)
  }
  if (object !== undefined) found.objects.push({ object, file, line })
}

function shown({ namespace, name }: ObjectName): string {
  return namespace === undefined ? name : `${namespace}/${name}`
}

/** Whose document it is, if it says so at all, be it good or bad. */
function nameOf(value: unknown): ObjectName | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { apiVersion: version, kind, metadata } = value as Record<string, unknown>
  if (version !== apiVersion || !kindNames.includes(kind as Kind)) return undefined
  const { name, namespace } = (metadata ?? {}) as Record<string, unknown>
  if (typeof name !== 'string' || name === '') return undefined
  if (!kinds[kind as Kind].namespaced) return { kind: kind as Kind, name }
  if (namespace !== undefined && namespace !== null && typeof namespace !== 'string') return undefined
  return { kind: kind as Kind, namespace: namespace || defaultNamespace, name }
}
