import { expect, it } from 'vitest'
import { parsedNetwork } from '../../../src/agent/parsed-network.ts'
import { parseNetwork } from '../../../src/libvirt/xml/network/network.ts'

const xmlOf = (name: string) => `<network><name>${name}</name><ip address='10.0.0.1' prefix='8'/></network>`

it('tells definitions apart by every character, and parses a text once', () => {
  const [one, other] = [parsedNetwork(xmlOf('one')), parsedNetwork(xmlOf('two'))]
  expect(one).toEqual(parseNetwork(xmlOf('one')))
  expect(other).toEqual(parseNetwork(xmlOf('two')))
  expect(parsedNetwork(xmlOf('one'))).toBe(one)
})

it('forgets what was not asked for in a long time', () => {
  const [kept, forgotten] = [parsedNetwork(xmlOf('kept')), parsedNetwork(xmlOf('forgotten'))]
  // Of some 3 MiB each.
  for (let n = 0; n < 3; n++) {
    parsedNetwork(`${xmlOf(`large${n}`)}<!--${'x'.repeat(3 * 1024 * 1024)}-->`)
    expect(parsedNetwork(xmlOf('kept'))).toBe(kept)
  }
  expect(parsedNetwork(xmlOf('forgotten'))).not.toBe(forgotten)
  expect(parsedNetwork(xmlOf('forgotten'))).toEqual(forgotten)
})

it('throws for the same text each time', () => {
  for (let n = 0; n < 2; n++) expect(() => parsedNetwork('<network/>')).toThrow(/no <name>/)
})
