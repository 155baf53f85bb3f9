import { expect, it } from 'vitest'
import { addressText, parseListenAddress } from '../../../src/operations/listen-address.ts'

it.each([
  ['127.0.0.1:9745', { address: '127.0.0.1', port: 9745 }],
  ['0.0.0.0:1', { address: '0.0.0.0', port: 1 }],
  ['[::1]:65535', { address: '::1', port: 65_535 }],
  ['[::]:9745', { address: '::', port: 9745 }],
  ['[fe80::1%eth0]:9745', { address: 'fe80::1%eth0', port: 9745 }],
])('%s', (text, address) => {
  expect(parseListenAddress(text)).toEqual(address)
  expect(addressText(address)).toBe(text)
})

it.each([
  '',
  '9745',
  ':9745',
  '127.0.0.1',
  '127.0.0.1:',
  '127.0.0.1:0',
  '127.0.0.1:65536',
  '127.0.0.1:-1',
  '127.0.0.1:http',
  '127.0.0.1:9745 ',
  '127.0.0.1:9745/metrics',
  '127.0.0:9745',
  '256.0.0.1:9745',
  'localhost:9745',
  '::1:9745',
  '[::1]',
  '[::1]9745',
  '[127.0.0.1]:9745',
  '[]:9745',
  'http://127.0.0.1:9745',
])('%j is refused with what would be right', (text) => {
  expect(() => parseListenAddress(text)).toThrow(/^".*" is not ADDRESS:PORT, such as 127\.0\.0\.1:9745/)
})
