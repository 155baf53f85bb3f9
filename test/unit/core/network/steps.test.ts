import { describe, expect, it } from 'vitest'
import type { NetworkDefinition, NetworkSettings } from '../../../../src/core/network/definition.ts'
import {
  type NetworkState,
  networkStepText,
  planNetworkRemoval,
  planNetworkSteps,
} from '../../../../src/core/network/steps.ts'

const definition = (settings: NetworkSettings = {}, more: Partial<NetworkDefinition> = {}) => ({
  name: 'lan',
  settings: { bridge: { name: 'lab0' }, ips: [{ address: '10.0.0.1', prefix: 24 }], ...settings },
  portGroups: [{ name: 'patchbay' }],
  owner: 'lan',
  ...more,
})

const txt = (name: string, value = 'x'): NetworkSettings => ({ dns: { txts: [{ name, value }] } })
const running = (one: NetworkDefinition, saved = one, more: Partial<NetworkState> = {}): NetworkState => ({
  saved,
  live: one,
  autostart: true,
  dnsmasqDied: false,
  bridgeGone: false,
  ...more,
})
const off = { autostart: false, dnsmasqDied: false, bridgeGone: false }

function planned(
  state: NetworkState,
  wanted: NetworkDefinition,
  onRestartRequired: 'Refuse' | 'Restart' = 'Refuse',
) {
  const { verdict, steps, differences } = planNetworkSteps(state, wanted, {
    onRestartRequired,
  })
  return {
    verdict,
    steps: steps.map(networkStepText),
    differences: differences.map(({ field, verdict }) => `${field} ${verdict}`),
  }
}

describe('planNetworkSteps', () => {
  it.each<[what: string, NetworkState, NetworkDefinition, object]>([
    ['nothing there', off, definition(), { verdict: 'Attach', steps: ['Define', 'Set autostart', 'Start'] }],
    ['all as it should be', running(definition()), definition(), { verdict: 'None', steps: [] }],
    [
      'defined by somebody who did not come further',
      { ...off, saved: definition() },
      definition(),
      { verdict: 'Attach', steps: ['Set autostart', 'Start'] },
    ],
    [
      'stopped, and of another definition',
      { ...off, saved: definition(), autostart: true },
      definition({ mtu: 1400 }),
      { verdict: 'Attach', steps: ['Define', 'Start'], differences: ['mtu Attach'] },
    ],
    [
      'without a saved definition, since somebody undefined it',
      { live: definition(), ...off },
      definition(),
      { verdict: 'InPlace', steps: ['Define', 'Set autostart'] },
    ],
    [
      'not marked yet',
      running(definition({}, { owner: undefined })),
      definition(),
      { verdict: 'None', steps: ['Mark as ours'] },
    ],
    [
      'no group of ours yet',
      running(definition({}, { portGroups: [] })),
      definition(),
      { steps: ['Update live: add-last portGroups[patchbay]', 'Define'] },
    ],
    [
      'only the saved definition differs, in what the running network could not take',
      running(definition(), definition({ mtu: 1400 })),
      definition(),
      { verdict: 'InPlace', steps: ['Define'], differences: ['mtu InPlace'] },
    ],
    [
      'a record more, live before saved',
      running(definition()),
      definition(txt('a')),
      {
        verdict: 'InPlace',
        steps: ['Update live: add-last dns.txts[a]', 'Define'],
        differences: ['dns.txts[a] InPlace'],
      },
    ],
    [
      'a record that says something else is one difference',
      running(definition(txt('a', 'x'))),
      definition(txt('a', 'y')),
      {
        steps: ['Update live: delete dns.txts[a]', 'Update live: add-last dns.txts[a]', 'Define'],
        differences: ['dns.txts[a] InPlace'],
      },
    ],
    [
      'a bridge that somebody removed, and a change that would otherwise be refused',
      running(definition(), definition(), { bridgeGone: true, dnsmasqDied: true }),
      definition({ mtu: 1400 }),
      {
        verdict: 'RestartRequired',
        steps: ['Define', 'Stop', 'Start'],
        differences: ['mtu RestartRequired'],
      },
    ],
    [
      'a dead dnsmasq',
      running(definition(), definition(), { dnsmasqDied: true }),
      definition(),
      {
        verdict: 'InPlace',
        steps: [
          'Update live: add-last dns.txts[patchbay.invalid]',
          'Update live: delete dns.txts[patchbay.invalid]',
        ],
      },
    ],
    [
      'what the revival of a dead dnsmasq left behind',
      running(definition(txt('patchbay.invalid', '')), definition()),
      definition(),
      { steps: ['Update live: delete dns.txts[patchbay.invalid]'] },
    ],
  ])('%s', (_, state, wanted, expected) => {
    expect(planned(state, wanted)).toMatchObject(expected)
  })

  const mixed = definition({ mtu: 1400, ...txt('a') })

  it('says of each host that is modified what it was and what it becomes, by the ip that it stands in', () => {
    const hosts = (names: string[]): NetworkSettings => ({
      ips: ['10.0.0', '10.0.1'].map((net) => ({
        address: `${net}.1`,
        prefix: 24,
        dhcp: { hosts: names.map((name, n) => ({ name: `${name}-${net}`, ip: `${net}.${10 + n}` })) },
      })),
    })
    const { differences } = planNetworkSteps(
      running(definition(hosts(['a', 'b', 'c']))),
      definition(hosts(['a', 'x', 'y'])),
      { onRestartRequired: 'Refuse' },
    )
    expect(differences.map(({ field, observed, effective }) => [field, observed, effective])).toEqual([
      ['ips[0].dhcp.hosts[10.0.0.11]', 'name=b-10.0.0 ip=10.0.0.11', 'name=x-10.0.0 ip=10.0.0.11'],
      ['ips[0].dhcp.hosts[10.0.0.12]', 'name=c-10.0.0 ip=10.0.0.12', 'name=y-10.0.0 ip=10.0.0.12'],
      ['ips[1].dhcp.hosts[10.0.1.11]', 'name=b-10.0.1 ip=10.0.1.11', 'name=x-10.0.1 ip=10.0.1.11'],
      ['ips[1].dhcp.hosts[10.0.1.12]', 'name=c-10.0.1 ip=10.0.1.12', 'name=y-10.0.1 ip=10.0.1.12'],
    ])
  })

  it('is all or nothing: with one difference that takes a restart nothing of the rest is done', () => {
    expect(planned(running(definition()), mixed)).toEqual({
      verdict: 'Refused',
      steps: [],
      differences: ['mtu Refused', 'dns.txts[a] InPlace'],
    })
  })

  it('restarts where that is asked for, and says so of each difference', () => {
    expect(planned(running(definition()), mixed, 'Restart')).toEqual({
      verdict: 'RestartRequired',
      steps: ['Define', 'Stop', 'Start'],
      differences: ['mtu RestartRequired', 'dns.txts[a] RestartRequired'],
    })
  })

  it('goes on with a restart whose definition was saved already', () => {
    expect(planned(running(definition(), mixed), mixed, 'Restart').steps).toEqual(['Stop', 'Start'])
    expect(planned({ ...off, autostart: true, saved: mixed }, mixed, 'Restart').steps).toEqual(['Start'])
  })

  it('starts a dead dnsmasq again though a restart is refused', () => {
    const { verdict, steps } = planned(running(definition(), definition(), { dnsmasqDied: true }), mixed)
    expect({ verdict, steps: steps.length }).toEqual({ verdict: 'Refused', steps: 2 })
  })
})

it('planNetworkRemoval stops what runs and undefines what is saved', () => {
  expect(planNetworkRemoval(running(definition()))).toEqual([{ action: 'Stop' }, { action: 'Undefine' }])
  expect(planNetworkRemoval({ live: definition() })).toEqual([{ action: 'Stop' }])
  expect(planNetworkRemoval({ saved: definition() })).toEqual([{ action: 'Undefine' }])
  expect(planNetworkRemoval({})).toEqual([])
})
