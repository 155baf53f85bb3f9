/** 1,000 interfaces on one host that are as their manifests say: how the agent comes to know it, and what it then does every 30 s. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import type { GuestInterface } from '../src/api/guest-interface.ts'
import { aliasOf } from '../src/core/identity.ts'
import { isReady } from '../src/core/interface-status.ts'
import { StateDirectory } from '../src/store/directory/state.ts'
import { defineGuest } from '../test/lab/guest.ts'
import { LabHost } from '../test/lab/host.ts'
import { addBridge, addVethPool } from '../test/lab/pool.ts'
import { AgentProcess, watchState } from './agent-process.ts'
import { digits, goal, median, table } from './figures.ts'
import { Wiretap } from './wiretap.ts'

const guestCount = 40
const perGuest = 25
const total = guestCount * perGuest
/** Of each guest's, those on macvtaps; the others are taps on Linux bridges, of which one takes 1,024. */
const macvtapsPerGuest = 5
const bridges = ['br0', 'br1']
const uplinks = 8
const coldStarts = 5
const resyncs = 3

const manifests = '/run/bench/manifests'
const state = '/run/bench/state'

export async function thousandInterfaces(names: ReadonlySet<string>): Promise<void> {
  console.log(
    `${guestCount} running q35 guests with ${perGuest} interfaces each: ${guestCount * macvtapsPerGuest} macvtaps over ${uplinks} devices, the others taps on ${bridges.length} Linux bridges; a manifest file each`,
  )
  const host = await LabHost.start({ name: 'thousand' })
  try {
    await settle(host)
    if (names.has('cold-start')) await coldStart(host)
    if (names.has('resync')) await resync(host)
  } finally {
    await host.stop()
  }
}

interface Spec {
  name: string
  guest: string
  mac: string
  source: { bridge: string } | { dev: string }
}

function specs(): Spec[] {
  return Array.from({ length: total }, (_, i) => {
    const [guest, nic] = [Math.floor(i / perGuest), i % perGuest]
    const hex = (value: number) => value.toString(16).padStart(2, '0')
    const source =
      nic < macvtapsPerGuest ? { dev: `uplink${i % uplinks}` } : { bridge: bridges[i % bridges.length]! }
    return {
      name: `vm${guest}-nic${nic}`,
      guest: `vm${guest}`,
      mac: `52:54:01:00:${hex(guest)}:${hex(nic)}`,
      source,
    }
  })
}

/** Guests are defined with the interfaces that the manifests ask for, since plugging a thousand would take longer; the agent finds them its own. */
async function settle(host: LabHost): Promise<void> {
  for (const bridge of bridges) await addBridge(host, bridge)
  await addVethPool(host, uplinks, 'uplink')
  mkdirSync(host.root + manifests, { recursive: true })
  const byGuest = Map.groupBy(specs(), ({ guest }) => guest)
  for (const [guest, interfaces] of byGuest) {
    await defineGuest(host, { name: guest, interfaces: interfaces.map(interfaceXML), sparePorts: 0 })
    for (const each of interfaces) writeFileSync(`${host.root}${manifests}/${each.name}.yaml`, manifest(each))
  }
  const started = performance.now()
  const names = [...byGuest.keys()]
  await Promise.all(
    cpus().map(async () => {
      for (let name = names.shift(); name; name = names.shift()) await host.virsh('start', name)
    }),
  )
  const guestsUp = performance.now()
  const agent = await AgentProcess.start({ host, manifests, state })
  while (ready(host).length < total) await delay(500)
  await agent.lastRead(1_500)
  await agent.stop()
  const seconds = (from: number, to: number) => digits((to - from) / 1000)
  console.log(
    `Guests started in ${seconds(started, guestsUp)} s; the agent saw the interfaces first and took them down in its state in ${seconds(guestsUp, performance.now())} s\n`,
  )
}

function interfaceXML({ name, mac, source }: Spec): string {
  const [type, from] =
    'dev' in source
      ? ['direct', `<source dev='${source.dev}' mode='bridge'/>`]
      : ['bridge', `<source bridge='${source.bridge}'/>`]
  return `<interface type='${type}'><mac address='${mac}'/>${from}<model type='virtio'/><alias name='${aliasOf('default', name)}'/></interface>`
}

function manifest({ name, guest, mac, source }: Spec): string {
  const from =
    'dev' in source ? `direct: {dev: ${source.dev}, mode: bridge}` : `bridge: {name: ${source.bridge}}`
  return `apiVersion: patchbay.dev/v1alpha1
kind: GuestInterface
metadata: {name: ${name}}
spec:
  guest: {name: ${guest}}
  mac: "${mac}"
  source: {${from}}
  model: virtio
`
}

function ready(host: LabHost): GuestInterface[] {
  const { objects } = new StateDirectory(host.root + state).read()
  return objects
    .filter((each) => each.kind === 'GuestInterface')
    .filter((each) => isReady(each.status?.conditions))
}

/** By what the kernel counts of the agent: nothing is written when all is well, so nothing else tells when it has read the last. */
async function coldStart(host: LabHost): Promise<void> {
  const runs: { all: number; cpu: number; memory: { now: number; peak: number } }[] = []
  let writes = 0
  const watch = watchState(host, state, ['guestinterface/default', 'host'], () => writes++)
  for (let run = 0; run < coldStarts; run++) {
    const agent = await AgentProcess.start({ host, manifests, state })
    const all = (await agent.lastRead(1_500)) - agent.startedAt
    runs.push({ all, cpu: agent.processorTime(), memory: agent.memory() })
    await agent.stop()
  }
  watch.stop()
  const tap = await Wiretap.start(`${host.root}/run/tap`, host.socket)
  const agent = await AgentProcess.start({ host, manifests, state, libvirt: '/run/tap' })
  await agent.lastRead(1_500)
  const counts = tap.counts()
  await agent.stop()
  tap.stop()

  console.log(
    'cold-start: from the start of the process until it has read the last of what it verifies and of the inventory',
  )
  console.log(
    table(
      ['run', 'verified s', 'processor s', 'RSS MiB', 'peak MiB'],
      runs.map(({ all, cpu, memory }, run) => [
        String(run + 1),
        digits(all / 1000),
        digits(cpu),
        digits(memory.now),
        digits(memory.peak),
      ]),
    ),
  )
  const p50 = median(runs.map(({ all }) => all)) / 1000
  console.log(`State files written: ${writes}. Calls, in a run of their own:`)
  console.log(callTable(counts))
  console.log(`\n${goal('cold start, median', 'at most 2 s', `${digits(p50)} s`, p50 <= 2)}\n`)
}

async function resync(host: LabHost): Promise<void> {
  const tap = await Wiretap.start(`${host.root}/run/tap`, host.socket)
  const agent = await AgentProcess.start({ host, manifests, state, libvirt: '/run/tap' })
  let stateWrites = 0
  const watch = watchState(host, state, ['guestinterface/default', 'host'], () => stateWrites++)
  await agent.lastRead(1_500)
  const rows: string[][] = []
  let first = tap.calls.length
  for (let i = 0; i < resyncs; i++) {
    const begin = first
    while (tap.calls.length === begin) await delay(50)
    const cpu = agent.processorTime()
    while (performance.now() - tap.lastAt < 1_500) await delay(50)
    const calls = tap.calls.slice(begin)
    first = tap.calls.length
    const memory = agent.memory()
    rows.push([
      String(i + 1),
      digits(tap.lastAt - calls[0]!.at),
      digits((agent.processorTime() - cpu) * 1000),
      String(calls.length),
      String(calls.filter(({ writes }) => writes).length),
      digits(memory.now),
      digits(memory.peak),
    ])
  }
  const writes = tap.calls.filter((call) => call.writes).length
  const memory = agent.memory()
  await agent.stop()
  watch.stop()
  tap.stop()
  console.log(
    'resync: every 30 s, spread over 5 s; through a counting socket between agent and libvirt, the inventory included',
  )
  console.log(
    table(['resync', 'takes ms', 'processor ms', 'calls', 'of them writes', 'RSS MiB', 'peak MiB'], rows),
  )
  console.log(`\n${goal('writes to libvirt', 'none', String(writes), writes === 0)}`)
  console.log(goal('writes of state', 'none', String(stateWrites), stateWrites === 0))
  console.log(
    `${goal('RSS', 'at most 128 MiB', `${digits(memory.now)} MiB, at its peak ${digits(memory.peak)}`, memory.peak <= 128)}\n`,
  )
}

function callTable(counts: Map<string, number>): string {
  return table(
    ['', 'calls', 'an interface'],
    [...counts].map(([name, count]) => [name, String(count), digits(count / total)]),
  )
}
