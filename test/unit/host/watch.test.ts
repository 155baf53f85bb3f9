import { expect, test } from 'vitest'
import { linkIn } from '../../../src/host/watch.ts'

test.each([
  ['7: vnet0: <BROADCAST,MULTICAST,UP> mtu 1500 qdisc noqueue master br0 state UP', 'vnet0'],
  ['7: macvtap0@pool0: <BROADCAST> mtu 1500', 'macvtap0'],
  ['7: veth0@if6: <BROADCAST> mtu 1500', 'veth0'],
  ['7: veth0@NONE: <BROADCAST> mtu 1500', 'veth0'],
  ['Deleted 7: vnet0: <BROADCAST> mtu 1500', 'vnet0'],
  ['Deleted 7: macvtap0@pool0: <BROADCAST> mtu 1500', 'macvtap0'],
  ['7: a;b$(c): <BROADCAST> mtu 1500', 'a;b$(c)'],
  // Which part is the name is not to be seen: any link may be meant.
  ['7: a@b@c: <BROADCAST> mtu 1500', undefined],
  ['7: : <>', undefined],
  ['an alias with a line of its own', undefined],
  ['', undefined],
])('%j is of %j', (line, link) => {
  expect(linkIn(line)).toBe(link)
})
