import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { difference } from '../../../../src/api/guest-interface.ts'
import type { InterfaceSettings } from '../../../../src/api/settings.ts'
import { capabilitiesOf } from '../../../../src/core/capabilities.ts'
import { type ChangeInput, changed, planChange, planRemoval } from '../../../../src/core/change/plan.ts'
import type { InterfaceDefinition } from '../../../../src/core/definition.ts'
import type { Port } from '../../../../src/core/port.ts'
import { arbitraryDefinition, bridge, direct, reversed, uuid } from '../definitions.ts'

const definition = (settings: InterfaceSettings = {}, port: Port = bridge): InterfaceDefinition => ({
  port,
  settings: { mac: '52:54:00:00:00:01', ...settings },
})
/** Debian 12's. */
const old = capabilitiesOf({ libvirt: 9_000_000, qemu: 7_002_000 })
const plan = (input: Partial<ChangeInput>) =>
  planChange({
    running: true,
    persistent: true,
    effective: definition(),
    updatePolicy: 'Live',
    capabilities: old,
    ...input,
  })
/** Both definitions are `was`. */
const change = (was: InterfaceDefinition, wanted: InterfaceDefinition, more: Partial<ChangeInput> = {}) =>
  plan({ live: was, saved: was, effective: wanted, ...more })
const update = (target: 'live' | 'saved', ...fields: string[]) => ({ action: 'Update', target, fields })
const attach = (target: 'live' | 'saved') => ({ action: 'Attach', target })
const detach = (target: 'live' | 'saved') => ({ action: 'Detach', target })

const down = definition({ link: { state: 'down' } })
const other = definition({ model: 'e1000e' })

describe('a running guest', () => {
  test.each<[string, Partial<ChangeInput>, verdict: string, steps: unknown[]]>([
    ['has neither', {}, 'Attach', [attach('live'), attach('saved')]],
    ['lacks the live one', { saved: definition() }, 'Attach', [attach('live')]],
    [
      'lacks the live one, and the saved one differs',
      { saved: down },
      'Attach',
      [attach('live'), update('saved', 'link.state')],
    ],
    ['lacks the saved one', { live: definition() }, 'InPlace', [attach('saved')]],
    ['has both', { live: definition(), saved: definition() }, 'None', []],
    [
      'has another link state in both',
      { live: down, saved: down },
      'InPlace',
      [update('live', 'link.state'), update('saved', 'link.state')],
    ],
    [
      'has another link state in the live one',
      { live: down, saved: definition() },
      'InPlace',
      [update('live', 'link.state')],
    ],
    [
      'has another model in the saved one only',
      { live: definition({ model: 'virtio' }), saved: other, effective: definition({ model: 'virtio' }) },
      'InPlace',
      [update('saved', 'model')],
    ],
    [
      'has another MAC in the saved one only',
      { live: definition(), saved: definition({ mac: '52:54:00:00:00:02' }) },
      'InPlace',
      [detach('saved'), attach('saved')],
    ],
    [
      'has another model',
      { live: other, saved: other, effective: definition({ model: 'virtio' }) },
      'Refused',
      [],
    ],
    ['is transient and has none', { persistent: false }, 'Attach', [attach('live')]],
    ['is transient and has it', { persistent: false, live: definition() }, 'None', []],
    [
      'is transient and has another link state',
      { persistent: false, live: down },
      'InPlace',
      [update('live', 'link.state')],
    ],
  ])('%s', (_, input, verdict, steps) => {
    expect(plan(input)).toMatchObject({ verdict, steps })
  })
})

describe('a guest that is off', () => {
  test.each<[string, Partial<ChangeInput>, verdict: string, steps: unknown[]]>([
    ['lacks it', {}, 'Attach', [attach('saved')]],
    ['has it', { saved: definition() }, 'None', []],
    ['has another link state', { saved: down }, 'InPlace', [update('saved', 'link.state')]],
    [
      'has another model, port and MTU',
      { saved: definition({ mtu: 9000 }), effective: definition({ model: 'virtio' }, direct) },
      'InPlace',
      [update('saved', 'model', 'mtu', 'source')],
    ],
    [
      'has another slot',
      { saved: definition({ address: '0000:01:00.0' }), effective: definition({ address: '0000:02:00.0' }) },
      'InPlace',
      [detach('saved'), attach('saved')],
    ],
    ['has some slot', { saved: definition({ address: '0000:01:00.0' }) }, 'None', []],
  ])('%s', (_, input, verdict, steps) => {
    expect(plan({ running: false, ...input })).toMatchObject({ verdict, steps })
    // Nothing to unplug, nothing to wait for: the policy makes no difference.
    for (const updatePolicy of ['Replug', 'NextBoot'] as const) {
      expect(plan({ running: false, updatePolicy, ...input })).toMatchObject({ verdict, steps })
    }
  })
})

describe('another policy', () => {
  const wanted = definition({ model: 'virtio', link: { state: 'down' } })

  test('Replug unplugs the live one, plugs it, and then changes the saved one', () => {
    const { verdict, steps, differences } = change(definition(), wanted, { updatePolicy: 'Replug' })
    expect({ verdict, steps }).toEqual({
      verdict: 'Replug',
      steps: [detach('live'), attach('live'), update('saved', 'link.state', 'model')],
    })
    expect(differences.map((each) => [each.field, each.verdict])).toEqual([
      ['link.state', 'Replug'],
      ['model', 'Replug'],
    ])
  })

  test('NextBoot leaves the live one as it is, also what could be changed in place', () => {
    const planned = change(definition(), wanted, { updatePolicy: 'NextBoot' })
    expect(planned).toMatchObject({ verdict: 'NextBoot', steps: [update('saved', 'link.state', 'model')] })
    const later = plan({ live: definition(), saved: wanted, effective: wanted, updatePolicy: 'NextBoot' })
    expect(later).toMatchObject({ verdict: 'NextBoot', steps: [] })
    expect(later.differences.map((each) => each.verdict)).toEqual(['NextBoot', 'NextBoot'])
    const booted = change(wanted, wanted, { updatePolicy: 'NextBoot' })
    expect(booted).toEqual({ verdict: 'None', steps: [], differences: [] })
  })

  test('NextBoot plugs a new interface at the next boot', () => {
    expect(plan({ updatePolicy: 'NextBoot' })).toEqual({
      verdict: 'NextBoot',
      steps: [attach('saved')],
      differences: [],
    })
    expect(plan({ updatePolicy: 'NextBoot', saved: definition() })).toMatchObject({
      verdict: 'NextBoot',
      steps: [],
    })
  })

  test('a transient guest has no next boot, and is not told of one', () => {
    const planned = change(definition(), wanted, {
      updatePolicy: 'NextBoot',
      persistent: false,
      saved: undefined,
    })
    expect(planned).toMatchObject({ verdict: 'Refused', steps: [] })
    const { reason } = planned.differences.find(({ field }) => field === 'model')!
    expect(reason).toMatch(/updatePolicy: Replug/)
    expect(reason).not.toMatch(/NextBoot/)
  })

  test.each(['Replug', 'NextBoot'] as const)('%s changes in place what can be', (updatePolicy) => {
    expect(change(definition(), down, { updatePolicy })).toMatchObject({
      verdict: 'InPlace',
      steps: [update('live', 'link.state'), update('saved', 'link.state')],
    })
  })
})

describe('while the guest runs', () => {
  const br1: Port = { kind: 'bridge', bridge: 'br1' }

  test('a change of much is one update each, the rate first and the link last', () => {
    const wanted = definition(
      {
        link: { state: 'down' },
        portIsolation: true,
        bandwidth: { inbound: { average: 1, peak: 2 } },
        filter: { name: 'clean-traffic' },
        coalesce: { rx: { frames: { max: 1 } } },
      },
      br1,
    )
    const { verdict, steps } = plan({ live: definition(), saved: wanted, effective: wanted })
    expect(verdict).toBe('Reattach')
    expect(steps).toEqual([
      update('live', 'bandwidth.inbound.average', 'bandwidth.inbound.peak'),
      update('live', 'filter.name'),
      update('live', 'portIsolation'),
      update('live', 'coalesce.rx.frames.max'),
      { action: 'Reattach', target: 'live', fields: ['source'] },
      update('live', 'link.state'),
    ])
  })

  test('a move to another kind of switch takes along what hangs on it', () => {
    const capabilities = capabilitiesOf({ libvirt: 11_003_000, qemu: 10_000_000 })
    const linux = definition({
      filter: { name: 'clean-traffic' },
      portIsolation: true,
      bandwidth: { inbound: { average: 1 } },
    })
    const switched = definition(
      { vlan: { tags: [{ id: 7 }] }, virtualPort: { type: 'openvswitch', interfaceID: uuid } },
      br1,
    )
    const there = plan({ live: linux, saved: switched, effective: switched, capabilities })
    const fields = [
      'filter.name',
      'portIsolation',
      'source',
      'virtualPort.interfaceID',
      'virtualPort.type',
      'vlan.tags',
    ]
    expect(there.steps).toEqual([
      update('live', 'bandwidth.inbound.average'),
      { action: 'Reattach', target: 'live', fields },
    ])
    const back = plan({ live: switched, saved: linux, effective: linux, capabilities })
    expect(back.steps).toEqual(there.steps)
  })

  test('the network that a device came from is no difference', () => {
    const from: Port = { kind: 'direct', dev: 'eth1', mode: 'passthrough', network: 'testA' }
    expect(change(definition({}, direct), definition({}, from)).verdict).toBe('None')
  })

  test("a libvirt network's port group is refused live and changed in the saved definition", () => {
    const port: Port = { kind: 'network', network: 'default' }
    const was = { ...definition({}, port), portGroup: 'sales' }
    const wanted = { ...was, portGroup: 'patchbay' }
    expect(change(was, wanted)).toMatchObject({
      verdict: 'Refused',
      differences: [{ field: 'source.portGroup' }],
    })
    expect(change(wanted, wanted, { saved: was })).toMatchObject({
      verdict: 'InPlace',
      steps: [update('saved', 'source.portGroup')],
    })
  })

  test('one refused setting leaves no step, and all are listed with old and new value', () => {
    const wanted = definition({ model: 'virtio', link: { state: 'down' }, mtu: 1400 }, direct)
    const { verdict, steps, differences } = change(definition({ model: 'e1000' }), wanted)
    expect({ verdict, steps }).toEqual({ verdict: 'Refused', steps: [] })
    expect(differences.map(({ reason: _, ...rest }) => rest)).toEqual([
      { field: 'link.state', observed: 'up', effective: 'down', verdict: 'InPlace' },
      { field: 'model', observed: 'e1000', effective: 'virtio', verdict: 'Refused' },
      { field: 'mtu', observed: '', effective: '1400', verdict: 'Refused' },
      { field: 'source', observed: 'bridge br0', effective: 'direct eth1 (passthrough)', verdict: 'Refused' },
    ])
  })

  test('what only the saved definition has otherwise is listed too', () => {
    const { differences } = plan({ live: other, saved: down, effective: definition({ model: 'virtio' }) })
    expect(differences.map(({ field, verdict }) => [field, verdict])).toEqual([
      ['model', 'Refused'],
      ['link.state', 'InPlace'],
    ])
  })
})

describe('whatever the definitions', () => {
  const policy = fc.constantFrom('Live', 'Replug', 'NextBoot')
  const maybe = fc.option(arbitraryDefinition, { nil: undefined })
  const input: fc.Arbitrary<ChangeInput> = fc
    .record({
      running: fc.boolean(),
      persistent: fc.boolean(),
      live: maybe,
      saved: maybe,
      effective: arbitraryDefinition,
      updatePolicy: policy,
      capabilities: fc.constantFrom(old, capabilitiesOf({ libvirt: 11_003_000, qemu: 10_000_000 })),
    })
    // What is not there has no definition; what is off is saved.
    .map((given) => {
      const persistent = given.persistent || !given.running
      return {
        ...given,
        persistent,
        live: given.running ? given.live : undefined,
        saved: persistent ? given.saved : undefined,
      } as ChangeInput
    })

  test('planned against itself there is nothing to do', () => {
    fc.assert(
      fc.property(arbitraryDefinition, fc.boolean(), policy, (it, running, updatePolicy) => {
        expect(
          planChange({
            running,
            persistent: true,
            live: running ? it : undefined,
            saved: it,
            effective: it,
            updatePolicy: updatePolicy as ChangeInput['updatePolicy'],
            capabilities: old,
          }),
        ).toEqual({ verdict: 'None', steps: [], differences: [] })
      }),
    )
  })

  test('the order of fields makes no difference', () => {
    fc.assert(
      fc.property(input, (given) => {
        const turned = { ...given, effective: reversed(given.effective), live: reversed(given.live) }
        expect(planChange(turned)).toEqual(planChange(given))
      }),
    )
  })

  test('steps touch what is there, in an order that is safe', () => {
    fc.assert(
      fc.property(input, (given) => {
        const { verdict, steps, differences } = planChange(given)
        const there = { live: given.live !== undefined, saved: given.saved !== undefined }
        for (const { action, target } of steps) {
          expect(there[target]).toBe(action !== 'Attach')
          there[target] = action !== 'Detach'
          expect(target === 'live' ? given.running : given.persistent).toBe(true)
        }
        if (verdict === 'Refused') {
          expect(steps).toEqual([])
          expect(
            given.updatePolicy !== 'Replug' && differences.some((each) => each.verdict === 'Refused'),
          ).toBe(true)
        } else {
          // Carried out, the interface is where it belongs.
          expect(there).toEqual({
            live: given.running && (verdict !== 'NextBoot' || given.live !== undefined),
            saved: given.persistent,
          })
          expect(differences.every((each) => each.verdict !== 'Refused')).toBe(true)
        }
        expect(verdict === 'None').toBe(steps.length === 0 && verdict !== 'Refused' && verdict !== 'NextBoot')
        // The live definition first: a crash in between is seen at the next look.
        expect(steps.map(({ target }) => target).join()).toMatch(/^(live,?)*(saved,?)*$/)
        for (const each of differences) difference.parse(each)
      }),
      { numRuns: 1000 },
    )
  })

  test('carried out, a plan leaves nothing to plan', () => {
    fc.assert(
      fc.property(input, (given) => {
        const { verdict, steps } = planChange(given)
        const after = { ...given }
        for (const step of steps) {
          if (step.action === 'Attach') after[step.target] = given.effective
          else if (step.action === 'Detach') after[step.target] = undefined
          else if (step.target === 'saved') after.saved = given.effective
          else after.live = changed(after.live!, given.effective, step)
        }
        const again = planChange(after)
        expect(again.steps).toEqual([])
        expect(again.verdict).toBe(verdict === 'Refused' || verdict === 'NextBoot' ? verdict : 'None')
      }),
      { numRuns: 1000 },
    )
  })
})

test('a value longer than status takes is cut', () => {
  const parameters = Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`P${i}`, 'x'.repeat(1024)]))
  const { differences } = change(definition(), definition({ filter: { name: 'f', parameters } }))
  expect(differences.map((each) => difference.parse(each).effective.length)).toEqual([1, 8192])
})

test.each<[string, { live?: unknown; saved?: unknown }, string, unknown[]]>([
  ['both', { live: {}, saved: {} }, 'Detach', [detach('saved'), detach('live')]],
  ['the live one', { live: {} }, 'Detach', [detach('live')]],
  ['the saved one', { saved: {} }, 'Detach', [detach('saved')]],
  ['nothing', {}, 'None', []],
])('removal of %s', (_, observed, verdict, steps) => {
  expect(planRemoval(observed)).toEqual({ verdict, steps, differences: [] })
})
