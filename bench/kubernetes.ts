/**
 * kubectl apply in a cluster with one host: from the request of a user to the port on the host and to Ready in status. The API
 * server, etcd, the controller, the agent and libvirtd share the machine.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { GuestInterface } from '../src/api/guest-interface.ts'
import type { Network } from '../src/api/network.ts'
import { apiVersion } from '../src/api/resource.ts'
import { aliasOf } from '../src/core/identity.ts'
import { type DomainRef, LibvirtClient } from '../src/libvirt/client.ts'
import { readDomain } from '../src/libvirt/xml/domain.ts'
import { startGuest } from '../test/lab/guest.ts'
import { LabHost } from '../test/lab/host.ts'
import { addBridge } from '../test/lab/pool.ts'
import { processorTimeOf } from './agent-process.ts'
import { BenchCluster, between, type Requests } from './bench-cluster.ts'
import { digits, goal, percentile, spread, spreadHead, table } from './figures.ts'
import { ReadyWatch } from './ready-watch.ts'
import { Wiretap } from './wiretap.ts'

const guests = Array.from({ length: 20 }, (_, i) => `vm${i}`)
const perGuest = 5
const atOnce = guests.length * perGuest
const singleEdits = 200
/** Edits of all at once, there and back. */
const rounds = 3
/** Requests that the user has on their way at a time. */
const inFlight = 8

export async function kubernetes(): Promise<void> {
  console.log(
    `kubernetes: ${guests.length} running guests on one host, taps on a Linux bridge; finalizers at creation; agent and controller compiled\n`,
  )
  const [bench, host] = await Promise.all([BenchCluster.start(), LabHost.start({ name: 'bench' })])
  try {
    await addBridge(host, 'br0')
    for (const name of guests) await startGuest(host, { name, sparePorts: 2 * perGuest + 2 })
    await measure(bench, host)
  } finally {
    await bench.stop()
    await host.stop()
  }
}

async function measure(bench: BenchCluster, host: LabHost): Promise<void> {
  const network: Network = {
    apiVersion,
    kind: 'Network',
    metadata: { name: 'office' },
    spec: { forward: { mode: 'bridge' }, bridge: { name: 'br0' } },
  }
  await bench.apply(network)
  const watch = await ReadyWatch.start(bench.client)
  const tap = await Wiretap.start(`${host.root}/run/tap`, host.socket)
  const { kubeconfig, agent: tapped } = await bench.join(host, '/run/tap')
  // The inventory has been written, by which the controller finds the guests.
  await tapped.lastRead(2_000)
  const counted = async (work: () => Promise<unknown>): Promise<Counts> => {
    const from = tap.calls.length
    const before = await bench.writes()
    await work()
    await tapped.lastRead(1_000)
    return { api: between(before, await bench.writes()), libvirt: tap.counts(from) }
  }
  const adding = await counted(() => addedAtOnce(bench, watch, 'first'))
  const editing = await counted(() => editAll(bench, watch, true))
  await editAll(bench, watch, false)
  await tapped.stop()
  tap.stop()

  const agent = await bench.startAgent(host, kubeconfig)
  await agent.lastRead(2_000)
  const times = async () => ({
    ...bench.processorTimes,
    agent: agent.processorTime(),
    libvirtd: processorTimeOf(`${host.root}/proc/${await host.libvirtd.pid()}`),
    'this user': process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6,
  })
  const beforeSingle = await times()
  const single = await editedSingly(bench, watch, host)
  const singly = await times()
  const edits = await editedAtOnce(bench, watch, host)
  const edited = await times()
  const added = await addedAtOnce(bench, watch, 'second')
  await agent.lastRead(2_000)
  const all = await times()
  for (const guest of guests) await host.virsh('destroy', guest)
  await agent.lastRead(2_000)
  const addedToOff = await addedAtOnce(bench, watch, 'third')
  await agent.stop()
  watch.stop()
  reportSingle(single)
  reportAtOnce({ edits, added, addedToOff })
  reportTimes({
    'edited singly': [beforeSingle, singly, singleEdits],
    'edited at once': [singly, edited, edits.length * atOnce],
    'added at once': [edited, all, atOnce],
  })
  reportCalls('added', adding)
  reportCalls('edited', editing)
}

/** Seconds so far, by whose. */
type Times = Record<string, number>

interface Counts {
  api: Requests
  libvirt: Map<string, number>
}

function manifest(name: string, portIsolation: boolean): GuestInterface {
  const [guest = ''] = name.split('-')
  return {
    apiVersion,
    kind: 'GuestInterface',
    metadata: { name, namespace: 'default' },
    spec: { guest: { name: guest }, source: { network: { name: 'office' } }, model: 'virtio', portIsolation },
  } as GuestInterface
}

const namesOf = (series: string) =>
  guests.flatMap((guest) => Array.from({ length: perGuest }, (_, nic) => `${guest}-${series}${nic}`))

/** Milliseconds until all were Ready. */
interface AtOnce {
  /** Since the first request was sent. */
  sent: number
  /** Of the slowest one, since the API server had accepted it. */
  accepted: number
}

async function applyAll(bench: BenchCluster, watch: ReadyWatch, objects: GuestInterface[]): Promise<AtOnce> {
  const begun = performance.now()
  const left = [...objects]
  const ready: Promise<{ sent: number; accepted: number }>[] = []
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      for (let each = left.shift(); each; each = left.shift()) {
        const { metadata } = await bench.apply(each)
        const acceptedAt = performance.now()
        ready.push(
          watch
            .ready(metadata.name, metadata.generation!)
            .then((at) => ({ sent: at - begun, accepted: at - acceptedAt })),
        )
      }
    }),
  )
  const all = await Promise.all(ready)
  const slowest = (of: keyof AtOnce) => Math.max(...all.map((each) => each[of]))
  return { sent: slowest('sent'), accepted: slowest('accepted') }
}

const addedAtOnce = (bench: BenchCluster, watch: ReadyWatch, series: string) =>
  applyAll(
    bench,
    watch,
    namesOf(series).map((name) => manifest(name, false)),
  )

const editAll = (bench: BenchCluster, watch: ReadyWatch, isolated: boolean) =>
  applyAll(
    bench,
    watch,
    namesOf('first').map((name) => manifest(name, isolated)),
  )

async function editedAtOnce(bench: BenchCluster, watch: ReadyWatch, host: LabHost): Promise<AtOnce[]> {
  const all: AtOnce[] = []
  for (let round = 0; round < rounds; round++) {
    for (const isolated of [true, false]) {
      await delay(1_000)
      all.push(await editAll(bench, watch, isolated))
      const kernel = await host.run('cat /sys/class/net/br0/brif/*/isolated')
      const inForce = kernel.split('\n').filter((each) => each === '1').length
      const wanted = isolated ? atOnce : 0
      if (inForce !== wanted) throw new Error(`${inForce} of ${wanted} ports are isolated`)
    }
  }
  return all
}

/** Milliseconds of each edit, from when its request was sent. */
interface SingleEdit {
  answered: number
  watched: number
  applied: number
  ready: number
}

async function editedSingly(bench: BenchCluster, watch: ReadyWatch, host: LabHost): Promise<SingleEdit[]> {
  const devices = await devicesOf(host)
  const edits: SingleEdit[] = []
  const isolated = new Set<string>()
  for (let n = 0; n < singleEdits; n++) {
    // The host is at rest again.
    await delay(30 + Math.random() * 40)
    const name = `${guests[n % guests.length]}-first${n % perGuest}`
    const wanted = !isolated.has(name)
    if (wanted) isolated.add(name)
    else isolated.delete(name)
    const file = `${host.root}/sys/class/net/br0/brif/${devices.get(name)}/isolated`
    const sent = performance.now()
    const applied = shows(file, wanted ? '1' : '0')
    const { metadata } = await bench.apply(manifest(name, wanted))
    const answered = performance.now()
    const ready = await watch.ready(name, metadata.generation!)
    const watched = watch.seenAt(name, metadata.generation!)
    const times = { answered, watched, applied: await applied, ready }
    edits.push(
      Object.fromEntries(
        Object.entries(times).map(([what, at]) => [what, at - sent]),
      ) as unknown as SingleEdit,
    )
  }
  return edits
}

/** When a file of the kernel's says this, looked at once a millisecond. */
async function shows(file: string, wanted: string): Promise<number> {
  while (readFileSync(file, 'utf8').trim() !== wanted) await delay(1)
  return performance.now()
}

/** The tap of each interface, by its object's name. */
async function devicesOf(host: LabHost): Promise<Map<string, string>> {
  const client = new LibvirtClient({ socket: host.socket })
  await client.connect()
  const devices = new Map<string, string>()
  for (const guest of guests) {
    const ref: DomainRef = (await client.domainByName(guest))!
    const xml = await client.domainXML(ref)
    for (const name of namesOf('first').filter((each) => each.startsWith(`${guest}-`))) {
      const found = readDomain(xml).interfaces.find((each) => each.xml.includes(aliasOf('default', name)))
      devices.set(name, /<target dev='([^']+)'/.exec(found?.xml ?? '')?.[1] ?? '')
    }
  }
  await client.close()
  return devices
}

function reportSingle(edits: SingleEdit[]): void {
  const since = (from: keyof SingleEdit | undefined, to: keyof SingleEdit) =>
    edits.map((edit) => edit[to] - (from ? edit[from] : 0))
  const rows: [string, number[]][] = [
    ['sent to accepted by the API server', since(undefined, 'answered')],
    ['sent to seen on a watch', since(undefined, 'watched')],
    ['sent to applied on the host', since(undefined, 'applied')],
    ['accepted to applied on the host', since('answered', 'applied')],
    ['sent to Ready in status', since(undefined, 'ready')],
    ['accepted to Ready in status', since('answered', 'ready')],
  ]
  console.log(
    'The isolation of one port edited, the host at rest before; the kernel looked at each millisecond',
  )
  console.log(
    table(
      ['', ...spreadHead],
      rows.map(([name, ms]) => [name, ...spread(ms)]),
    ),
  )
  const [applied, ready] = [since('answered', 'applied'), since('answered', 'ready')]
  const says = (ms: number[], share: number, limit: number, what: string) =>
    goal(what, `at most ${limit} ms`, `${digits(percentile(ms, share))} ms`, percentile(ms, share) <= limit)
  console.log(`\n${says(applied, 0.5, 15, 'accepted to applied, p50')}`)
  console.log(says(applied, 0.99, 50, 'accepted to applied, p99'))
  console.log(`${says(ready, 0.99, 100, 'accepted to Ready, p99')}\n`)
}

interface Rounds {
  edits: AtOnce[]
  added: AtOnce
  addedToOff: AtOnce
}

function reportAtOnce({ edits, added, addedToOff }: Rounds): void {
  console.log(
    `${atOnce} interfaces of ${guests.length} guests applied at once, ${inFlight} requests at a time`,
  )
  console.log(
    `edited: ${edits.map(({ sent }) => digits(sent)).join(' ')} ms from the first request until all were Ready\n`,
  )
  const worst = (of: keyof AtOnce) => Math.max(...edits.map((each) => each[of]))
  const cases: Record<string, AtOnce> = {
    'edited, the slowest round': { sent: worst('sent'), accepted: worst('accepted') },
    'added to running guests': added,
    'added to guests that are off': addedToOff,
  }
  const clocks = {
    accepted: 'the slowest since it was accepted',
    sent: 'all since the first request',
  } as const
  for (const [what, ms] of Object.entries(cases)) {
    for (const [clock, since] of Object.entries(clocks)) {
      const seconds = ms[clock as keyof AtOnce] / 1_000
      console.log(goal(`${what}, ${since}`, 'at most 3 s', `${digits(seconds)} s`, seconds <= 3))
    }
  }
  console.log()
}

/** Each with how many edits there were. */
function reportTimes(runs: Record<string, [Times, Times, number]>): void {
  const whose = Object.keys(Object.values(runs)[0]![0])
  console.log('Milliseconds of processor time for each interface, the pauses in between included')
  console.log(
    `${table(
      ['', ...Object.keys(runs)],
      whose.map((who) => [
        who,
        ...Object.values(runs).map(([from, to, edits]) => digits(((to[who]! - from[who]!) * 1_000) / edits)),
      ]),
    )}\n`,
  )
}

function reportCalls(what: string, { api, libvirt }: Counts): void {
  const rows = (kind: string, counts: Map<string, number>) =>
    [...counts].map(([name, count]) => [`${kind}: ${name}`, String(count), digits(count / atOnce)])
  console.log(
    `Calls for ${atOnce} interfaces ${what}, until all is at rest again; the user's own are among them`,
  )
  console.log(
    `${table(['', 'calls', 'an interface'], [...rows('API server', api), ...rows('libvirt', libvirt)])}\n`,
  )
}
