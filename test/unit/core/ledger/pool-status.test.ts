import { expect, test } from 'vitest'
import type { InterfaceDefinition } from '../../../../src/core/definition.ts'
import { sharedBy, usesOf } from '../../../../src/core/ledger/ledger.ts'
import { poolStatus, sharedDevices } from '../../../../src/core/ledger/pool-status.ts'
import type { Port } from '../../../../src/core/port.ts'

const on = (port: Port, more: Partial<InterfaceDefinition> = {}): InterfaceDefinition => ({
  port,
  settings: {},
  ...more,
})
const own: Port = { kind: 'direct', dev: 'eth1', mode: 'passthrough' }
const shared: Port = { kind: 'direct', dev: 'eth1', mode: 'vepa' }

function uses(guests: { name: string; live?: InterfaceDefinition[]; saved?: InterfaceDefinition[] }[]) {
  return usesOf({
    guests: guests.map(({ name, live = [], saved = [] }) => ({
      name,
      uuid: name,
      interfaces: [...live, ...saved],
      live,
      assignedDevices: [],
    })),
    links: [],
    recorded: [],
    belonging: [{ key: 'default/vm1', guest: { name: 'a' } }],
  })
}

test.each<[string, Parameters<typeof uses>[0], string[]]>([
  [
    'two running guests on one device that is for one alone',
    [
      { name: 'a', live: [on(own)] },
      { name: 'b', live: [on(own)] },
    ],
    ['a', 'b'],
  ],
  [
    'one of them in a mode that would share it',
    [
      { name: 'a', live: [on(own)] },
      { name: 'b', live: [on(shared)] },
    ],
    ['a', 'b'],
  ],
  [
    'ours, by its mark',
    [
      { name: 'a', live: [on(own, { adoptedBy: { namespace: 'default', name: 'vm1' } })] },
      { name: 'b', live: [on(own)] },
    ],
    ['a', 'b'],
  ],
  [
    'a device that is shared by all',
    [
      { name: 'a', live: [on(shared)] },
      { name: 'b', live: [on(shared)] },
    ],
    [],
  ],
  [
    'a second guest that is off',
    [
      { name: 'a', live: [on(own)] },
      { name: 'b', saved: [on(own)] },
    ],
    [],
  ],
  ['both definitions of one guest', [{ name: 'a', live: [on(own)], saved: [on(own)] }], []],
])('%s', (_, guests, named) => {
  const found = uses(guests)
  expect(sharedBy('eth1', found)).toEqual(named)
  expect([...sharedDevices(found).keys()]).toEqual(named.length > 0 ? ['eth1'] : [])
  const pool = { network: 'n', mode: 'passthrough' as const, devices: ['eth1'], exclusive: true }
  const link = { name: 'eth1', index: 1, mac: '', mtu: 1500, up: true, addresses: [], defaultRoute: false }
  const [device] = poolStatus(pool, found, [link]).devices
  if (named.length > 0) expect(device?.unavailable).toMatch(/handed out twice: the running guests a and b/)
  else expect(device?.unavailable ?? '').not.toMatch(/handed out twice/)
})

test('an interface that was taken over is ours in the ledger, but not in a copy of its guest', () => {
  const marked = on(own, { adoptedBy: { namespace: 'default', name: 'vm1' } })
  expect(uses([{ name: 'a', live: [marked] }])).toMatchObject([
    { holder: { kind: 'interface', name: 'default/vm1' } },
  ])
  expect(uses([{ name: 'copy', live: [marked] }])).toMatchObject([
    { holder: { kind: 'guest', name: 'copy' } },
  ])
})
