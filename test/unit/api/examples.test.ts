import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { formatProblem, readManifests } from '../../../src/api/read-manifest.ts'

const root = join(import.meta.dirname, '../../../examples')
const directories = readdirSync(root).filter((name) => statSync(join(root, name)).isDirectory())

test('there is the worked example and the first hour', () => {
  expect(directories).toEqual(expect.arrayContaining(['first-hour', 'worked-example']))
})

test.each(directories)('examples/%s holds valid manifests only', (name) => {
  const files = readdirSync(join(root, name))
    .filter((file) => /\.ya?ml$/.test(file))
    .map((file) => ({ file, text: readFileSync(join(root, name, file), 'utf8') }))
  const { objects, problems } = readManifests(files)
  expect(problems.map(formatProblem)).toEqual([])
  expect(objects.length).toBeGreaterThan(0)
})
