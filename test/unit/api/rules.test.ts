/** Every rule of every kind, at least once broken, and what is nearest to it and still allowed. */
import { expect, test } from 'vitest'
import { crdDocuments, type Schema } from '../../../src/api/crd.ts'
import type { Rule } from '../../../src/api/extensions.ts'
import type { AnyResource } from '../../../src/api/kinds.ts'
import type { Problem } from '../../../src/api/problem.ts'
import { immutableChanges, validate } from '../../../src/api/validate.ts'
import { guestInterface, network } from './resources.ts'
import { changeRows, ruleRows, type Spec } from './rule-rows.ts'

test.each(ruleRows.map((row) => [`${row[3][0]}: not ${JSON.stringify(row[2])}`, ...row] as const))(
  '%s',
  (_, make, good, bad, blamed) => {
    expect(validate(make(good)).problems).toEqual([])
    expect(validate(make(bad)).problems.map(({ field }) => field)).toEqual(blamed)
  },
)

test.each<[string, (spec: Spec) => object, Spec]>([
  ['spec.targetDevice', guestInterface, { targetDevice: 'a'.repeat(16) }],
  ['spec.mac', guestInterface, { mac: '52:54:00:00:00:01:02' }],
  ['spec.source.hostdev.address', guestInterface, { source: { hostdev: { address: '0000:03:10.10' } } }],
  ['spec.ips[0].address', network, { ips: [{ address: `10.0.0.1${' '.repeat(40)}`, prefix: 24 }] }],
])('%s that is too long is blamed once', (field, make, spec) => {
  expect(validate(make(spec)).problems.map((problem) => problem.field)).toEqual([field])
})

test.each(changeRows)(
  'from %j to %j changes nothing that is immutable, or says what',
  (before, after, blamed) => {
    const [next, last] = [after, before].map((spec) => guestInterface(spec) as AnyResource)
    expect(validate(next).problems).toEqual([])
    const problems = immutableChanges(next!, last!.spec)
    expect(problems).toEqual(blamed.map((each) => expect.objectContaining({ ...each, kind: 'immutable' })))
  },
)

test('no rule of any kind is left untried', () => {
  const seen = new Set<string>()
  const mark = (problems: Problem[]) => {
    for (const { field, reason } of problems) {
      seen.add(`${field.replaceAll(/\[\d+\]/g, '[]')}: ${reason.split(': was ')[0]}`)
    }
  }
  for (const [make, , bad] of ruleRows) mark(validate(make(bad)).problems)
  const [next, last] = [{ guest: { name: 'b' }, mac: '52:54:00:00:00:01' }, undefined].map(
    (spec) => guestInterface(spec) as AnyResource,
  )
  mark(immutableChanges(next!, last!.spec))

  const untried: string[] = []
  const walk = (schema: Schema, path: string) => {
    for (const { message, fieldPath = '' } of (schema['x-kubernetes-validations'] ?? []) as Rule[]) {
      // A shape that several kinds share need be tried in one of them only.
      const rule = `${path}${fieldPath}: ${message}`
      if (!seen.has(rule)) untried.push(rule)
    }
    for (const [name, below] of Object.entries(schema.properties ?? {})) walk(below, `${path}.${name}`)
    if (schema.items) walk(schema.items, `${path}[]`)
  }
  for (const { spec } of Object.values(crdDocuments())) {
    walk(spec.versions[0]!.schema.openAPIV3Schema.properties!.spec!, 'spec')
  }
  expect(untried).toEqual([])
})
