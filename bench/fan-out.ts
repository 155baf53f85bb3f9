/**
 * One edit of a PortGroup that reaches 100 interfaces of 20 running guests, against the same calls made raw: the isolation of
 * each one's port, changed in the live and in the saved definition and read back from both.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { setImmediate } from 'node:timers/promises'
import type { GuestInterface } from '../src/api/guest-interface.ts'
import { aliasOf } from '../src/core/identity.ts'
import { isReady } from '../src/core/interface-status.ts'
import { type DomainRef, LibvirtClient } from '../src/libvirt/client.ts'
import { readDomain } from '../src/libvirt/xml/domain.ts'
import { defineGuest } from '../test/lab/guest.ts'
import { LabHost } from '../test/lab/host.ts'
import { addBridge } from '../test/lab/pool.ts'
import { AgentProcess, watchState } from './agent-process.ts'
import { digits, goal, median, spread, spreadHead, table } from './figures.ts'
import { Wiretap } from './wiretap.ts'

const guests = Array.from({ length: 20 }, (_, i) => `vm${i}`)
const perGuest = 5
const total = guests.length * perGuest
/** Each an edit and the edit that takes it back, through the agent and raw. */
const rounds = 6
/** Interfaces that the raw calls are made for at a time: as many as the agent does. */
const atATime = 8
/** An edit that takes longer never arrives: the benchmark ends. */
const patienceMs = 30_000

const manifests = '/run/bench/manifests'
const state = '/run/bench/state'

/** Sets the isolation of all ports, and is back when that is verified. */
type Edit = (isolated: boolean) => Promise<void>

export async function fanOut(): Promise<void> {
  const host = await LabHost.start({ name: 'fan-out' })
  const client = new LibvirtClient({ socket: host.socket })
  try {
    await settle(host)
    await client.connect()
    await measure(host, client)
  } finally {
    await client.close()
    await host.stop()
  }
}

/** Guests are defined with the interfaces that the manifests ask for; the agent finds them its own. */
async function settle(host: LabHost): Promise<void> {
  await addBridge(host, 'br0')
  mkdirSync(host.root + manifests, { recursive: true })
  writeFileSync(
    `${host.root}${manifests}/network.yaml`,
    `apiVersion: patchbay.dev/v1alpha1
kind: Network
metadata: {name: office}
spec: {forward: {mode: bridge}, bridge: {name: br0}}
`,
  )
  for (const [index, guest] of guests.entries()) {
    const specs = Array.from({ length: perGuest }, (_, nic) => ({
      name: `${guest}-nic${nic}`,
      mac: `52:54:02:00:${index.toString(16).padStart(2, '0')}:0${nic}`,
    }))
    const interfaces = specs.map(
      ({ name, mac }) =>
        `<interface type='bridge'><mac address='${mac}'/><source bridge='br0'/><model type='virtio'/><alias name='${aliasOf('default', name)}'/></interface>`,
    )
    await defineGuest(host, { name: guest, interfaces, sparePorts: 0 })
    for (const { name, mac } of specs) {
      writeFileSync(
        `${host.root}${manifests}/${name}.yaml`,
        `apiVersion: patchbay.dev/v1alpha1
kind: GuestInterface
metadata: {name: ${name}}
spec:
  guest: {name: ${guest}}
  mac: "${mac}"
  source: {network: {name: office, portGroup: staff}}
  model: virtio
`,
      )
    }
  }
  const names = [...guests]
  await Promise.all(
    cpus().map(async () => {
      for (let name = names.shift(); name; name = names.shift()) await host.virsh('start', name)
    }),
  )
}

async function measure(host: LabHost, client: LibvirtClient): Promise<void> {
  console.log(
    `fan-out: a PortGroup edited that ${total} interfaces of ${guests.length} running guests use, taps on a Linux bridge\n`,
  )
  const edits = new AgentEdits(host)
  const agent = await AgentProcess.start({ host, manifests, state })
  await edits.edit(false)
  const raw = await rawEdits(client)
  const ms: Record<'agent' | 'raw', number[]> = { agent: [], raw: [] }
  for (let round = 0; round <= rounds; round++) {
    for (const isolated of [true, false]) {
      // An edit finds the agent at rest, as a user's does: what the last one made it look at again is done.
      await agent.lastRead(700)
      const took = await timed(edits.edit, isolated)
      await checkWorld(host, client, isolated)
      if (round > 0) ms.agent.push(took)
    }
    await agent.lastRead(700)
    agent.pause()
    for (const isolated of [true, false]) {
      const took = await timed(raw, isolated)
      await checkWorld(host, client, isolated)
      if (round > 0) ms.raw.push(took)
    }
    agent.resume()
  }
  await agent.lastRead(700)
  await agent.stop()
  report(ms)

  await countCalls(host, edits)
  edits.stop()
}

/** In a run of its own, since the counting costs time. */
async function countCalls(host: LabHost, edits: AgentEdits): Promise<void> {
  const tap = await Wiretap.start(`${host.root}/run/tap`, host.socket)
  const agent = await AgentProcess.start({ host, manifests, state, libvirt: '/run/tap' })
  await agent.lastRead(1_000)
  let from = tap.calls.length
  const writes = edits.stateWrites
  await edits.edit(true)
  const verified = tap.counts(from)
  await agent.lastRead(1_000)
  const atRest = tap.counts(from)
  const stateWrites = edits.stateWrites - writes
  await agent.stop()

  const client = new LibvirtClient({ socket: `${host.root}/run/tap` })
  await client.connect()
  const raw = await rawEdits(client)
  from = tap.calls.length
  await raw(false)
  reportCalls({ verified, atRest, raw: tap.counts(from) }, stateWrites)
  await client.close()
  tap.stop()
}

/** Edits as a user of Patchbay makes them: the manifest of the port group is written. Done when every interface's status says it is in force and verified. */
class AgentEdits {
  readonly #host: LabHost
  readonly #watch: { stop(): void }
  /** Files of state that don't say so yet. */
  readonly #left = new Set<string>()
  #isolated = false
  #done = () => {}
  stateWrites = 0

  constructor(host: LabHost) {
    this.#host = host
    this.#watch = watchState(
      host,
      state,
      ['guestinterface/default', 'host', 'network', 'portgroup'],
      (file) => {
        this.stateWrites++
        this.#look(file)
      },
    )
  }

  stop(): void {
    this.#watch.stop()
  }

  readonly edit: Edit = (isolated) =>
    new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        const said = JSON.stringify(statusIn([...this.#left][0]!)?.conditions)
        reject(
          new Error(`${this.#left.size} interfaces without the edit after ${patienceMs / 1000} s: ${said}`),
        )
      }, patienceMs)
      this.#done = () => {
        clearTimeout(late)
        resolve()
      }
      this.#isolated = isolated
      const files = guests.flatMap((guest) =>
        Array.from(
          { length: perGuest },
          (_, nic) => `${this.#host.root}${state}/guestinterface/default/${guest}-nic${nic}.json`,
        ),
      )
      for (const file of files) this.#left.add(file)
      writeFileSync(
        `${this.#host.root}${manifests}/group.yaml`,
        `apiVersion: patchbay.dev/v1alpha1
kind: PortGroup
metadata: {name: staff}
spec: {networkName: office, portIsolation: ${isolated}}
`,
      )
    })

  #look(file: string): void {
    if (!this.#left.has(file)) return
    const status = statusIn(file)
    if (!isReady(status?.conditions) || status?.effective?.portIsolation !== this.#isolated) return
    this.#left.delete(file)
    if (this.#left.size === 0) this.#done()
  }
}

function statusIn(file: string): GuestInterface['status'] {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as GuestInterface).status
  } catch {
    return undefined
  }
}

/**
 * The calls that the agent makes, one after the other where it waits for an answer, without anything between them. A read of a
 * guest is shared by all who ask before it begins, as the agent's are.
 */
async function rawEdits(client: LibvirtClient): Promise<Edit> {
  const known: { ref: DomainRef; xml: { isolated: string; open: string } }[] = []
  for (const guest of guests) {
    const ref = (await client.domainByName(guest))!
    const { interfaces } = readDomain(await client.domainXML(ref))
    for (const { xml } of interfaces) known.push({ ref, xml: withIsolation(xml) })
  }
  const asked = new Map<string, Promise<unknown>>()
  const begin = async (ref: DomainRef) => {
    await setImmediate()
    asked.delete(ref.uuid)
    return Promise.all([
      client.domainXML(ref),
      client.domainXML(ref, { inactive: true }),
      client.domainIsPersistent(ref),
    ])
  }
  const read = (ref: DomainRef) => {
    const reading = asked.get(ref.uuid) ?? begin(ref)
    asked.set(ref.uuid, reading)
    return reading
  }
  return async (isolated) => {
    const left = [...known]
    const work = async () => {
      for (let each = left.shift(); each; each = left.shift()) {
        const xml = isolated ? each.xml.isolated : each.xml.open
        await read(each.ref)
        await client.updateDevice(each.ref, xml, { live: true, saved: false })
        await client.updateDevice(each.ref, xml, { live: false, saved: true })
        await read(each.ref)
      }
    }
    await Promise.all(Array.from({ length: atATime }, work))
  }
}

const isolatedPort = "<port isolated='yes'/>"

function withIsolation(xml: string): { isolated: string; open: string } {
  const open = xml.replace(/\s*<port isolated='\w+'\/>/, '')
  return { isolated: open.replace('</interface>', `${isolatedPort}</interface>`), open }
}

async function timed(edit: Edit, isolated: boolean): Promise<number> {
  const start = performance.now()
  await edit(isolated)
  return performance.now() - start
}

function report(ms: Record<'agent' | 'raw', number[]>): void {
  const share = median(ms.raw) / median(ms.agent)
  console.log(`From the edit until it is verified on all ${total} interfaces, the agent at rest before`)
  console.log(
    table(
      ['', ...spreadHead, 'interfaces/s'],
      [
        ['agent: manifest written to verified and in status', ms.agent],
        ['the same calls made raw', ms.raw],
      ].map(([name, each]) => [
        name as string,
        ...spread(each as number[]),
        digits((1000 * total) / median(each as number[])),
      ]),
    ),
  )
  console.log(`agent: ${ms.agent.map(digits).join(' ')} ms\nraw:   ${ms.raw.map(digits).join(' ')} ms`)
  console.log(`\n${goal('share of raw, of medians', 'at least 0.6', digits(share), share >= 0.6)}`)
}

function reportCalls(
  { verified, atRest, raw }: Record<'verified' | 'atRest' | 'raw', Map<string, number>>,
  stateWrites: number,
): void {
  console.log(
    '\nCalls for one edit: of the agent until it is verified and until it is at rest again, and raw',
  )
  const cells = (counts: Map<string, number>, name: string) => {
    const count = counts.get(name) ?? 0
    return [String(count), digits(count / total)]
  }
  console.log(
    table(
      ['', 'verified', 'an interface', 'at rest', 'an interface', 'raw', 'an interface'],
      [
        ...[...atRest.keys()].map((name) => [
          name,
          ...cells(verified, name),
          ...cells(atRest, name),
          ...cells(raw, name),
        ]),
        ['state files written', '', '', String(stateWrites), digits(stateWrites / total), '', ''],
      ],
    ),
  )
  console.log()
}

/** The kernel and both definitions have what was said to be in force: else the figures say nothing. */
async function checkWorld(host: LabHost, client: LibvirtClient, isolated: boolean): Promise<void> {
  const wanted = isolated ? total : 0
  let defined = 0
  for (const guest of guests) {
    const ref = (await client.domainByName(guest))!
    for (const inactive of [false, true]) {
      defined += (await client.domainXML(ref, { inactive })).split(isolatedPort).length - 1
    }
  }
  const kernel = await host.run('cat /sys/class/net/br0/brif/*/isolated')
  const ports = kernel.split('\n')
  const inForce = ports.filter((each) => each === '1').length
  if (ports.length !== total || inForce !== wanted || defined !== 2 * wanted) {
    throw new Error(
      `${inForce} of ${ports.length} ports isolated and ${defined} of ${2 * total} definitions, not ${wanted}`,
    )
  }
}
