import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { InterfaceSettings } from '../../../../src/api/settings.ts'
import { differencesOf } from '../../../../src/core/change/differences.ts'
import type { InterfaceDefinition } from '../../../../src/core/definition.ts'
import { importInterface } from '../../../../src/core/import/interface.ts'
import { resolve } from '../../../../src/core/resolve/resolve.ts'
import { arbitrarySettings, bridge, direct, ports, settingNames } from '../definitions.ts'

const guest = { name: 'web', uuid: '09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f' }
const mac = '52:54:00:00:00:01'

function imported(definition: InterfaceDefinition, siblings?: InterfaceDefinition[]) {
  const result = importInterface(guest, definition, 'shop', siblings)
  return 'manifest' in result ? result.manifest : result.refusals
}

test('a manifest of the same settings that adopts, with a name that comes from guest and MAC address', () => {
  const settings = { mac, model: 'virtio', link: { state: 'down' as const } }
  expect(imported({ port: bridge, settings, alias: 'net0', device: 'vnet3' })).toEqual({
    apiVersion: 'patchbay.dev/v1alpha1',
    kind: 'GuestInterface',
    metadata: { name: 'web.52-54-00-00-00-01', namespace: 'shop' },
    spec: {
      guest: { name: 'web' },
      source: { bridge: { name: 'br0' } },
      adopt: true,
      updatePolicy: 'Live',
      deletionPolicy: 'Detach',
      ...settings,
    },
  })
})

test.each<[string, Partial<InterfaceDefinition> & Pick<InterfaceDefinition, 'port'>, object]>([
  ['a network', { port: { kind: 'network', network: 'default' } }, { name: 'default' }],
  [
    'a port group',
    { port: { kind: 'network', network: 'n' }, portGroup: 'sales' },
    { name: 'n', portGroup: 'sales' },
  ],
  ['our empty group', { port: { kind: 'network', network: 'n' }, portGroup: 'patchbay' }, { name: 'n' }],
  [
    'a device that libvirt took from a pool',
    { port: direct, network: 'pool', portId: guest.uuid },
    { name: 'pool' },
  ],
])('an interface of a network keeps it: %s', (_, definition, network) => {
  expect(imported({ settings: { mac }, ...definition })).toMatchObject({ spec: { source: { network } } })
})

test('one of ours keeps its name', () => {
  const ours = { port: bridge, settings: { mac } }
  expect(imported({ ...ours, alias: 'ua-patchbay-a_vm1_data' })).toMatchObject({
    metadata: { namespace: 'a', name: 'vm1.data' },
  })
  expect(imported({ ...ours, adoptedBy: { namespace: 'a', name: 'b' } })).toMatchObject({
    metadata: { namespace: 'a', name: 'b' },
  })
})

test('two with one MAC address are told apart by their PCI address, or refused', () => {
  const at = (address: string) => ({ port: bridge, settings: { mac, address } })
  const twins = [at('0000:01:00.0'), at('0000:02:00.0')]
  expect(twins.map((twin) => imported(twin, twins))).toMatchObject([
    { metadata: { name: 'web.52-54-00-00-00-01.0000-01-00-0' } },
    { metadata: { name: 'web.52-54-00-00-00-01.0000-02-00-0' } },
  ])
  const bare = { port: bridge, settings: { mac } }
  expect(imported(bare, [bare, bare])).toEqual([expect.stringMatching(/^address: is missing/)])
})

test.each<[string, InterfaceDefinition, RegExp]>([
  ['no MAC address', { port: bridge, settings: {} }, /^mac: is missing/],
  ['a multicast one', { port: bridge, settings: { mac: '53:54:00:00:00:01' } }, /^spec\.mac: .*unicast/],
  [
    'a rate of 0',
    { port: bridge, settings: { mac, bandwidth: { outbound: { average: 0 } } } },
    /^spec\.bandwidth/,
  ],
  ['a filter on a macvtap', { port: direct, settings: { mac, filter: { name: 'no-arp' } } }, /^filter: /],
])('what no manifest can say is refused by its field: %s', (_, definition, refusal) => {
  expect(imported(definition)).toEqual([expect.stringMatching(refusal)])
})

test('what is imported, resolved on any host, differs from what it came from in nothing', () => {
  // Few at a time: of many one is always not possible there.
  const few = fc
    .tuple(arbitrarySettings, fc.subarray(settingNames, { maxLength: 3 }))
    .map(([all, kept]) => Object.fromEntries(kept.map((name) => [name, all[name]])) as InterfaceSettings)
  const definitions = fc.record({ port: fc.constantFrom(...ports), settings: few })
  let manifests = 0
  fc.assert(
    fc.property(definitions, (arbitrary) => {
      if (arbitrary.port.kind === 'network') return
      const definition = { ...arbitrary, settings: { ...arbitrary.settings, mac } }
      const result = importInterface(guest, definition, 'default')
      if ('refusals' in result) {
        expect(result.refusals).not.toEqual([])
        return
      }
      manifests++
      const resolved = resolve({
        guestInterface: result.manifest,
        networks: [],
        portGroups: [],
        host: { name: 'abc', labels: {} },
      })
      if ('refusals' in resolved || resolved.plug.kind !== 'fixed') throw new Error('resolved otherwise')
      const effective = { port: resolved.plug.port, settings: resolved.effective }
      expect(differencesOf(definition, effective)).toEqual([])
    }),
    { numRuns: 2_000 },
  )
  expect(manifests).toBeGreaterThan(100)
})
