import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { conditionsFile, conditionsPage } from '../../../docs/reference/generate.ts'

test('docs/reference/conditions.md is what `npm run docs` writes', () => {
  expect(readFileSync(conditionsFile, 'utf8')).toBe(conditionsPage())
})
