/**
 * Link flips of 8 guests: the agent against what it stands for. One unit everywhere: the link of one interface changed in the
 * live and in the saved definition and, unless said otherwise, read back from both.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { GuestInterface } from '../src/api/guest-interface.ts'
import { isReady } from '../src/core/interface-status.ts'
import { type DomainRef, LibvirtClient } from '../src/libvirt/client.ts'
import { readDomain } from '../src/libvirt/xml/domain.ts'
import { startGuest } from '../test/lab/guest.ts'
import { LabHost } from '../test/lab/host.ts'
import { addVethPool } from '../test/lab/pool.ts'
import { AgentProcess, watchState } from './agent-process.ts'
import { digits, goal, median, percentile, spread, spreadHead, table } from './figures.ts'
import { Wiretap } from './wiretap.ts'

const guests = Array.from({ length: 8 }, (_, i) => `vm${i}`)
const rounds = 5
const roundMs = 3_000
const singleFlips = 200
const countedFlips = 400
/** A flip that takes longer is never made: the benchmark ends. */
const patienceMs = 20_000

const manifests = '/run/bench/manifests'
const state = '/run/bench/state'

type LinkState = 'up' | 'down'
/** Brings the link of a guest to a state, and is back when that is verified. */
type Flip = (guest: string, link: LinkState) => Promise<void>

export async function linkState(): Promise<void> {
  const host = await LabHost.start({ name: 'link-state' })
  const client = new LibvirtClient({ socket: host.socket })
  try {
    const pool = await addVethPool(host, guests.length)
    for (const name of guests) await startGuest(host, { name })
    await client.connect()
    await measure(host, client, pool)
  } finally {
    await client.close()
    await host.stop()
  }
}

async function measure(host: LabHost, client: LibvirtClient, pool: string[]): Promise<void> {
  console.log('link-state: the links of 8 running guests, each on a macvtap of a passthrough pool\n')
  writeNetwork(host, pool)
  const agentFlips = new AgentFlips(host)
  const agent = await AgentProcess.start({ host, manifests, state })
  await Promise.all(guests.map((guest) => agentFlips.flip(guest, 'up')))

  const raw = await rawFlips(client)
  const throughput: Record<'agent' | 'raw', number[]> = { agent: [], raw: [] }
  await flipsPerSecond(agentFlips.flip)
  await flipsPerSecond(raw)
  for (let round = 0; round < rounds; round++) {
    throughput.agent.push(await flipsPerSecond(agentFlips.flip))
    agent.pause()
    throughput.raw.push(await flipsPerSecond(raw))
    agent.resume()
    await agent.lastRead(500)
  }
  const latency = await singleFlipLatency(agentFlips, client)
  await agent.stop()

  const rawMs = await sequentially(raw)
  const virsh = {
    set: await virshFlipMs(host, setLink),
    setAndRead: await virshFlipMs(host, `${setLink}; ${getLink}`),
    update: await virshFlipMs(host, await updateDevice(host, client)),
  }
  report(throughput, latency, rawMs, virsh)
  await countCalls(host, agentFlips)
  agentFlips.stop()
  await checkWorld(client)
}

function writeNetwork(host: LabHost, pool: string[]): void {
  mkdirSync(host.root + manifests, { recursive: true })
  const interfaces = pool.map((dev) => `{dev: ${dev}}`).join(', ')
  writeFileSync(
    `${host.root}${manifests}/network.yaml`,
    `apiVersion: patchbay.dev/v1alpha1
kind: Network
metadata: {name: uplinks}
spec: {forward: {mode: passthrough, interfaces: [${interfaces}]}}
`,
  )
}

/** Flips as a user of Patchbay makes them: a manifest is written. Done when status says it is in force and verified. */
class AgentFlips {
  readonly #host: LabHost
  readonly #watch: { stop(): void }
  readonly #waiting = new Map<string, { link: LinkState; done: () => void }>()
  stateWrites = 0

  constructor(host: LabHost) {
    this.#host = host
    this.#watch = watchState(host, state, ['guestinterface/default', 'host', 'network'], (file) => {
      this.stateWrites++
      this.#look(file)
    })
  }

  stop(): void {
    this.#watch.stop()
  }

  readonly flip: Flip = (guest, link) =>
    new Promise((resolve, reject) => {
      const file = `${this.#host.root}${state}/guestinterface/default/${guest}.json`
      const late = setTimeout(() => {
        const conditions = JSON.stringify(statusIn(file)?.conditions)
        reject(new Error(`${guest} is not ${link} after ${patienceMs / 1000} s: ${conditions}`))
      }, patienceMs)
      const done = () => {
        clearTimeout(late)
        resolve()
      }
      this.#waiting.set(guest, { link, done })
      writeFileSync(
        `${this.#host.root}${manifests}/${guest}.yaml`,
        `apiVersion: patchbay.dev/v1alpha1
kind: GuestInterface
metadata: {name: ${guest}}
spec:
  guest: {name: ${guest}}
  source: {network: {name: uplinks}}
  model: virtio
  link: {state: ${link}}
`,
      )
      // It may have been so already: then nothing is written, and nothing will tell.
      this.#look(file)
    })

  #look(file: string): void {
    const guest = basename(file, '.json')
    const waiting = this.#waiting.get(guest)
    if (!waiting) return
    const status = statusIn(file)
    if (!isReady(status?.conditions) || status?.effective?.link?.state !== waiting.link) return
    this.#waiting.delete(guest)
    waiting.done()
  }
}

function statusIn(file: string): GuestInterface['status'] {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as GuestInterface).status
  } catch {
    return undefined
  }
}

/** The calls that the agent makes for a flip, one after the other where it waits for an answer, without anything between them. */
async function rawFlips(client: LibvirtClient): Promise<Flip> {
  const known = new Map<string, { ref: DomainRef; xml: Record<LinkState, string> }>()
  for (const guest of guests) {
    const ref = (await client.domainByName(guest))!
    const { interfaces } = readDomain(await client.domainXML(ref))
    known.set(guest, { ref, xml: withLinkStates(interfaces[0]!.xml) })
  }
  const read = (ref: DomainRef) =>
    Promise.all([
      client.domainXML(ref),
      client.domainXML(ref, { inactive: true }),
      client.domainIsPersistent(ref),
    ])
  return async (guest, link) => {
    const { ref, xml } = known.get(guest)!
    await read(ref)
    await client.updateDevice(ref, xml[link], { live: true, saved: false })
    await client.updateDevice(ref, xml[link], { live: false, saved: true })
    const [live, saved] = await read(ref)
    if (!shows(live, link) || !shows(saved, link)) throw new Error(`${guest} is not ${link}`)
  }
}

function withLinkStates(xml: string): Record<LinkState, string> {
  const without = xml.replace(/\s*<link state='\w+'\/>/, '')
  const put = (link: LinkState) => without.replace('</interface>', `<link state='${link}'/></interface>`)
  return { up: put('up'), down: put('down') }
}

/** No word of it is up. */
function shows(definition: string, link: LinkState): boolean {
  return definition.includes("<link state='down'/>") === (link === 'down')
}

const other = (link: LinkState): LinkState => (link === 'up' ? 'down' : 'up')

/** All guests flip all the time, each anew as soon as it is verified. */
async function flipsPerSecond(flip: Flip): Promise<number> {
  const start = performance.now()
  let flips = 0
  await Promise.all(
    guests.map(async (guest) => {
      let link: LinkState = 'down'
      while (performance.now() - start < roundMs) {
        await flip(guest, link)
        flips++
        link = other(link)
      }
      if (link === 'up') await flip(guest, 'up')
    }),
  )
  return (flips / (performance.now() - start)) * 1000
}

/** One flip at a time on an idle host: ms from the write of the manifest until libvirt shows it, and until status says so. */
async function singleFlipLatency(agentFlips: AgentFlips, client: LibvirtClient) {
  const live: number[] = []
  const verified: number[] = []
  const refs = new Map<string, DomainRef>()
  for (const guest of guests) refs.set(guest, (await client.domainByName(guest))!)
  for (let i = 0; i < singleFlips; i++) {
    const guest = guests[i % guests.length]!
    const link = Math.floor(i / guests.length) % 2 === 0 ? 'down' : 'up'
    // Not in step with anything that the agent does at intervals.
    await delay(20 + Math.random() * 60)
    const start = performance.now()
    const said = agentFlips.flip(guest, link).then(() => verified.push(performance.now() - start))
    while (!shows(await client.domainXML(refs.get(guest)!), link)) await delay(1)
    live.push(performance.now() - start)
    await said
  }
  return { live, verified }
}

async function sequentially(flip: Flip): Promise<number[]> {
  const ms: number[] = []
  for (let i = 0; i < singleFlips; i++) {
    const start = performance.now()
    await flip(guests[i % guests.length]!, Math.floor(i / guests.length) % 2 === 0 ? 'down' : 'up')
    ms.push(performance.now() - start)
  }
  return ms
}

const setLink =
  'virsh -q domif-setlink $guest $mac $link >&2; virsh -q domif-setlink $guest $mac $link --config >&2'
const getLink = 'virsh -q domif-getlink $guest $mac >&2; virsh -q domif-getlink $guest $mac --config >&2'

/** virsh update-device takes both definitions at once, for who has the interface's XML in a file already. */
async function updateDevice(host: LabHost, client: LibvirtClient): Promise<string> {
  for (const guest of guests) {
    const { interfaces } = readDomain(await client.domainXML((await client.domainByName(guest))!))
    const xml = withLinkStates(interfaces[0]!.xml)
    for (const link of ['up', 'down'] as const)
      writeFileSync(`${host.root}/run/${guest}-${link}.xml`, xml[link])
  }
  return 'virsh -q update-device $guest /run/$guest-$link.xml --live --config >&2'
}

/** ms of each flip in a shell's loop inside the host, which costs less than starting virsh from here. */
async function virshFlipMs(host: LabHost, flip: string): Promise<number[]> {
  const stdout = await host.run(`
    declare -A macs
    for guest in ${guests.join(' ')}; do
      macs[$guest]=$(virsh -q domiflist $guest | awk 'NF { print $5 }')
    done
    for link in down up; do for guest in ${guests.join(' ')}; do for again in 1 2; do
      mac=\${macs[$guest]}
      start=\${EPOCHREALTIME/./}
      ${flip}
      echo $((\${EPOCHREALTIME/./} - start))
    done; done; done`)
  return stdout.split('\n').map((us) => Number(us) / 1000)
}

function report(
  throughput: Record<'agent' | 'raw', number[]>,
  latency: { live: number[]; verified: number[] },
  rawMs: number[],
  virsh: Record<'set' | 'setAndRead' | 'update', number[]>,
): void {
  const perSecond = (ms: number[]) => 1000 / median(ms)
  const agent = median(throughput.agent)
  const raw = median(throughput.raw)
  const share = median(throughput.agent.map((rate, round) => rate / throughput.raw[round]!))
  const rows: [string, number, string][] = [
    ['agent: manifest written to verified', agent, throughput.agent.map(digits).join(' ')],
    ['the same calls made raw', raw, throughput.raw.map(digits).join(' ')],
    ['virsh domif-setlink, live then saved, not read back', perSecond(virsh.set), ''],
    ['  and read back', perSecond(virsh.setAndRead), ''],
    ['virsh update-device, both at once, not read back', perSecond(virsh.update), ''],
  ]
  console.log(
    `Throughput: all 8 flip all the time (virsh: one after the other); median of ${rounds} rounds of ${roundMs / 1000} s`,
  )
  console.log(
    table(
      ['', 'flips/s', 'agent is', 'rounds'],
      rows.map(([name, rate, each]) => [name, digits(rate), `${digits(agent / rate)} x`, each]),
    ),
  )
  console.log('\nLatency: one flip at a time, nothing else going on')
  console.log(
    table(
      ['', ...spreadHead],
      [
        ['agent: manifest written to shown by libvirt', ...spread(latency.live)],
        ['agent: manifest written to verified and in status', ...spread(latency.verified)],
        ['the same calls made raw', ...spread(rawMs)],
        ['virsh domif-setlink, live then saved', ...spread(virsh.set)],
        ['  and read back', ...spread(virsh.setAndRead)],
        ['virsh update-device, both at once', ...spread(virsh.update)],
      ],
    ),
  )
  const p99 = percentile(latency.live, 0.99)
  const byVirsh = agent / perSecond(virsh.set)
  console.log()
  console.log(goal('share of raw, median of the rounds', 'at least 0.6', digits(share), share >= 0.6))
  console.log(goal('times virsh', 'at least 8', digits(byVirsh), byVirsh >= 8))
  console.log(goal('written to applied, p99', 'at most 50 ms', `${digits(p99)} ms`, p99 <= 50))
}

/** In a run of its own, since the counting costs time. */
async function countCalls(host: LabHost, agentFlips: AgentFlips): Promise<void> {
  const tap = await Wiretap.start(`${host.root}/run/tap`, host.socket)
  const agent = await AgentProcess.start({ host, manifests, state, libvirt: '/run/tap' })
  await Promise.all(guests.map((guest) => agentFlips.flip(guest, 'up')))
  await agent.lastRead(1_000)
  const calls = tap.calls.length
  const writes = agentFlips.stateWrites
  const start = performance.now()
  for (let i = 0; i < countedFlips / guests.length; i++) {
    await Promise.all(guests.map((guest) => agentFlips.flip(guest, i % 2 === 0 ? 'down' : 'up')))
  }
  const seconds = (performance.now() - start) / 1000
  const counts = tap.counts(calls)
  const stateWrites = agentFlips.stateWrites - writes
  await agent.stop()
  tap.stop()
  const each = (count: number) => [String(count), digits(count / countedFlips)]
  console.log(`\nCalls for ${countedFlips} flips in ${digits(seconds)} s, the inventory of the host included`)
  console.log(
    table(
      ['', 'calls', 'a flip'],
      [
        ...[...counts].map(([name, count]) => [name, ...each(count)]),
        ['state files written', ...each(stateWrites)],
      ],
    ),
  )
  console.log()
}

async function checkWorld(client: LibvirtClient): Promise<void> {
  for (const guest of guests) {
    const ref = (await client.domainByName(guest))!
    const both = [await client.domainXML(ref), await client.domainXML(ref, { inactive: true })]
    if (!both.every((xml) => shows(xml, 'up') && readDomain(xml).interfaces.length === 1)) {
      throw new Error(`${guest} is not as its manifest says in the end: the figures say nothing`)
    }
  }
}
