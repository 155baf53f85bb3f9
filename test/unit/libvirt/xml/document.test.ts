import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  buildXml,
  element,
  parseXml,
  type XmlElement,
  XmlError,
} from '../../../../src/libvirt/xml/document.ts'

/** Every character that XML 1.0 can carry, the ones with a meaning of their own most often. */
const hostile = fc.string({
  unit: fc.oneof(
    {
      weight: 3,
      arbitrary: fc.constantFrom(
        ...`<>&'"\t\n\r =/-!?[]#;`,
        '&lt;',
        '&#10;',
        ']]>',
        '<!--',
        '\u0085',
        '\u2028',
        '\ufffd',
        '𝄞',
      ),
    },
    fc
      .string({ unit: 'binary', minLength: 1, maxLength: 1 })
      .filter((it) => !/[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u.test(it)),
  ),
})
const xmlName = fc.constantFrom('a', 'b-c', 'ns:d', 'é', 'x.y_z', 'hasOwnProperty', 'toString', 'valueOf')
const attributes = fc.dictionary(xmlName, hostile, { maxKeys: 4, noNullPrototype: true })

const { tree } = fc.letrec<{ tree: XmlElement }>((tie) => ({
  tree: fc.record({
    name: xmlName,
    attributes,
    children: fc.oneof(
      { maxDepth: 5, depthIdentifier: 'tree' },
      // Text alone, white space included; an empty text is no text.
      hostile.map((text) => (text === '' ? [] : [text])),
      fc.array(tie('tree'), { maxLength: 4 }),
      // Text between elements: there white space alone is layout.
      fc.tuple(
        tie('tree'),
        hostile.filter((text) => text.trim() !== ''),
        tie('tree'),
      ),
    ),
  }),
}))

test('what is built is read back as it was', () => {
  fc.assert(
    fc.property(tree, (built) => {
      expect(parseXml(buildXml(built))).toEqual(built)
    }),
    { numRuns: 500 },
  )
})

test('any text is read or refused with an XmlError', () => {
  const soup = fc
    .array(
      fc.oneof(
        fc.constantFrom(
          '<a',
          '<a>',
          '</a>',
          '/>',
          ' b=',
          "'",
          '"',
          '<!--',
          '-->',
          '<![CDATA[',
          ']]>',
          '<?x',
          '?>',
          '<!DOCTYPE',
          '&',
          '&amp;',
          ';',
        ),
        hostile,
      ),
      { maxLength: 20 },
    )
    .map((parts) => parts.join(''))
  fc.assert(
    fc.property(
      fc.oneof(
        soup,
        soup.map((inner) => `<a>${inner}</a>`),
      ),
      (text) => {
        try {
          parseXml(text)
        } catch (error) {
          expect(error).toBeInstanceOf(XmlError)
        }
      },
    ),
    { numRuns: 2000 },
  )
})

describe('reading', () => {
  test.each<[string, string, XmlElement]>([
    [
      'a number, as a string',
      "<a b='007' c='1e3' d='true'/>",
      element('a', { b: '007', c: '1e3', d: 'true' }),
    ],
    ['either quote', `<a b="it's" c='"'/>`, element('a', { b: "it's", c: '"' })],
    ['white space in an attribute, as spaces', "<a b=' x\n\ty '/>", element('a', { b: ' x  y ' })],
    ['white space as references', "<a b='&#10;&#9;&#xD;'/>", element('a', { b: '\n\t\r' })],
    ['the five entities', '<a>&lt;&gt;&amp;&quot;&apos;</a>', element('a', {}, [`<>&"'`])],
    ['a reference once', '<a>&amp;lt;</a>', element('a', {}, ['&lt;'])],
    ['a character beyond 16 bits', '<a>&#x1D11E;</a>', element('a', {}, ['𝄞'])],
    ['CDATA as it is', '<a>x<![CDATA[<b>&amp;]]>y</a>', element('a', {}, ['x<b>&amp;y'])],
    ['white space that is all there is', '<a> \n</a>', element('a', {}, [' \n'])],
    ['no layout', '<a>\n  <b/>\n  <c> </c>\n</a>', element('a', {}, [element('b'), element('c', {}, [' '])])],
    ['comments', '<a><!-- <b> --><c/></a>', element('a', {}, [{ comment: ' <b> ' }, element('c')])],
    [
      'past a declaration and what surrounds the element',
      "<?xml version='1.0'?>\n<!-- x --><a/><!-- y -->\n",
      element('a'),
    ],
    [
      'past a DOCTYPE that is only spoken of',
      '<a><!-- <!DOCTYPE --><![CDATA[<!DOCTYPE]]></a>',
      element('a', {}, [{ comment: ' <!DOCTYPE ' }, '<!DOCTYPE']),
    ],
    [
      'names that JavaScript knows',
      "<toString hasOwnProperty='1'/>",
      element('toString', { hasOwnProperty: '1' }),
    ],
  ])('%s', (_, text, expected) => {
    expect(parseXml(text)).toEqual(expected)
  })

  test.each([
    ['a DOCTYPE', '<!DOCTYPE a [<!ENTITY b "c">]>\n<a>&b;</a>', 'line 1: a DOCTYPE'],
    ['an entity of its own', '<a>&nbsp;</a>', '&nbsp; is no character'],
    ['an entity of JavaScript', '<a>&constructor;</a>', '&constructor; is no character'],
    ['a bare &', "<a b='x & y'/>", '& y is no character'],
    ['a reference to no character', '<a>&#0;</a>', '&#0; is no character'],
    ['a reference to half a character', '<a>&#xD800;</a>', '&#xD800; is no character'],
    ['a reference beyond Unicode', '<a>&#x110000;</a>', '&#x110000; is no character'],
    ['a control character', '<a>\n\u0001</a>', 'line 2: U+0001 cannot stand'],
    ['an element that does not end', '<a>\n<b></a>', "line 2, column 4: Expected closing tag 'b'"],
    ['a comment that does not end', '<a><!-- </a>', 'a comment or CDATA that does not end'],
    ['two elements', '<a/>\n<b/>', 'not one element'],
    ['an attribute twice', "<a b='1' b='2'/>", "Attribute 'b' is repeated"],
    ['no element', ' ', 'Start tag expected'],
    ['nesting without end', '<a>'.repeat(100) + '</a>'.repeat(100), 'Maximum nested tags exceeded'],
    ['length without end', `<a>${' '.repeat(4 * 1024 * 1024)}</a>`, 'XML of 4194311 characters'],
    ['nothing at all', '', 'line 1: Start tag expected'],
  ])('refuses %s', (_, text, message) => {
    expect(() => parseXml(text)).toThrow(XmlError)
    expect(() => parseXml(text)).toThrow(message)
  })
})

describe('building', () => {
  test('indents, and closes what is empty', () => {
    const built = buildXml(
      element('a', { b: '1' }, [
        element('c', {}, [element('d')]),
        { comment: ' e ' },
        element('f', {}, ['g']),
      ]),
    )
    expect(built).toBe("<a b='1'>\n  <c>\n    <d/>\n  </c>\n  <!-- e -->\n  <f>g</f>\n</a>")
  })

  test.each<[string, XmlElement, string]>([
    [
      'a control character in an attribute',
      element('a', {}, [element('b', { c: 'x\u0000' })]),
      'a/b@c: the value contains U+0000',
    ],
    ['a control character in text', element('a', {}, ['\u001b']), 'a: the value contains U+001B'],
    ['half a character', element('a', { b: '\ud800' }), 'a@b: the value contains U+D800'],
    ['a name that is none', element('a', { "b='1' c": 'x' }), `a: "b='1' c" is no name of an attribute`],
    ['an element that is none', element('a', {}, [element('b><c')]), '"b><c" is no name of an element'],
    [
      'a comment that ends itself',
      element('a', {}, [{ comment: '--><b/>' }]),
      'a: a comment that XML cannot carry',
    ],
  ])('refuses %s', (_, tree, message) => {
    expect(() => buildXml(tree)).toThrow(XmlError)
    expect(() => buildXml(tree)).toThrow(message)
  })
})
