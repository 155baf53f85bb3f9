import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hostPart, inNetwork, ipNumber, prefixOfNetmask } from '../../../src/api/ip-number.ts'

test('an address is the number of its bytes', () => {
  fc.assert(
    fc.property(fc.ipV4(), (address) => {
      const bytes = address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'))
      expect(ipNumber(address)).toBe(BigInt(`0x${bytes.join('')}`))
    }),
  )
})

test('every way to write an IPv6 address is the same number', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 65535 }), { minLength: 8, maxLength: 8 }), (groups) => {
      const number = groups.reduce((sum, group) => (sum << 16n) | BigInt(group), 0n)
      const hex = groups.map((group) => group.toString(16))
      const long = hex.map((group) => group.padStart(4, '0').toUpperCase()).join(':')
      const short = new URL(`http://[${hex.join(':')}]/`).hostname.slice(1, -1)
      const [a, b] = [groups[6]!, groups[7]!]
      const dotted = `${hex.slice(0, 6).join(':')}:${a >> 8}.${a & 255}.${b >> 8}.${b & 255}`
      for (const text of [long, short, dotted]) expect(ipNumber(text), text).toBe(number)
    }),
  )
})

test.each([
  ['::', 0n],
  ['::1', 1n],
  ['1::', 1n << 112n],
  ['::ffff:1.2.3.4', 0xffff01020304n],
  ['64:ff9b::10.0.0.1', (0x64ff9bn << 96n) | 0x0a000001n],
])('%s', (address, number) => {
  expect(ipNumber(address)).toBe(number)
})

test.each([
  ['0.0.0.0', 0],
  ['128.0.0.0', 1],
  ['255.255.255.0', 24],
  ['255.255.255.255', 32],
  ['255.0.255.0', undefined],
  ['0.255.0.0', undefined],
  ['0.0.0.1', undefined],
])('netmask %s has prefix %s', (netmask, prefix) => {
  expect(prefixOfNetmask(netmask)).toBe(prefix)
})

test.each([
  ['10.0.0.1', '10.0.0.254', 24, true],
  ['10.0.1.1', '10.0.0.254', 24, false],
  ['10.0.1.1', '99.0.0.254', 0, true],
  ['10.0.0.1', '10.0.0.1', 32, true],
  ['2001:db8::1', '2001:db8::ffff', 64, true],
  ['2001:db9::1', '2001:db8::ffff', 31, true],
  ['2001:db9::1', '2001:db8::ffff', 32, false],
  ['::a00:1', '10.0.0.1', 24, false],
])('%s is in the network of %s/%d: %s', (address, network, prefix, is) => {
  expect(inNetwork(address, network, prefix)).toBe(is)
})

test('the host part is what the network leaves', () => {
  expect(hostPart('10.0.0.129', 25)).toBe(1n)
  expect(hostPart('10.0.0.128', 25)).toBe(0n)
  expect(hostPart('2001:db8::1:0', 64)).toBe(0x10000n)
})
