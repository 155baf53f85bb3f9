import { expect, it } from 'vitest'
import { leaseShortage } from '../../../../src/core/network/lease-room.ts'

const lan = (...ranges: [start: string, end: string][]) => ({
  name: 'lan',
  settings: {
    ips: [
      {
        address: '10.0.0.1',
        prefix: 24,
        dhcp: { ranges: ranges.map(([start, end]) => ({ start, end })), hosts: [] },
      },
    ],
  },
  portGroups: [],
})
const lent = (count: number) => Array.from({ length: count }, (_, n) => `10.0.0.${n + 10}`)

it.each<[what: string, ReturnType<typeof lan>, leases: number, message: RegExp | undefined]>([
  ['as many as there are', lan(['10.0.0.10', '10.0.0.12']), 3, undefined],
  ['one more', lan(['10.0.0.10', '10.0.0.12']), 4, /have 3 addresses, and 4 are lent/],
  ['ranges count together', lan(['10.0.0.10', '10.0.0.12'], ['10.0.0.20', '10.0.0.20']), 4, undefined],
  ['no range has no limit', lan(), 40, undefined],
  ['a few are named', lan(['10.0.0.10', '10.0.0.10']), 7, /\(10\.0\.0\.10, .*10\.0\.0\.14 and 2 more\)/],
])('%s', (_, definition, leases, message) => {
  const refusal = leaseShortage(definition, lent(leases))
  if (message === undefined) expect(refusal).toBeUndefined()
  else
    expect(refusal).toMatchObject({ reason: 'LeasesExceedRanges', message: expect.stringMatching(message) })
})
