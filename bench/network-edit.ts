/**
 * One edit of a manifest that concerns 200 DHCP hosts of a running network: added, renamed, deleted. Through the agent, by the same
 * calls made raw, and by 200 `virsh net-update` processes; and what each of these interrupts, seen by a client on the bridge.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import type { Network } from '../src/api/network.ts'
import type { Ip } from '../src/api/network-addresses.ts'
import { isReady } from '../src/core/interface-status.ts'
import { definitionOf, type NetworkDefinition, withOwnPortGroup } from '../src/core/network/definition.ts'
import type { NetworkChange } from '../src/core/network/plan/change.ts'
import { planNetwork } from '../src/core/network/plan/plan.ts'
import { LibvirtClient } from '../src/libvirt/client.ts'
import { buildNetwork, parseNetwork } from '../src/libvirt/xml/network/network.ts'
import { updateOf } from '../src/libvirt/xml/network/update.ts'
import { addOutside } from '../test/lab/bridge-client.ts'
import { LabHost } from '../test/lab/host.ts'
import { AgentProcess, watchState } from './agent-process.ts'
import { digits, goal, median, table } from './figures.ts'
import { askedFor, type Interruptions, NetworkWitness, type WatchedNetwork } from './network-witness.ts'

const hostCount = 200
/** In the one libvirt makes firewall rules again for each update, in the other there are none: nothing hides what else takes time. */
const modes = ['nat', 'open'] as const
const edits = ['add', 'change', 'delete'] as const
const ways = ['agent', 'raw', 'virsh'] as const
type Mode = (typeof modes)[number]
type Edit = (typeof edits)[number]
type Way = (typeof ways)[number]
type DhcpHosts = NonNullable<NonNullable<Ip['dhcp']>['hosts']>

/**
 * Where libvirt makes firewall rules again for each update, 200 of them take a minute or more: one edit, watched by a client whose
 * questions are nothing beside that.
 */
const editsIn: Record<Mode, readonly Edit[]> = { nat: ['add'], open: edits }
/** After the round that is watched, and without virsh. */
const timedRounds: Record<Mode, number> = { nat: 0, open: 7 }
/** An edit that takes longer never arrives: the benchmark ends. */
const patienceMs = 300_000

const outside = '192.0.2.2'
const manifests = '/run/bench/manifests'
const state = '/run/bench/state'

interface Measured {
  edit: Edit
  way: Way
  ms: number
  /** Of those that a client watched. */
  interruptions?: Interruptions
}

export async function networkEdit(): Promise<void> {
  console.log(`network-edit: ${hostCount} DHCP hosts of a running network, in one edit of its manifest\n`)
  for (const mode of modes) {
    const host = await LabHost.start({ name: `edit-${mode}` })
    const client = new LibvirtClient({ socket: host.socket })
    try {
      await client.connect()
      report(mode, await measure(host, client, mode))
    } finally {
      await client.close()
      await host.stop()
    }
  }
}

/** Each way has a network of its own; they are alike. */
async function measure(host: LabHost, client: LibvirtClient, mode: Mode): Promise<Measured[]> {
  await addOutside(host, { dev: 'up0', address: outside })
  await NetworkWitness.watchFirewall(host)
  mkdirSync(host.root + manifests, { recursive: true })
  const agentEdits = new AgentEdits(host)
  const agent = await AgentProcess.start({ host, manifests, state })
  await agentEdits.edit(networkOf(mode, 'agent', []))
  for (const way of ['raw', 'virsh'] as const) {
    const xml = buildNetwork(wantedOf(networkOf(mode, way, [])))
    await client.networkCreate(await client.networkDefine(xml))
  }
  const prepare: Record<Way, (wanted: Manifest) => Promise<() => Promise<void>>> = {
    agent: async (wanted) => () => agentEdits.edit(wanted),
    raw: (wanted) => rawEdit(client, wanted),
    virsh: (wanted) => virshEdit(host, client, wanted),
  }
  const witnesses = new Map<Way, NetworkWitness>()
  for (const way of ways) {
    const network = placeOf(way)
    const pinged = mode === 'nat' ? outside : network.gateway
    witnesses.set(way, await NetworkWitness.call(host, network, pinged))
  }
  const measured: Measured[] = []
  for (let round = 0; round <= timedRounds[mode]; round++) {
    const watched = round === 0
    for (const edit of editsIn[mode]) {
      for (const way of ways) {
        if (way === 'virsh' && !watched) continue
        const wanted = networkOf(mode, way, hostsAfter(edit, way))
        const carryOut = await prepare[way](wanted)
        await agent.lastRead(700)
        const timed = async () => {
          const start = performance.now()
          await carryOut()
          return performance.now() - start
        }
        measured.push({
          edit,
          way,
          ...(watched ? await witnesses.get(way)!.during(timed) : { ms: await timed() }),
        })
        await checkWorld(host, client, wanted)
        if (watched) console.log(`${mode}: ${edit}, ${way}: ${digits(measured.at(-1)!.ms / 1000)} s`)
      }
    }
  }
  await agent.stop()
  agentEdits.stop()
  return measured
}

// --- the networks ---

function placeOf(way: Way): WatchedNetwork {
  const name = `lan-${way}`
  return { name, bridge: name, gateway: `10.${1 + ways.indexOf(way)}.0.1`, log: `/run/bench/${name}.log` }
}

function hostsAfter(edit: Edit, way: Way): DhcpHosts {
  const subnet = placeOf(way).gateway.replace(/\.1$/, '')
  const hex = (n: number) => n.toString(16).padStart(2, '0')
  return Array.from({ length: edit === 'delete' ? 0 : hostCount }, (_, n) => ({
    mac: `52:54:05:00:00:${hex(n)}`,
    name: edit === 'add' ? `host${n}` : `renamed${n}`,
    ip: `${subnet.replace(/\.0$/, '.1')}.${n + 1}`,
  }))
}

type Manifest = Pick<Network, 'apiVersion' | 'kind' | 'metadata' | 'spec'>

function networkOf(mode: Mode, way: Way, hosts: DhcpHosts): Manifest {
  const { name, bridge, gateway, log } = placeOf(way)
  const ranges = [{ start: gateway.replace(/0\.1$/, '250.1'), end: gateway.replace(/0\.1$/, '250.99') }]
  return {
    apiVersion: 'patchbay.dev/v1alpha1',
    kind: 'Network',
    metadata: { name },
    spec: {
      forward: { mode },
      // With STP the bridge would let nothing pass for its first seconds.
      bridge: { name: bridge, stp: false },
      dns: { hosts: [{ ip: gateway, hostnames: [askedFor] }] },
      ips: [{ address: gateway, prefix: 16, dhcp: { ranges, hosts } }],
      dnsmasqOptions: [`log-facility=${log}`],
    },
  }
}

const wantedOf = (network: Manifest): NetworkDefinition =>
  withOwnPortGroup(definitionOf(network as Network, []))
const hostsOf = ({ settings }: NetworkDefinition): DhcpHosts => settings.ips?.[0]?.dhcp?.hosts ?? []

// --- the ways ---

/** Edits as a user of Patchbay makes them: the manifest is written. Done when status says that it is in force and verified. */
class AgentEdits {
  readonly #host: LabHost
  readonly #watch: { stop(): void }
  #look: () => void = () => {}

  constructor(host: LabHost) {
    this.#host = host
    this.#watch = watchState(host, state, ['network'], () => this.#look())
  }

  stop(): void {
    this.#watch.stop()
  }

  edit(wanted: Manifest): Promise<void> {
    const { name } = wanted.metadata
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        const said = JSON.stringify(this.#stored(name)?.status)
        reject(new Error(`The edit of ${name} has not arrived after ${patienceMs / 1000} s: ${said}`))
      }, patienceMs)
      this.#look = () => {
        const { metadata, spec, status } = this.#stored(name) ?? {}
        const current = status?.observedGeneration === metadata?.generation
        if (!current || !isReady(status?.conditions) || !isDeepStrictEqual(spec?.ips, wanted.spec.ips)) return
        clearTimeout(late)
        this.#look = () => {}
        resolve()
      }
      writeFileSync(
        `${this.#host.root}${manifests}/${name}.yaml`,
        `${JSON.stringify(wanted, undefined, 2)}\n`,
      )
    })
  }

  #stored(name: string): Network | undefined {
    try {
      return JSON.parse(readFileSync(`${this.#host.root}${state}/network/${name}.json`, 'utf8')) as Network
    } catch {
      return undefined
    }
  }
}

/** What the agent asks of libvirt for one edit, one after the other where it waits for an answer, without anything between them. */
async function rawEdit(client: LibvirtClient, wanted: Manifest): Promise<() => Promise<void>> {
  const { name } = wanted.metadata
  const { xml, updates } = await planned(client, wanted)
  const read = async () => {
    const ref = (await client.networkByName(name))!
    await Promise.all([
      client.networkIsActive(ref),
      client.networkIsPersistent(ref),
      client.networkAutostart(ref),
      client.networkXML(ref, { inactive: true }),
      client.networkXML(ref),
    ])
    return ref
  }
  const calls = updates.map(updateOf)
  const defined = buildNetwork(wantedOf(wanted), xml)
  return async () => {
    const ref = await read()
    for (const call of calls) await client.networkUpdate(ref, call, { live: true, saved: false })
    await client.networkDefine(defined)
    await read()
  }
}

/** As people do it: a process for each, which changes both definitions. */
async function virshEdit(
  host: LabHost,
  client: LibvirtClient,
  wanted: Manifest,
): Promise<() => Promise<void>> {
  const { updates } = await planned(client, wanted)
  const commands = updates.map(updateOf).map(({ command, section, parentIndex, xml }) => {
    const what = `${wanted.metadata.name} ${command} ${section} --parent-index ${parentIndex}`
    return `virsh --quiet --connect qemu:///system net-update ${what} "${xml}" --live --config`
  })
  const script = await host.file(commands.join('\n'))
  return async () => {
    await host.exec('sh', ['-e', script], { stdout: 'ignore' })
  }
}

async function planned(
  client: LibvirtClient,
  wanted: Manifest,
): Promise<{ xml: string; updates: NetworkChange[] }> {
  const ref = (await client.networkByName(wanted.metadata.name))!
  const xml = await client.networkXML(ref, { inactive: true })
  const { updates } = planNetwork(parseNetwork(xml), wantedOf(wanted), { live: true })
  return { xml, updates: updates.filter(({ section }) => section === 'ip-dhcp-host') }
}

/** Both definitions and dnsmasq have what was said to be in force: else the figures say nothing. */
async function checkWorld(host: LabHost, client: LibvirtClient, wanted: Manifest): Promise<void> {
  const { name } = wanted.metadata
  const ref = (await client.networkByName(name))!
  const sorted = (hosts: DhcpHosts) => hosts.map((each) => JSON.stringify(each)).sort()
  const expected = sorted(hostsOf(wantedOf(wanted)))
  for (const inactive of [false, true]) {
    const found = sorted(hostsOf(parseNetwork(await client.networkXML(ref, { inactive }))))
    if (!isDeepStrictEqual(found, expected)) throw new Error(`${name} has ${found.length} hosts: ${found[0]}`)
  }
  const told = await host.run(`cat /var/lib/libvirt/dnsmasq/${name}.hostsfile`)
  const lines = told.split('\n').filter((line) => line !== '')
  const missing = hostsOf(wantedOf(wanted)).filter(
    ({ mac, ip, name }) => !lines.includes(`${mac},${ip},${name}`),
  )
  if (lines.length !== expected.length || missing.length > 0) {
    throw new Error(`The dnsmasq of ${name} was told ${lines.length} hosts, ${missing.length} are missing`)
  }
}

// --- the figures ---

function report(mode: Mode, measured: readonly Measured[]): void {
  const edits = editsIn[mode]
  const of = (way: Way, edit?: Edit) =>
    measured.filter((each) => each.way === way && (edit === undefined || each.edit === edit))
  const msOf = (way: Way, edit: Edit) => {
    const timed = of(way, edit).filter(({ interruptions }) => interruptions === undefined)
    return median((timed.length > 0 ? timed : of(way, edit)).map(({ ms }) => ms))
  }
  const seconds = (way: Way) => edits.reduce((sum, edit) => sum + msOf(way, edit), 0) / 1000
  const shareOf = (edit: Edit) => msOf('raw', edit) / msOf('agent', edit)
  const often = timedRounds[mode]
  console.log(
    `forward mode ${mode}: the time of one edit${often > 0 ? `, of agent and raw the median of ${often}` : ''}`,
  )
  console.log(
    table(
      ['', ...ways.flatMap((way) => [`${way} ms`, 'hosts/s']), 'share of raw', 'times virsh'],
      edits.map((edit) => [
        `${edit} ${hostCount} hosts`,
        ...ways.flatMap((way) => [digits(msOf(way, edit)), digits((1000 * hostCount) / msOf(way, edit))]),
        digits(shareOf(edit)),
        digits(msOf('virsh', edit) / msOf('agent', edit)),
      ]),
    ),
  )
  console.log(
    `\nWhat one edit interrupted, and what a client on the bridge felt: pings ${mode === 'nat' ? 'through the network' : 'of the gateway'} every 50 ms, DNS questions every 20 ms`,
  )
  console.log(
    table(
      [
        '',
        'firewall made again',
        'dnsmasq reloads',
        'restarts',
        'pings missed',
        'of',
        'DNS unanswered',
        'of',
        'slowest ms',
      ],
      edits.flatMap((edit) =>
        ways.flatMap((way) => {
          const interruptions = of(way, edit)[0]?.interruptions
          if (!interruptions) return []
          const { firewall, reloads, restarts, pings, dns } = interruptions
          const counts = [firewall, reloads, restarts, pings.missed, pings.sent, dns.unanswered, dns.asked]
          return [[`${edit}, ${way}`, ...counts.map(String), digits(dns.slowestMs)]]
        }),
      ),
    ),
  )
  const share = seconds('raw') / seconds('agent')
  console.log()
  console.log(goal(`share of raw, ${edits.join(', ')}`, 'at least 0.8', digits(share), share >= 0.8))
  console.log()
}
