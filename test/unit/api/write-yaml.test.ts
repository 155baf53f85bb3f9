/** What is written is read as it was, whatever stands in its strings. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { yamlText } from '../../../src/api/write-yaml.ts'
import { yamlDocuments } from '../../../src/api/yaml-documents.ts'

/** Of what YAML's marks, its numbers and names, and what some readers take for a line break. */
const pieces = [
  ...[
    '- ',
    '-',
    '? ',
    '?',
    ': ',
    ':',
    ' #',
    '#',
    '---',
    '...',
    '%',
    '&a',
    '*a',
    '!',
    '!!str',
    '|',
    '>',
    '|-',
    '<<',
    '=',
  ],
  ...['"', "'", '`', '@', '{', '}', '[', ']', ',', '\\', '\\N', 'a', 'é', '😀', 'a: b'],
  ...['0o17', '0b1', '0x1f', '010', '1_000', '.5', '1e3', 'e1000', '1:30', '2026-01-01', '-.inf', '.nan'],
  ...['~', 'y', 'no', 'On', 'null', 'true'],
  ...[' ', '\t', '\n', '\r', '\u0000', '\u007f', '\u0085', '\u00a0', '\u2028', '\u2029', '\ufeff', '\ufffe'],
]
const hostile = fc.oneof(
  fc.array(fc.constantFrom(...pieces), { maxLength: 5 }).map((some) => some.join('')),
  fc.stringMatching(/^[-+.0-9a-fobxe_]{0,6}$/),
  fc.string({ maxLength: 200 }),
)
const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    hostile,
    fc.boolean(),
    fc.integer(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(hostile, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value
const documents = fc.array(
  fc.dictionary(hostile, values, { minKeys: 1, maxKeys: 4, noNullPrototype: true }),
  { maxLength: 3 },
)

test('several documents come back, with every string as a string', () => {
  fc.assert(
    fc.property(documents, (given) => {
      expect([...yamlDocuments(yamlText(given))].map(({ value }) => value)).toEqual(given)
    }),
    { numRuns: 1000 },
  )
})

test.each([
  ['0o17', '"0o17"'],
  ['off', '"off"'],
  ['2026-01-01', '"2026-01-01"'],
  ['10:20:30:40:50:59', '"10:20:30:40:50:59"'],
  ['<<', '"<<"'],
  ['next\u0085line\u2028', '"next\\u0085line\\u2028"'],
  [' \n\ttext', '" \\n\\ttext"'],
  ['10.0.0.1', '10.0.0.1'],
  ['52:54:00:12:34:5e', '52:54:00:12:34:5e'],
  ['e1000', 'e1000'],
  ['a\nb\n', '|\n  a\n  b'],
])('%j is written %s', (given, written) => {
  expect(yamlText([{ text: given }])).toBe(`text: ${written}\n`)
})

test('what is undefined is left out, and what is there twice is written twice', () => {
  const twice = { a: 1, b: undefined }
  expect(yamlText([{ x: twice, y: twice }, {}])).toBe('x:\n  a: 1\n"y":\n  a: 1\n---\n{}\n')
})
