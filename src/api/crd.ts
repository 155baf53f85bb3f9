/**
 * The CustomResourceDefinitions, generated from the schemas. zod writes JSON Schema; kube-apiserver takes a part of it only
 * ("structural schemas"): no closed objects, no unions, no names of properties, whole numbers with a format. Unknown fields
 * are pruned there; our own reader refuses them.
 */
import { z } from 'zod'
import { rulesKey } from './extensions.ts'
import { type KindDefinition, kindNames, kinds } from './kinds.ts'
import { apiVersion } from './resource.ts'
import { yamlText } from './write-yaml.ts'

/** JSON Schema as structural schemas have it. */
export interface Schema {
  description?: string
  type?: string
  properties?: Record<string, Schema>
  additionalProperties?: Schema
  items?: Schema
  required?: string[]
  [keyword: string]: unknown
}

export interface CustomResourceDefinition {
  apiVersion: 'apiextensions.k8s.io/v1'
  kind: 'CustomResourceDefinition'
  metadata: { name: string }
  spec: {
    group: string
    names: {
      kind: string
      listKind: string
      plural: string
      singular: string
      shortNames: string[]
      categories: string[]
    }
    scope: 'Namespaced' | 'Cluster'
    versions: CrdVersion[]
  }
}

interface CrdVersion {
  name: string
  served: boolean
  storage: boolean
  schema: { openAPIV3Schema: Schema }
  subresources?: { status: Record<string, never> }
  additionalPrinterColumns: { name: string; type: string; jsonPath: string; priority?: number }[]
  selectableFields?: { jsonPath: string }[]
}

const [group, version] = apiVersion.split('/') as [string, string]

/** File name to definition, one for each kind. */
export function crdDocuments(): Record<string, CustomResourceDefinition> {
  return Object.fromEntries(
    kindNames.map((kind) => [`${group}_${kinds[kind].plural}.yaml`, definitionOf(kinds[kind])]),
  )
}

const generated = '# Generated from src/api by `patchbay crds`: not to be edited.\n'

/** File name to text, as it stands in crds/. */
export function crdFiles(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(crdDocuments()).map(([name, document]) => [name, `${generated}${yamlText([document])}`]),
  )
}

/** For `kubectl apply -k crds`; on its own, so that deleting the deployment leaves the resources. */
export function crdKustomization(): string {
  const resources = Object.keys(crdDocuments())
  return `${generated}${yamlText([{ apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization', resources }])}`
}

function definitionOf(kind: KindDefinition): CustomResourceDefinition {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${kind.plural}.${group}` },
    spec: {
      group,
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural: kind.plural,
        singular: kind.singular,
        shortNames: [kind.shortName],
        categories: ['patchbay'],
      },
      scope: kind.namespaced ? 'Namespaced' : 'Cluster',
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: objectSchema(kind) },
          ...(kind.status && { subresources: { status: {} } }),
          additionalPrinterColumns: kind.columns.map((column) => ({ ...column })),
          ...(kind.selectableFields && {
            selectableFields: kind.selectableFields.map((jsonPath) => ({ jsonPath })),
          }),
        },
      ],
    },
  }
}

function objectSchema({ description, spec, specOptional, status }: KindDefinition): Schema {
  return {
    description,
    type: 'object',
    properties: {
      apiVersion: { description: 'Version of this shape', type: 'string' },
      kind: { description: 'Kind of object', type: 'string' },
      metadata: { type: 'object' },
      spec: { description: 'What is wanted', ...structural(spec) },
      // An object without conditions would count as ready for kstatus; a generation not yet seen says otherwise.
      ...(status && {
        status: {
          description: 'What was found',
          ...withoutRules(structural(status)),
          default: { observedGeneration: -1 },
        },
      }),
    },
    ...(!specOptional && { required: ['spec'] }),
  }
}

function structural(schema: z.ZodType): Schema {
  return mended(z.toJSONSchema(schema, { io: 'input' }) as Schema)
}

const maxInt32 = 2147483647

/** One level, and what is below it, as kube-apiserver takes it. Throws on what it would not. */
function mended(schema: Schema): Schema {
  const { $schema, propertyNames, additionalProperties, properties, items, format, ...rest } = schema
  for (const keyword of ['anyOf', 'oneOf', 'allOf', 'not', 'const', '$ref']) {
    if (keyword in rest) throw new Error(`no ${keyword} in a CRD: ${JSON.stringify(schema)}`)
  }
  const { description, type, ...further } = rest
  const isMap = typeof additionalProperties === 'object'
  return {
    ...(description !== undefined && { description }),
    type,
    ...(type === 'integer' && { format: (schema.maximum as number) > maxInt32 ? 'int64' : 'int32' }),
    // The pattern that zod writes beside it says the same to every version of kube-apiserver.
    ...(format === 'uuid' && { maxLength: 36 }),
    ...further,
    // kube-apiserver drops an empty one, and whoever compares would find a difference for ever.
    ...(properties !== undefined &&
      Object.keys(properties).length > 0 && { properties: mendedEach(properties) }),
    ...(isMap && { additionalProperties: mended(additionalProperties) }),
    ...(items !== undefined && { items: mended(items) }),
  }
}

function mendedEach(properties: Record<string, Schema>): Record<string, Schema> {
  return Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, mended(schema)]))
}

/** Status is written by us alone; a rule there could only keep the truth from being told. */
function withoutRules(schema: Schema): Schema {
  const { [rulesKey]: _, properties, items, ...rest } = schema
  return {
    ...rest,
    ...(properties && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, below]) => [name, withoutRules(below)]),
      ),
    }),
    ...(items && { items: withoutRules(items) }),
  }
}
