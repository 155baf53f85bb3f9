/** The pages for users: their links lead somewhere, to the heading too, and their manifests are valid. */
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { formatProblem, readManifests } from '../../../src/api/read-manifest.ts'

const root = join(import.meta.dirname, '../../..')
const pages = globSync(['README.md', 'docs/**/*.md'], { cwd: root }).map((file) => ({
  file,
  text: readFileSync(join(root, file), 'utf8'),
}))

/** As GitHub makes them from headings. */
function anchors(file: string): string[] {
  const headings = readFileSync(file, 'utf8').match(/^#+ .*$/gm) ?? []
  return headings.map((heading) =>
    heading
      .replace(/^#+ /, '')
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

test.each(pages)('every link of $file leads to a file, and to a heading there', ({ file, text }) => {
  const links = [...text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)]
  const broken = links.filter(([, to, anchor]) => {
    const target = to ? join(root, dirname(file), to) : join(root, file)
    return !existsSync(target) || (anchor && !anchors(target).includes(anchor))
  })
  expect(broken.map(([link]) => link)).toEqual([])
})

test.each(pages)('every manifest of $file is valid', ({ file, text }) => {
  const manifests = [...text.matchAll(/^```yaml\n(apiVersion[^`]*)```/gm)].map((match) => match[1]!)
  const { problems } = readManifests(manifests.map((manifest) => ({ file, text: manifest })))
  expect(problems.map(formatProblem)).toEqual([])
})
