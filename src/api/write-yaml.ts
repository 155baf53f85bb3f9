/**
 * YAML that kubectl and our own reader read as what was written: strings that look like something else, or hold what ends
 * a line for one of them, are quoted. Every manifest and answer is written here.
 */
import { Document, visit } from 'yaml'
import { goSchema } from './yaml-schema.ts'

/** Go's library takes them for line breaks or refuses them, and JSON leaves them as they are. */
const unwritable = /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g
/** A merge, and lines whose indentation a block would have to guess: the library leaves both without quotes. */
const unclear = /^(?:<<$|\s)/

/** We write no merges: a key that is called so is a string. */
const schema = goSchema.clone()
schema.tags = schema.tags.filter(({ tag }) => tag !== 'tag:yaml.org,2002:merge')

/**
 * One document for each value, with a mark between them; ends with a line break. Values as JSON knows them; what is undefined
 * is left out. Half a surrogate pair is the one thing that kubectl cannot read, since UTF-8 doesn't have it.
 */
export function yamlText(documents: readonly object[]): string {
  return documents.map(documentText).join('---\n')
}

function documentText(value: object): string {
  const document = new Document(value, { schema, version: '1.1', aliasDuplicateObjects: false })
  visit(document, {
    Scalar(_, scalar) {
      const { value: text } = scalar
      if (typeof text === 'string' && (unclear.test(text) || text.search(unwritable) !== -1)) {
        scalar.type = 'QUOTE_DOUBLE'
      }
    },
  })
  const text = document.toString({ lineWidth: 0, doubleQuotedAsJSON: true })
  // They stand in double quotes, all of them.
  return text.replace(unwritable, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
