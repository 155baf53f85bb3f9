import { expect, test } from 'vitest'
import type { LabelSelector } from '../../../src/api/network.ts'
import { labelsOf, selects } from '../../../src/core/host-selector.ts'

const host = { name: 'abc', labels: { zone: 'east', rack: '' } }

type Operator = NonNullable<LabelSelector['matchExpressions']>[number]['operator']
const expression = (key: string, operator: Operator, values?: string[]): LabelSelector => ({
  matchExpressions: [{ key, operator, values }],
})

test.each<[string, LabelSelector | undefined, boolean]>([
  ['absent', undefined, true],
  ['empty', {}, true],
  ['its name', { matchLabels: { 'kubernetes.io/hostname': 'abc' } }, true],
  ["another's name", { matchLabels: { 'kubernetes.io/hostname': 'def' } }, false],
  ['all labels', { matchLabels: { zone: 'east', rack: '' } }, true],
  ['one label of two', { matchLabels: { zone: 'east', rack: '7' } }, false],
  ['an absent label', { matchLabels: { row: '' } }, false],
  ['a name that every object has', { matchLabels: { constructor: '' } }, false],
  ['In', expression('zone', 'In', ['west', 'east']), true],
  ['In, another value', expression('zone', 'In', ['west']), false],
  ['In, no such label', expression('row', 'In', ['a']), false],
  ['NotIn', expression('zone', 'NotIn', ['west']), true],
  ['NotIn, the value', expression('zone', 'NotIn', ['east']), false],
  ['NotIn, no such label', expression('row', 'NotIn', ['a']), true],
  ['Exists', expression('rack', 'Exists'), true],
  ['Exists, no such label', expression('toString', 'Exists'), false],
  ['DoesNotExist', expression('row', 'DoesNotExist'), true],
  ['DoesNotExist, but it does', expression('rack', 'DoesNotExist'), false],
  [
    'labels hold, an expression does not',
    { matchLabels: { zone: 'east' }, ...expression('row', 'Exists') },
    false,
  ],
])('selector: %s', (_, selector, expected) => {
  expect(selects(selector, labelsOf(host))).toBe(expected)
})

test('a hostname label that the host really has goes before its name', () => {
  expect(labelsOf({ name: 'abc', labels: { 'kubernetes.io/hostname': 'abc.example' } })).toEqual({
    'kubernetes.io/hostname': 'abc.example',
  })
})
