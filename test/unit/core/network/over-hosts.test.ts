import { describe, expect, it } from 'vitest'
import type { Network } from '../../../../src/api/network.ts'
import {
  networkLeft,
  networkOverHosts,
  portGroupOverHosts,
  type TellingHost,
} from '../../../../src/core/network/over-hosts.ts'
import { network, onHost, portGroup } from '../manifests.ts'

type Told = NonNullable<TellingHost['networks']>[number]

const lan = { ...network('lan'), metadata: { name: 'lan', generation: 2 } }

function told(more: Partial<Told> = {}): Told {
  const base = { name: 'lan', objectName: 'lan', observedGeneration: 2, inSync: true, restartRequired: false }
  return { ...base, ...more }
}

const fails = (reason: string, message = reason) => told({ inSync: false, reason, message })
const restart = told({ inSync: false, restartRequired: true, reason: 'RestartRequired', message: 'mtu' })

function hosts(all: Record<string, Told | undefined>, silent: string[] = []): TellingHost[] {
  return Object.entries(all).map(([name, one]) => ({
    name,
    labels: {},
    silent: silent.includes(name),
    ...(one && { networks: [one] }),
  }))
}

describe('a Network over hosts', () => {
  it.each<[string, Network, TellingHost[], string, [number, number, number, number]]>([
    ['on all', lan, hosts({ a: told(), b: told() }), 'True InSync', [2, 2, 0, 0]],
    [
      'on one that tells nothing yet',
      lan,
      hosts({ a: told(), b: undefined }),
      'Unknown HostsPending',
      [2, 1, 0, 0],
    ],
    [
      'of an older spec',
      lan,
      hosts({ a: told({ observedGeneration: 1 }) }),
      'Unknown HostsPending',
      [1, 0, 0, 0],
    ],
    ['waits for a restart', lan, hosts({ a: restart, b: told() }), 'False RestartRequired', [2, 1, 1, 0]],
    ['fails', lan, hosts({ a: restart, b: fails('ApplyFailed') }), 'False ApplyFailed', [2, 0, 1, 1]],
    [
      'fails in two ways: what a person has to change comes first',
      lan,
      hosts({ a: fails('ApplyFailed'), b: fails('ApplyFailed'), c: fails('BridgeNameTaken') }),
      'False BridgeNameTaken',
      [3, 0, 0, 3],
    ],
    [
      'fails for a reason of a newer agent',
      lan,
      hosts({ a: fails('Newer') }),
      'False ApplyFailed',
      [1, 0, 0, 1],
    ],
    [
      'selects one of two',
      { ...lan, spec: onHost('a') },
      hosts({ a: told(), b: undefined }),
      'True InSync',
      [1, 1, 0, 0],
    ],
    [
      'selects none',
      { ...lan, spec: onHost('x') },
      hosts({ a: undefined }),
      'True NoHostSelected',
      [0, 0, 0, 0],
    ],
  ])('%s', (_, resource, all, ready, counts) => {
    const found = networkOverHosts(resource, all, [resource])
    expect(`${found.ready.status} ${found.ready.reason}`).toBe(ready)
    const { selected, inSync, restartRequired, failing } = found.hosts!
    expect([selected, inSync, restartRequired, failing]).toEqual(counts)
  })

  it('names ten hosts that fail, in their order, and how many more there are', () => {
    const names = Array.from({ length: 12 }, (_, n) => `h${String(n).padStart(2, '0')}`)
    const all = hosts(
      Object.fromEntries(names.toReversed().map((name) => [name, fails('BridgeNameTaken', 'taken')])),
    )
    const { failures, ready } = networkOverHosts(lan, all, [lan])
    expect(failures).toHaveLength(10)
    expect(failures![0]).toEqual({ hostName: 'h00', reason: 'BridgeNameTaken', message: 'taken' })
    expect(ready.message).toMatch(/^Fails on 12 of 12 hosts: h00: taken; .*; and 2 more$/)
  })

  it('is more than one Network on a host, whatever that tells', () => {
    const other = network('lan2', { networkName: 'lan', ...onHost('b') })
    const all = hosts({ a: told(), b: told() })
    expect(networkOverHosts(lan, all, [lan, other]).ready).toMatchObject({
      status: 'False',
      reason: 'NetworkAmbiguous',
      message: expect.stringContaining('more than one Network on b: lan, lan2'),
    })
    const elsewhere = { ...other, spec: { ...other.spec, ...onHost('c') } }
    expect(networkOverHosts(lan, all, [lan, elsewhere]).ready.reason).toBe('InSync')
  })

  it('is not in force as it is now where only our own reader refuses it', () => {
    expect(networkOverHosts(lan, hosts({ a: told() }), [lan], 'ips: overlap').ready).toMatchObject({
      reason: 'InvalidManifest',
      message: 'ips: overlap',
    })
  })

  it.each<[string, TellingHost[], string | undefined]>([
    ['none has it', hosts({ a: undefined, b: told({ objectName: 'other' }) }), undefined],
    ['one has it', hosts({ a: told(), b: undefined }), 'HostsPending'],
    ['guests use it', hosts({ a: told(), b: fails('NetworkInUse') }), 'NetworkInUse'],
    ['only a silent one has it', hosts({ a: told() }, ['a']), 'AgentSilent'],
  ])('waits before it goes: %s', (_, all, reason) => {
    expect(networkLeft(lan, all)?.reason).toBe(reason)
  })
})

describe('a PortGroup over hosts', () => {
  const sales = portGroup('sales', { networkName: 'lan', default: true })
  const all = hosts({ a: undefined, b: undefined })

  it.each<[string, Parameters<typeof portGroupOverHosts>, string]>([
    ['in force', [sales, all, [lan], [sales]], 'True Accepted'],
    [
      'selects none',
      [{ ...sales, spec: { ...sales.spec, ...onHost('x') } }, all, [lan], []],
      'True NoHostSelected',
    ],
    ['no such network', [sales, all, [], [sales]], 'False NetworkNotFound'],
    [
      'its network is on other hosts',
      [sales, all, [network('lan', onHost('x'))], [sales]],
      'False NetworkNotFound',
    ],
    ['its network is on some of them', [sales, all, [network('lan', onHost('a'))], [sales]], 'True Accepted'],
    [
      'two defaults',
      [sales, all, [lan], [sales, portGroup('shop', { networkName: 'lan', default: true })]],
      'False PortGroupAmbiguous',
    ],
    [
      'two of one name',
      [sales, all, [lan], [sales, portGroup('sales2', { networkName: 'lan', groupName: 'sales' })]],
      'False PortGroupAmbiguous',
    ],
    [
      'two of one name on different hosts',
      [
        { ...sales, spec: { ...sales.spec, ...onHost('a') } },
        all,
        [lan],
        [portGroup('sales2', { networkName: 'lan', groupName: 'sales', ...onHost('b') })],
      ],
      'True Accepted',
    ],
    [
      'a name of ours',
      [portGroup('patchbay', { networkName: 'lan' }), all, [lan], []],
      'False PortGroupReserved',
    ],
  ])('%s', (_, args, expected) => {
    const { status, reason } = portGroupOverHosts(...args)
    expect(`${status} ${reason}`).toBe(expected)
  })
})
