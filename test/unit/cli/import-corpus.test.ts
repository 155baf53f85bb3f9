/** Every network that libvirt's schema is covered by, taken over: what comes out says the same, or the network is refused by name. */
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { formatProblem, readManifest } from '../../../src/api/read-manifest.ts'
import { yamlText } from '../../../src/api/write-yaml.ts'
import { importAnswer } from '../../../src/cli/import-answer.ts'
import { networkDefinitionIn } from '../../../src/cli/network-definition-file.ts'
import { planOf } from '../../../src/cli/network-plan-answer.ts'

const directory = join(import.meta.dirname, '../../libvirt/network-corpus')
const corpus = globSync('*.xml', { cwd: directory })
  .sort()
  .map((file) => ({ file: basename(file), xml: readFileSync(join(directory, file), 'utf8') }))

/** libvirt reads it and shows it no more; a file that has it says something that no manifest can. */
const refused: Record<string, RegExp> = {
  'hostdev-addresses.xml': /network\/forward\/address\[2\]@multifunction: no manifest has a field/,
}

test('there is something to take over', () => expect(corpus.length).toBeGreaterThanOrEqual(60))

test.each(corpus)('$file', ({ file, xml }) => {
  const { objects, refusals } = importAnswer([{ kind: 'network', xml, file }])
  const reason = refused[file]
  if (reason !== undefined) return expect(refusals).toEqual([expect.stringMatching(reason)])
  expect(refusals).toEqual([])
  const text = yamlText(objects)
  expect(readManifest(text).problems.map(formatProblem)).toEqual([])

  const original = networkDefinitionIn({ file, text: xml })
  const imported = networkDefinitionIn({ file: 'imported', text })
  for (const live of [true, false]) {
    for (const [from, to] of [
      [original, imported],
      [imported, { ...original, uuid: undefined }],
    ] as const) {
      const { updates, restartRequired } = planOf(from, to, { live }).answer
      expect([...updates, ...restartRequired]).toEqual([])
    }
  }
})
