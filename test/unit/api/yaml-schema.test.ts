/** What kubectl makes of a scalar without quotes; the answers are those of Go's library (sigs.k8s.io/yaml 1.6). */
import { expect, test } from 'vitest'
import { yamlDocuments } from '../../../src/api/yaml-documents.ts'

test.each<[string, unknown]>([
  ['y', true],
  ['Off', false],
  ['oN', 'oN'],
  ['~', null],
  ['nUll', 'nUll'],
  ['017', 15],
  ['-017', -15],
  ['08', 8],
  ['0o17', 15],
  ['0O17', 15],
  ['0o8', '0o8'],
  ['0o_', '0o_'],
  ['0b11', 3],
  ['0b-1', -1],
  ['0B-1', '0B-1'],
  ['0x1F', 31],
  ['0x', '0x'],
  ['1_000', 1000],
  ['+_1', 1],
  ['_1', '_1'],
  ['-0', 0],
  ['0xffffffffffffffff', 2 ** 64],
  ['-0xffffffffffffffff', '-0xffffffffffffffff'],
  ['18446744073709551616', 2 ** 64],
  ['1.', 1],
  ['.5', 0.5],
  ['._5', '._5'],
  ['-._5', -0.5],
  ['1e3', 1000],
  ['1e400', '1e400'],
  ['1e_-3', 0.001],
  // In a time that doesn't grow with the square of its length.
  [`1e${'_'.repeat(200_000)}`, `1e${'_'.repeat(200_000)}`],
  ['e1000', 'e1000'],
  ['.inf', Number.POSITIVE_INFINITY],
  ['.iNF', '.iNF'],
  ['=', '='],
  ['<<', '<<'],
  ['1:30', '1:30'],
  ['2026-01-01', '2026-01-01'],
  ['52:54:00:12:34:56', '52:54:00:12:34:56'],
])('%.30s is %.30j', (text, meant) => {
  const [document] = [...yamlDocuments(`a: ${text}\n`)]
  expect(document?.value).toEqual({ a: meant })
})
