/** Holds the CRDs to what kube-apiserver takes (apiextensions.k8s.io/v1, structural schemas) and to design's rules. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { crdDocuments, crdFiles, crdKustomization, type Schema } from '../../../src/api/crd.ts'
import type { Rule } from '../../../src/api/extensions.ts'

const documents = crdDocuments()
const directory = join(import.meta.dirname, '../../../crds')

/** Every keyword that a structural schema of ours may have; all others are refused or mean something else there. */
const keywords = new Set([
  'type',
  'description',
  'properties',
  'additionalProperties',
  'items',
  'required',
  'default',
  'enum',
  'format',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'pattern',
  'minItems',
  'maxItems',
  'maxProperties',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-map-type',
  'x-kubernetes-validations',
])
const types = ['object', 'array', 'string', 'integer', 'boolean']

interface Place {
  path: string
  schema: Schema
}

function* placesOf(schema: Schema, path: string): Generator<Place> {
  yield { path, schema }
  for (const [name, below] of Object.entries(schema.properties ?? {})) {
    // The server's own schema stands there.
    if (`${path}.${name}` !== '.metadata') yield* placesOf(below, `${path}.${name}`)
  }
  if (schema.additionalProperties) yield* placesOf(schema.additionalProperties, `${path}[name]`)
  if (schema.items) yield* placesOf(schema.items, `${path}[]`)
}

const rulesOf = ({ schema }: Place) => (schema['x-kubernetes-validations'] ?? []) as Rule[]
const complaints = (places: Place[], wrong: (place: Place) => boolean) =>
  places.filter(wrong).map(({ path }) => path)

describe.each(Object.entries(documents))('%s', (file, document) => {
  const version = document.spec.versions[0]!
  const places = [...placesOf(version.schema.openAPIV3Schema, '')]
  const specPlaces = places.filter(({ path }) => path.startsWith('.spec'))

  test('stands in crds/ as it is generated now', () => {
    expect(readFileSync(join(directory, file), 'utf8')).toBe(crdFiles()[file])
    expect(parse(crdFiles()[file]!)).toEqual(JSON.parse(JSON.stringify(document)))
  })

  test('is named after its plural and is in the category patchbay', () => {
    const { names, group } = document.spec
    expect(document.metadata.name).toBe(`${names.plural}.${group}`)
    expect(names.singular).toBe(names.kind.toLowerCase())
    expect(names.categories).toEqual(['patchbay'])
    expect(names.shortNames).toHaveLength(1)
  })

  test('has a type in every place, and no keyword that is forbidden', () => {
    expect(complaints(places, ({ schema }) => !types.includes(schema.type ?? ''))).toEqual([])
    const odd = places.flatMap(({ path, schema }) =>
      Object.keys(schema)
        .filter((keyword) => !keywords.has(keyword))
        .map((keyword) => `${path}: ${keyword}`),
    )
    expect(odd).toEqual([])
    expect(
      complaints(places, ({ schema }) => Boolean(schema.properties && schema.additionalProperties)),
    ).toEqual([])
    expect(complaints(places, ({ schema }) => schema.type === 'array' && !schema.items)).toEqual([])
  })

  test('has nothing empty that kube-apiserver would drop: who compares would find a difference for ever', () => {
    const isEmpty = (value: unknown) =>
      typeof value === 'object' && value !== null && Object.keys(value).length === 0
    expect(complaints(places, ({ schema }) => Object.values(schema).some(isEmpty))).toEqual([])
  })

  test('describes every field', () => {
    const named = places.filter(({ path }) => /\.\w+$/.test(path))
    expect(complaints(named, ({ schema }) => !schema.description)).toEqual([])
  })

  test('bounds lists, maps, strings and numbers', () => {
    const { spec, status } = version.schema.openAPIV3Schema.properties!
    const bounded = [...(spec ? placesOf(spec, '.spec') : []), ...(status ? placesOf(status, '.status') : [])]
    expect(
      complaints(bounded, ({ schema }) => schema.type === 'array' && schema.maxItems === undefined),
    ).toEqual([])
    expect(
      complaints(
        bounded,
        ({ schema }) => schema.additionalProperties !== undefined && schema.maxProperties === undefined,
      ),
    ).toEqual([])
    expect(
      complaints(
        bounded,
        ({ schema }) => schema.type === 'string' && schema.maxLength === undefined && !schema.enum,
      ),
    ).toEqual([])
    const fits = ({ schema }: Place) => {
      const limit = schema.format === 'int32' ? 2147483647 : schema.format === 'int64' ? 2 ** 53 - 1 : 0
      const { minimum, maximum } = schema as { minimum?: number; maximum?: number }
      return minimum !== undefined && maximum !== undefined && maximum <= limit && minimum >= -limit
    }
    expect(complaints(bounded, (place) => place.schema.type === 'integer' && !fits(place))).toEqual([])
  })

  test('says of every list how it merges, with keys that entries must have', () => {
    const lists = places.filter(({ schema }) => schema.type === 'array')
    expect(
      complaints(lists, ({ schema }) => {
        const kind = schema['x-kubernetes-list-type']
        const keys = schema['x-kubernetes-list-map-keys'] as string[] | undefined
        const { properties = {}, required = [], type } = schema.items ?? {}
        if (kind === 'atomic') return keys !== undefined
        if (kind === 'set') return type === 'object' || type === 'array'
        return (
          kind !== 'map' ||
          !keys?.length ||
          !keys.every(
            (key) =>
              (required.includes(key) && properties[key]?.type === 'string') ||
              properties[key]?.type === 'integer',
          )
        )
      }),
    ).toEqual([])
  })

  test('names only fields that are there as required, and gives patterns that Go reads too', () => {
    expect(
      complaints(places, ({ schema }) =>
        (schema.required ?? []).some((name) => schema.properties?.[name] === undefined),
      ),
    ).toEqual([])
    // RE2 has no look-around, no back references and no possessive quantifiers.
    expect(
      complaints(places, ({ schema }) => /\(\?[=!<]|\\[1-9]|[+*?]\+/.test(String(schema.pattern ?? ''))),
    ).toEqual([])
  })

  test('has rules in spec alone, in the part of CEL that the command line knows too', () => {
    expect(places.filter((place) => rulesOf(place).length > 0).map(({ path }) => path)).toEqual(
      specPlaces.filter((place) => rulesOf(place).length > 0).map(({ path }) => path),
    )
    const functions = ['has', 'size', 'all', 'exists', 'exists_one', 'filter', 'matches']
    for (const place of places) {
      for (const { rule, message, fieldPath } of rulesOf(place)) {
        const bare = rule.replaceAll(/'[^']*'/g, '')
        const called = [...bare.matchAll(/(\w+)\(/g)].map(([, name]) => name)
        expect(functions, rule).toEqual(expect.arrayContaining(called))
        expect(bare, rule).not.toMatch(/[+*/%?]| - | in /)
        expect(message.length).toBeLessThan(2048)
        expect(message).not.toContain('\n')
        const steps = fieldPath?.slice(1).split('.') ?? []
        const blamed = steps.reduce<Schema | undefined>((at, step) => at?.properties?.[step], place.schema)
        expect(blamed, `${place.path} ${fieldPath}`).toBeDefined()
      }
    }
  })

  test('asks about the past where kube-apiserver can tell it: outside of lists', () => {
    const transitions = places.filter((place) => rulesOf(place).some(({ rule }) => rule.includes('oldSelf')))
    expect(transitions.every(({ path }) => !/[[\]]/.test(path))).toBe(true)
  })

  test('has no defaults but those that leave the layers alone', () => {
    const found = places
      .filter(({ schema }) => 'default' in schema)
      .map(({ path, schema }) => [path, schema.default])
    const status = version.subresources ? [['.status', { observedGeneration: -1 }]] : []
    const spec: Record<string, unknown[]> = {
      Network: [
        ['.spec.onRestartRequired', 'Refuse'],
        ['.spec.deletionPolicy', 'Delete'],
      ],
      GuestInterface: [
        ['.spec.updatePolicy', 'Live'],
        ['.spec.deletionPolicy', 'Detach'],
      ],
    }
    expect(found).toEqual([...(spec[document.spec.names.kind] ?? []), ...status])
  })

  test('shows columns and selects by fields that exist', () => {
    const shown = [
      ...version.additionalPrinterColumns.map(({ jsonPath }) => jsonPath),
      ...(version.selectableFields ?? []).map(({ jsonPath }) => jsonPath),
    ]
    for (const path of shown.flatMap(alternatives)) {
      if (path.startsWith('.metadata.')) continue
      const plain = path.replace(/\[\?\(@\.type=="Ready"\)\]/, '[]')
      expect(places.map(({ path }) => path)).toContain(plain)
    }
    for (const { jsonPath } of version.selectableFields ?? []) {
      expect(places.find(({ path }) => path === jsonPath)?.schema.type).toBe('string')
    }
  })
})

/** The fields of a JSONPath that shows the first of several: PARENT['a','b'], or ..['a','b'] of the object itself. */
function alternatives(jsonPath: string): string[] {
  const [, parent = '', list] = /^(.*?)\.?\[('.*')\]$/.exec(jsonPath) ?? []
  if (list === undefined) return [jsonPath]
  return list.split(',').map((field) => `${parent === '.' ? '' : parent}.${field.slice(1, -1)}`)
}

test('there is one definition for each kind, and nothing else in crds/', () => {
  expect(Object.values(documents).map((document) => document.spec.names.kind)).toEqual([
    'Network',
    'PortGroup',
    'GuestInterface',
    'Host',
    'GuestGrant',
  ])
  expect(readdirSync(directory).sort()).toEqual(['kustomization.yaml', ...Object.keys(documents).sort()])
  expect(readFileSync(join(directory, 'kustomization.yaml'), 'utf8')).toBe(crdKustomization())
  expect(parse(crdKustomization()).resources).toEqual(Object.keys(documents))
})

test('what is namespaced, and by what it is selected', () => {
  const { 'patchbay.dev_guestinterfaces.yaml': gi, ...others } = documents
  expect(gi!.spec.scope).toBe('Namespaced')
  expect(Object.values(others).map(({ spec }) => spec.scope)).toEqual(Array(4).fill('Cluster'))
  expect(gi!.spec.versions[0]!.selectableFields?.map(({ jsonPath }) => jsonPath)).toEqual([
    '.status.hostName',
    '.spec.guest.name',
    '.spec.source.network.name',
  ])
})
