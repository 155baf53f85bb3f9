/**
 * What a plain scalar means to Go's YAML library, by which kubectl reads: YAML 1.1 with some of 1.2. Yes, on and y are true;
 * 010 and 0o10 are eight; 52:54:00:12:34:56 and 2026-01-01 are strings, and so is e1000, the name of a NIC. One schema for
 * reading and writing, so that nothing is written bare that would be read as something else.
 */
import { type ScalarTag, Schema, type Tags } from 'yaml'

/** Underscores may stand nearly anywhere behind the first character. */
const some = (digit: string) => `_*[${digit}][${digit}_]*`
const sign = '(?:[-+]_*)?'
const exponent = `(?:[eE](?:_*[-+])?${some('0-9')})?`

const integers = [
  `${sign}[0-9][0-9_]*`,
  `${sign}0_*[bB]${some('01')}`,
  // 0b-1, for whatever reason.
  `0_*b_*[-+]${some('01')}`,
  `${sign}0_*[oO]${some('0-7')}`,
  `${sign}0_*[xX]${some('0-9a-fA-F')}`,
]
const floats = [
  `${sign}[0-9][0-9_]*(?:\\.[0-9_]*)?${exponent}`,
  `[-+]_*\\.${some('0-9')}${exponent}`,
  '\\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?',
]
const oneOf = (forms: string[]) => new RegExp(`^(?:${forms.join('|')})$`)

/** What has no place in 64 bits is a float, if it can be one. */
function integerOf(text: string): number | string {
  const plain = text.replaceAll('_', '').replace(/^0b([-+])/, '$10b')
  const [, before, digits] = /^([-+]?)(.*)$/.exec(plain)!
  const size = BigInt(/^0[0-7]+$/.test(digits!) ? `0o${digits}` : digits!)
  if (size >= 2n ** (before === '' ? 64n : 63n)) return floatOf(text)
  return Number(before === '-' ? -size : size)
}

/** What is none, or is too large, stays a string. */
function floatOf(text: string): number | string {
  const value = Number(text.replaceAll('_', ''))
  return Number.isFinite(value) && !/^[-+]?0_*[box]/i.test(text) ? value : text
}

/** Read as strings, or never written. */
const unknownToGo = ['timestamp', 'binary', 'omap', 'pairs', 'set'].map((name) => `tag:yaml.org,2002:${name}`)
const numbers: Record<string, Pick<ScalarTag, 'test' | 'resolve'>> = {
  'tag:yaml.org,2002:int': { test: oneOf(integers), resolve: integerOf },
  'tag:yaml.org,2002:float': { test: oneOf(floats), resolve: floatOf },
}

/** The library's tags with Go's numbers instead of its own. */
const goTags = (tags: Tags): Tags =>
  (tags as ScalarTag[]).flatMap((tag) => {
    if (unknownToGo.includes(tag.tag)) return []
    const number = numbers[tag.tag]
    if (number === undefined || tag.test?.test('.inf')) return [tag]
    // Of each type one says how it is written; the others are its other ways to be read.
    return tag.format === undefined ? [{ ...tag, ...number }] : []
  })

/** `compat`: what other readers of YAML 1.1 take for a time or a date is quoted in what is written. */
export const goSchema = new Schema({
  schema: 'yaml-1.1',
  compat: ['intTime', 'floatTime', 'timestamp'],
  resolveKnownTags: false,
  customTags: goTags,
})
