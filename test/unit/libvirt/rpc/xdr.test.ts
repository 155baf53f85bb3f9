import { struct } from '@stellar/js-xdr'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_STRING, text, uuid } from '../../../../src/libvirt/rpc/xdr.ts'

describe('text', () => {
  test('any string without NUL comes back as it was', () => {
    const strings = fc.string({ unit: 'binary' }).filter((value) => !value.includes('\0'))
    fc.assert(
      fc.property(strings, (value) => {
        expect(text.decode(text.encode(value))).toBe(value)
      }),
    )
  })

  test('is a length, UTF-8 and zeros up to the next multiple of four', () => {
    expect(Buffer.from(text.encode('vm1é')).toString('hex')).toBe('00000005766d31c3a9000000')
  })

  test.each([
    ['a NUL, behind which libvirt would read nothing', 'vm\0 <evil/>', /NUL/],
    ['half a surrogate pair', 'a\ud800b', /surrogate/],
    ['more than libvirt takes', 'x'.repeat(MAX_STRING + 1), /4194305 bytes/],
  ])('refuses to write %s', (_, value, message) => {
    expect(() => text.encode(value)).toThrow(message)
  })

  test.each([
    ['a length beyond the limit', 'ffffffff', /4294967295 bytes/],
    ['a length beyond the frame', '00000010616263', /incomplete/],
    ['bytes that are not UTF-8', '00000002c3280000', /not UTF-8/],
    ['padding that is not zero', '0000000161010000', /padding/],
    ['nothing', '', /incomplete/],
  ])('refuses to read %s', (_, hex, message) => {
    expect(() => text.decode(Buffer.from(hex, 'hex'))).toThrow(message)
  })

  test('says which field it was', () => {
    const type = struct('domain', { name: text })
    expect(() => type.encode({ name: '\0' })).toThrow('domain.name')
  })
})

describe('uuid', () => {
  test('is 16 bytes', () => {
    const value = '09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f'
    expect(Buffer.from(uuid.encode(value)).toString('hex')).toBe(value.replaceAll('-', ''))
    expect(uuid.decode(uuid.encode(value))).toBe(value)
  })

  test('need not be of an RFC version', () => {
    const value = 'ffffffff-ffff-ffff-ffff-ffffffffffff'
    expect(uuid.decode(uuid.encode(value))).toBe(value)
  })

  test.each(['', 'vm1', '09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4', '{09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f}'])(
    'refuses %j',
    (value) => {
      expect(() => uuid.encode(value)).toThrow('not a UUID')
    },
  )
})
