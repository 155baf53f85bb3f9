/** The pages for users: their links lead somewhere, and their manifests are valid. */
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { formatProblem, readManifests } from '../../../src/api/read-manifest.ts'

const root = join(import.meta.dirname, '../../..')
const pages = globSync(['README.md', 'docs/**/*.md'], { cwd: root }).map((file) => ({
  file,
  text: readFileSync(join(root, file), 'utf8'),
}))

test.each(pages)('every link of $file leads to a file', ({ file, text }) => {
  const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map((match) => match[1]!)
  expect(links.filter((link) => !existsSync(join(root, dirname(file), link)))).toEqual([])
})

test.each(pages)('every manifest of $file is valid', ({ file, text }) => {
  const manifests = [...text.matchAll(/^```yaml\n(apiVersion[^`]*)```/gm)].map((match) => match[1]!)
  const { problems } = readManifests(manifests.map((manifest) => ({ file, text: manifest })))
  expect(problems.map(formatProblem)).toEqual([])
})
