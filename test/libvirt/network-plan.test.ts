/**
 * Planned updates carried out by real libvirt, and the model of libvirt that test/unit/core/network/plan plans against held to it.
 * PATCHBAY_SEED=N has other cases; a failure names the seed and the pair.
 */
import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { canonical, normalForm } from '../../src/core/network/canonical.ts'
import type { NetworkDefinition } from '../../src/core/network/definition.ts'
import type { Command, NetworkChange } from '../../src/core/network/plan/change.ts'
import { interruptionOf } from '../../src/core/network/plan/interruption.ts'
import { planNetwork } from '../../src/core/network/plan/plan.ts'
import { LibvirtClient, type NetworkRef } from '../../src/libvirt/client.ts'
import { isLibvirtError } from '../../src/libvirt/rpc/error.ts'
import { buildNetwork, parseNetwork } from '../../src/libvirt/xml/network/network.ts'
import { updateOf } from '../../src/libvirt/xml/network/update.ts'
import { LabHost } from '../lab/host.ts'
import { applyUpdate } from '../unit/core/network/plan/apply-update.ts'
import { closePairs, type Pair, pairs } from '../unit/core/network/plan/definitions.ts'
import { universe } from '../unit/core/network/plan/universe.ts'

const seed = Number(process.env.PATCHBAY_SEED ?? 1)
const name = 'n'

let host: LabHost
let client: LibvirtClient
beforeAll(async () => {
  host = await LabHost.start({ name: 'network-plan' })
  client = new LibvirtClient({ socket: host.socket })
  await client.connect()
})
afterAll(async () => {
  await client?.close()
  await host?.stop()
})

type Scope = 'live' | 'saved'

/** The network as `definition` has it, running for scope live, gone afterwards. */
async function withNetwork<T>(
  definition: NetworkDefinition,
  scope: Scope,
  use: (network: NetworkRef) => Promise<T>,
): Promise<T> {
  const network = await client.networkDefine(buildNetwork(definition))
  try {
    if (scope === 'live') await client.networkCreate(network)
    try {
      return await use(network)
    } finally {
      if (scope === 'live') await client.networkDestroy(network)
    }
  } finally {
    await client.networkUndefine(network)
  }
}

const carryOut = (network: NetworkRef, change: NetworkChange, scope: Scope) =>
  client.networkUpdate(network, updateOf(change), { live: scope === 'live', saved: scope === 'saved' })

/** Without the uuid, which libvirt chose. */
async function shown(network: NetworkRef, scope: Scope): Promise<NetworkDefinition> {
  const xml = await client.networkXML(network, { inactive: scope === 'saved' })
  const { uuid: _chosen, ...definition } = canonical(parseNetwork(xml))
  return definition
}

async function isRefused(network: NetworkRef, change: NetworkChange, scope: Scope): Promise<boolean> {
  try {
    await carryOut(network, change, scope)
    return false
  } catch (error) {
    if (isLibvirtError(error)) return true
    throw error
  }
}

/** In mode open, in which libvirt has no firewall rules to make again: that takes it 0.3 to 1 s an update. Pools stay as they are. */
function open({ settings, ...rest }: NetworkDefinition): NetworkDefinition {
  const isPool = settings.forward?.mode === 'bridge'
  return { ...rest, settings: isPool ? settings : { ...settings, forward: { mode: 'open' } } }
}

const options = (scope: Scope) => ({ live: scope === 'live' })

/** Files that libvirt has written for dnsmasq, in lines whose order means nothing here. */
async function dnsmasqFiles(): Promise<Record<string, string[]>> {
  const files = ['conf', 'hostsfile', 'addnhosts'].map(async (kind) => {
    const text = await readFile(`${host.root}/var/lib/libvirt/dnsmasq/${name}.${kind}`, 'utf8').catch(
      () => '',
    )
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    return [kind, lines.sort()] as const
  })
  return Object.fromEntries(await Promise.all(files))
}

/** Empty when there is none. */
async function dnsmasqPid(): Promise<string> {
  const pid = await readFile(`${host.root}/run/libvirt/network/${name}.pid`, 'utf8').catch(() => '')
  return pid.trim()
}

describe('planned updates turn one definition into the other', () => {
  test('the saved one', async () => {
    await fc.assert(
      fc.asyncProperty(pairs(true), ([from, to]) =>
        withNetwork(from, 'saved', async (network) => {
          const { updates, restartRequired } = planNetwork(from, to, options('saved'))
          for (const change of updates) await carryOut(network, change, 'saved')
          const result = await shown(network, 'saved')
          if (restartRequired.length === 0) expect(result).toEqual(canonical(to))
          expect(planNetwork(result, to, options('saved')).updates).toEqual([])
        }),
      ),
      { seed, numRuns: 150, endOnFailure: true },
    )
  })

  const ips = (dhcp4: object | undefined, dhcp6: object | undefined) => [
    { address: '10.0.0.1', prefix: 24, ...(dhcp4 && { dhcp: dhcp4 }) },
    { address: 'fd00::1', prefix: 64, ...(dhcp6 && { dhcp: dhcp6 }) },
  ]
  const network = (settings: object): NetworkDefinition => ({
    name,
    settings: {
      forward: { mode: 'open' },
      bridge: { name: 'virbr9' },
      mac: '52:54:00:99:99:99',
      ...settings,
    },
    portGroups: [],
  })
  const v4 = { ranges: [{ start: '10.0.0.10', end: '10.0.0.20' }] }
  const v6 = { hosts: [{ name: 'a', ip: 'fd00::20' }] }
  const host4 = (ip: string, last: string) => ({
    hosts: [{ ip, mac: `52:54:00:00:00:0${last}` }],
    bootp: { file: 'boot' },
  })
  const dns = { enable: false }
  const examples: [Pair][] = [
    // The first and the last IPv6 host, with DNS and without.
    [[network({ ips: ips(v4, undefined) }), network({ ips: ips(v4, v6) })]],
    [[network({ ips: ips(v4, v6) }), network({ ips: ips(v4, undefined) })]],
    [[network({ dns, ips: ips(v4, undefined) }), network({ dns, ips: ips(v4, v6) })]],
    [[network({ dns, ips: ips(v4, v6) }), network({ dns, ips: ips(v4, undefined) })]],
    // The only host goes, and bootp stays.
    [
      [
        network({ ips: ips(host4('10.0.0.20', '1'), undefined) }),
        network({ ips: ips(host4('10.0.0.21', '2'), undefined) }),
      ],
    ],
  ]

  test('no single update does where two are planned', async () => {
    const commands: Command[] = ['delete', 'modify', 'add-first', 'add-last']
    await fc.assert(
      fc.asyncProperty(closePairs(1), async ([from, to]) => {
        const { updates, restartRequired } = planNetwork(from, to, options('saved'))
        fc.pre(restartRequired.length === 0 && updates.length === 2)
        const others = universe(from, to).flatMap((update) =>
          commands.map((command) => ({ ...update, command }) as NetworkChange),
        )
        for (let next = 0; next < others.length; ) {
          await withNetwork(from, 'saved', async (network) => {
            while (next < others.length && (await isRefused(network, others[next++]!, 'saved')));
            expect(await shown(network, 'saved'), JSON.stringify(others[next - 1])).not.toEqual(canonical(to))
          })
        }
      }),
      { seed, numRuns: 10, endOnFailure: true },
    )
  })

  /** Compared too: what dnsmasq was told, with what it is told by a network that starts with the definition. */
  test('the live one, with dnsmasq', async () => {
    await fc.assert(
      fc.asyncProperty(closePairs(2), async (pair) => {
        const [from, to] = pair.map(open) as Pair
        const { updates, restartRequired } = planNetwork(from, to, options('live'))
        // A restart of dnsmasq takes libvirt 0.2 s.
        fc.pre(restartRequired.length === 0 && updates.length > 0 && updates.length <= 4)
        const files = await withNetwork(from, 'live', async (network) => {
          const pid = await dnsmasqPid()
          for (const change of updates) await carryOut(network, change, 'live')
          const result = await shown(network, 'live')
          expect(result).toEqual(canonical(to))
          expect(planNetwork(result, to, options('live')).updates).toEqual([])
          const { dnsmasq } = interruptionOf(updates, from)
          expect((await dnsmasqPid()) !== pid, `foreseen: ${dnsmasq}`).toBe(dnsmasq === 'restart')
          return dnsmasqFiles()
        })
        expect(files).toEqual(await withNetwork(to, 'live', dnsmasqFiles))
      }),
      { seed, numRuns: 15, endOnFailure: true, examples },
    )
  })
})

describe('the model of libvirt', () => {
  const commands: Command[] = ['delete', 'modify', 'add-first', 'add-last']

  test.each([
    ['saved', 40, 12],
    ['live', 5, 12],
  ] as const)(
    'does what libvirt does with random updates, one after the other: %s',
    async (scope, numRuns, length) => {
      const choice = fc.record({ which: fc.nat(), command: fc.constantFrom(...commands) })
      const choices = fc.array(choice, { minLength: length, maxLength: length })
      await fc.assert(
        fc.asyncProperty(pairs(true), choices, async ([from, to], chosen) => {
          const updates = universe(normalForm(from), normalForm(to))
          fc.pre(updates.length > 0)
          const start = scope === 'live' ? open(from) : from
          await withNetwork(start, scope, async (network) => {
            let expected = normalForm(start)
            for (const { which, command } of chosen) {
              const change = { ...updates[which % updates.length]!, command } as NetworkChange
              const applied = applyUpdate(expected, change)
              const text = `${JSON.stringify(change)} on ${JSON.stringify(expected)}`
              expect(await isRefused(network, change, scope), text).toBe('refused' in applied)
              if ('definition' in applied) expected = applied.definition
              expect(await shown(network, scope), text).toEqual(canonical(expected))
            }
          })
        }),
        { seed, numRuns, endOnFailure: true },
      )
    },
  )
})

describe('what an update costs a running network is what was foreseen', () => {
  const section = { parentIndex: 0 }
  const updates: NetworkChange[] = [
    { ...section, section: 'ip-dhcp-host', command: 'add-last', entry: { name: 'a', ip: '10.0.0.30' } },
    {
      ...section,
      section: 'ip-dhcp-range',
      command: 'delete',
      entry: { start: '10.0.0.10', end: '10.0.0.20' },
    },
    { ...section, section: 'ip-dhcp-host', command: 'delete', entry: { ip: '10.0.0.30' } },
    { ...section, section: 'dns-host', command: 'add-last', entry: { ip: '10.0.0.31', hostnames: ['b'] } },
    { ...section, section: 'dns-txt', command: 'add-last', entry: { name: 'c', value: 'd' } },
    { ...section, section: 'dns-srv', command: 'add-last', entry: { service: 'e', protocol: 'tcp' } },
    { ...section, section: 'portgroup', command: 'add-last', entry: { name: 'f' } },
  ]
  const device: NetworkChange = {
    ...section,
    section: 'forward-interface',
    command: 'add-last',
    entry: { dev: 'eth0' },
  }

  /** The rules' numbers: made again they have others. */
  const rules = async () =>
    (await host.run('nft --handle list ruleset')).replaceAll(/counter packets \d+ bytes \d+/g, '')

  test.each([
    ['nat', [...updates, device]],
    ['open', updates.slice(0, 2)],
  ] as const)('mode %s', async (mode, changes) => {
    let definition: NetworkDefinition = {
      name,
      settings: {
        forward: { mode },
        bridge: { name: 'virbr9' },
        ips: [
          {
            address: '10.0.0.1',
            prefix: 24,
            dhcp: { ranges: [{ start: '10.0.0.10', end: '10.0.0.20' }] },
          },
        ],
      },
      portGroups: [],
    }
    await withNetwork(definition, 'live', async (network) => {
      for (const change of changes) {
        const before = { pid: await dnsmasqPid(), rules: await rules() }
        await carryOut(network, change, 'live')
        const { dnsmasq, firewall } = interruptionOf([change], definition)
        const after = { pid: await dnsmasqPid(), rules: await rules() }
        const what = `${change.command} ${change.section}`
        expect([what, before.pid !== after.pid, before.rules !== after.rules]).toEqual([
          what,
          dnsmasq === 'restart',
          firewall,
        ])
        definition = await shown(network, 'live')
      }
    })
  })
})
