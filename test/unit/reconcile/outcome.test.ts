import { expect, test } from 'vitest'
import { failureSort } from '../../../src/reconcile/outcome.ts'

test.each([
  [Object.assign(new Error('no such domain'), { sort: 'terminal' }), 'terminal'],
  [Object.assign(new Error('connection lost'), { sort: 'interrupted' }), 'interrupted'],
  [Object.assign(new Error('timeout'), { sort: 'retryable' }), 'retryable'],
  [Object.assign(new Error('odd'), { sort: 'sideways' }), 'retryable'],
  [new Error('plain'), 'retryable'],
  ['a string', 'retryable'],
  [null, 'retryable'],
  [undefined, 'retryable'],
])('failureSort(%o) is %s', (error, sort) => {
  expect(failureSort(error)).toBe(sort)
})
