import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { changeTablePage } from '../../../docs/reference/change-table-page.ts'
import {
  changesFile,
  conditionsFile,
  conditionsPage,
  metricsFile,
  settingsFile,
} from '../../../docs/reference/generate.ts'
import { metricsPage } from '../../../docs/reference/metrics-page.ts'
import { settingsPage } from '../../../docs/reference/settings-page.ts'

test('docs/reference/conditions.md is what `npm run docs` writes', () => {
  expect(readFileSync(conditionsFile, 'utf8')).toBe(conditionsPage())
})

test('docs/reference/changes.md is what `npm run docs` writes', () => {
  expect(readFileSync(changesFile, 'utf8')).toBe(changeTablePage())
})

test('docs/reference/settings.md is what `npm run docs` writes', () => {
  expect(readFileSync(settingsFile, 'utf8')).toBe(settingsPage())
})

test('docs/reference/metrics.md is what `npm run docs` writes', () => {
  expect(readFileSync(metricsFile, 'utf8')).toBe(metricsPage())
})
