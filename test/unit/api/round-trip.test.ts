/** Whatever the schemas allow can be written as YAML and read again. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { crdDocuments, type Schema } from '../../../src/api/crd.ts'
import { kinds } from '../../../src/api/kinds.ts'
import type { Kind } from '../../../src/api/resource.ts'
import { yamlText } from '../../../src/api/write-yaml.ts'
import { yamlDocuments } from '../../../src/api/yaml-documents.ts'
import { goSchema } from '../../../src/api/yaml-schema.ts'

/** Values of a structural schema, lists kept short. */
function valuesOf(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.enum) return fc.constantFrom(...(schema.enum as string[]))
  const { minimum = 0, maximum, minItems = 0, maxLength, pattern } = schema as Record<string, number>
  switch (schema.type) {
    case 'boolean':
      return fc.boolean()
    case 'integer':
      return fc.integer({ min: minimum, max: maximum })
    case 'string':
      return pattern === undefined
        ? fc.string({ maxLength: 20 })
        : fc.stringMatching(new RegExp(String(pattern))).map((text) => text.slice(0, maxLength))
    case 'array':
      return fc.array(valuesOf(schema.items!), { minLength: minItems, maxLength: minItems + 2 })
    default:
      return schema.additionalProperties
        ? fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), valuesOf(schema.additionalProperties), {
            maxKeys: 3,
          })
        : fc.record(
            Object.fromEntries(
              Object.entries(schema.properties ?? {}).map(([name, below]) => [name, valuesOf(below)]),
            ),
            { requiredKeys: schema.required ?? [] },
          )
  }
}

describe.each(Object.values(crdDocuments()))('$spec.names.kind', ({ spec }) => {
  const schema = kinds[spec.names.kind as Kind].spec
  const specs = valuesOf(spec.versions[0]!.schema.openAPIV3Schema.properties!.spec!) as fc.Arbitrary<object>

  test('a spec that is valid comes back from YAML as it was, in block and flow style and as JSON', () => {
    let valid = 0
    fc.assert(
      fc.property(specs, fc.constantFrom(block, flow, JSON.stringify), (given, write) => {
        const parsed = schema.safeParse(given)
        const expected = parsed.success ? parsed.data : given
        if (parsed.success) valid++
        const [document] = [...yamlDocuments(write(expected))]
        expect(document?.problems).toEqual([])
        expect(document?.value).toEqual(expected)
      }),
      { numRuns: 150 },
    )
    expect(valid).toBeGreaterThan(0)
  })
})

const block = (value: object) => yamlText([value])
const flow = (value: object) => stringify(value, { schema: goSchema, collectionStyle: 'flow' })
