/** The ledger against a host on which everything happens. PATCHBAY_SEED=N has other operations. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { deviceOf } from '../../../../src/core/ledger/ledger.ts'
import type { Link } from '../../../../src/core/link.ts'
import { deviceNames, functions, HostModel, type Witness } from './host-model.ts'

const seed = Number(process.env.PATCHBAY_SEED ?? 1)
if (!Number.isSafeInteger(seed))
  throw new Error(`PATCHBAY_SEED=${process.env.PATCHBAY_SEED} is no whole number`)

const leastOperations = 100_000
const pools = new HostModel().pools.map(({ network }) => network)

interface Operation {
  kind: string
  on: (host: HostModel) => void
  [fc.toStringMethod]: () => string
}

/** `weight`: how often it happens, beside the others. */
function happens<T>(
  kind: string,
  weight: number,
  to: fc.Arbitrary<T>,
  act: (host: HostModel, to: T) => void,
) {
  const arbitrary = to.map(
    (chosen): Operation => ({
      kind,
      on: (host) => act(host, chosen),
      // As a failure shows it.
      [fc.toStringMethod]: () => `${kind} ${JSON.stringify(chosen)}`,
    }),
  )
  return { kind, weight, arbitrary }
}

const who = fc.nat(5)
const pool = fc.nat(pools.length - 1)
const dev = fc.constantFrom(...deviceNames)
const named = fc.constantFrom(...deviceNames, ...functions)
const witness = fc.constantFrom<Witness>('status', 'definitions', 'kernel')
const another = fc.constantFrom<Partial<Link>>({}, { addresses: ['192.0.2.1/24'] }, { master: 'br0' })
const devicesOf = (from: number) =>
  pools[from] === 'addresses' || pools[from] === 'pf' ? functions : deviceNames
const edit = pool.chain((from) => fc.tuple(fc.constant(from), fc.shuffledSubarray(devicesOf(from))))

const happenings = [
  happens('allocate', 4, fc.tuple(who, pool), (host, [self, from]) => host.allocate(self, from)),
  happens(
    'allocate while a witness lies',
    3,
    fc.tuple(who, pool, who, witness),
    (host, [self, from, about, lies]) => host.allocate(self, from, { about, witness: lies }),
  ),
  happens('make the tap', 3, who, (host, self) => host.makeTap(self)),
  happens('define', 3, who, (host, self) => host.define(self)),
  happens('undefine', 1, who, (host, self) => host.undefine(self)),
  happens('remove the tap', 1, who, (host, self) => host.removeTap(self)),
  happens('release', 2, who, (host, self) => host.release(self)),
  happens('crash while plugging', 2, fc.tuple(who, pool, fc.nat(3)), (host, [self, from, after]) =>
    host.crashPlugging(self, from, after),
  ),
  happens('crash while unplugging', 1, fc.tuple(who, fc.nat(2)), (host, [self, after]) =>
    host.crashUnplugging(self, after),
  ),
  happens('lose status', 1, who, (host, self) => host.loseStatus(self)),
  happens('stop waiting', 1, who, (host, self) => host.stopWaiting(self)),
  happens('device vanishes', 1, dev, (host, name) => host.vanish(name)),
  happens('device appears', 1, dev, (host, name) => host.appear(name)),
  happens('device changes', 1, fc.tuple(dev, another), (host, [name, more]) => host.change(name, more)),
  happens('guest from nowhere', 1, named, (host, name) => host.strangerAppears(name)),
  happens('guest goes', 2, named, (host, name) => void host.strangers.delete(name)),
  happens('pool edited', 1, edit, (host, [from, devices]) => host.editPool(from, devices)),
]

const operations = (maxLength: number) => fc.array(fc.oneof(...happenings), { maxLength, size: 'max' })

test(`PATCHBAY_SEED=${seed}: ${leastOperations} operations, no device held twice, none lost`, {
  timeout: 120_000,
}, () => {
  const counts = new Map<string, number>()
  const handedOut = new Set<string>()
  fc.assert(
    fc.property(operations(200), (list) => {
      const host = new HostModel()
      for (const { kind, on } of list) {
        on(host)
        host.nobodyShares()
        counts.set(kind, (counts.get(kind) ?? 0) + 1)
      }
      for (const network of host.handedOut) handedOut.add(network)

      host.clear()
      host.editPool(0, [...deviceNames])
      for (const self of deviceNames.keys()) host.allocate(self, 0)
      expect(held(host)).toEqual(deviceNames)

      host.clear()
      const addresses = pools.indexOf('addresses')
      host.editPool(addresses, [...functions])
      for (const self of functions.keys()) host.allocate(self, addresses)
      expect(held(host)).toEqual(functions)
    }),
    { numRuns: 1500, seed },
  )
  expect([...counts.values()].reduce((sum, each) => sum + each)).toBeGreaterThanOrEqual(leastOperations)
  expect([...counts.keys()].toSorted()).toEqual(happenings.map(({ kind }) => kind).toSorted())
  expect([...handedOut].toSorted()).toEqual(pools.toSorted())
})

test(`PATCHBAY_SEED=${seed}: the device of an interface that is plugged is found again when status is lost`, () => {
  fc.assert(
    fc.property(operations(60), who, (list, self) => {
      const host = new HostModel()
      for (const { on } of list) on(host)
      const { recorded, defined } = host.ours[self]!
      const device = recorded && deviceOf(recorded)
      if (!device || !defined || device !== deviceOf(defined)) return
      const from = pools.indexOf(recorded.network!)
      fc.pre(host.poolAt(from).devices.includes(device) && !host.strangersOn(device))
      // A macvtap that nobody explains leaves no room for one that needs the device to itself.
      fc.pre(!host.strays.some(({ lower }) => lower === device))
      host.loseStatus(self)
      host.allocate(self, from)
      expect(host.ours[self]!.recorded).toEqual(recorded)
    }),
    { numRuns: 1000, seed },
  )
})

function held(host: HostModel): string[] {
  return host.ours.flatMap(({ recorded }) => (recorded ? deviceOf(recorded)! : []))
}
