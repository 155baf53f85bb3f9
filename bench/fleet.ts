/**
 * 50 hosts with 200 interfaces each in one cluster: real libvirtds and real agents, all on this machine. The guests are defined
 * and off, since 400 running ones would not fit; the interfaces stand in their saved definitions when their manifests come.
 */
import { cpus } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import type { GuestInterface } from '../src/api/guest-interface.ts'
import type { Network } from '../src/api/network.ts'
import { apiVersion } from '../src/api/resource.ts'
import { aliasOf } from '../src/core/identity.ts'
import { isReady } from '../src/core/interface-status.ts'
import { collectionPath } from '../src/store/kubernetes/resource-path.ts'
import { guestXML } from '../test/lab/guest.ts'
import { LabHost } from '../test/lab/host.ts'
import { addBridge } from '../test/lab/pool.ts'
import type { AgentProcess } from './agent-process.ts'
import { BenchCluster, between, type Requests } from './bench-cluster.ts'
import { digits, goal, median, table } from './figures.ts'

const hostCount = 50
const guestsPerHost = 8
const perGuest = 25
const perHost = guestsPerHost * perGuest
const total = hostCount * perHost
/** Requests of the user that are on their way at a time. */
const inFlight = 16
const idleSeconds = 60

interface Nic {
  name: string
  guest: string
  mac: string
}

export async function fleet(): Promise<void> {
  console.log(
    `fleet: ${hostCount} lab hosts with a libvirtd and an agent each, ${guestsPerHost} guests that are off on each, ${perGuest} interfaces a guest: ${total} GuestInterfaces\n`,
  )
  const begun = performance.now()
  const bench = await BenchCluster.start()
  const hosts: LabHost[] = []
  try {
    const numbers = Array.from({ length: hostCount }, (_, n) => n)
    await Promise.all(
      cpus().map(async () => {
        for (let n = numbers.shift(); n !== undefined; n = numbers.shift()) hosts.push(await startHost(n))
      }),
    )
    console.log(`hosts with their guests: ${seconds(begun)} s`)
    await measure(bench, hosts)
  } finally {
    await bench.stop()
    await Promise.all(hosts.map((host) => host.stop()))
    console.log(`all of it: ${seconds(begun)} s\n`)
  }
}

const seconds = (since: number) => digits((performance.now() - since) / 1_000)

function nicsOf(host: number): Nic[] {
  const hex = (value: number) => value.toString(16).padStart(2, '0')
  return Array.from({ length: perHost }, (_, i) => {
    const [guest, nic] = [Math.floor(i / perGuest), i % perGuest]
    return {
      name: `vm-${host}-${guest}-nic${nic}`,
      guest: `vm-${host}-${guest}`,
      mac: `52:54:03:${hex(host)}:${hex(guest)}:${hex(nic)}`,
    }
  })
}

async function startHost(n: number): Promise<LabHost> {
  const host = await LabHost.start({ name: `host-${n}`, macvtaps: false })
  await addBridge(host, 'br0')
  const commands: string[] = []
  for (const [guest, nics] of Map.groupBy(nicsOf(n), (nic) => nic.guest)) {
    const interfaces = nics.map(
      ({ name, mac }) =>
        `<interface type='bridge'><mac address='${mac}'/><source bridge='br0'/><model type='virtio'/><alias name='${aliasOf('default', name)}'/></interface>`,
    )
    commands.push(`define ${await host.file(guestXML({ name: guest, interfaces, machine: 'pc' }))}`)
  }
  await host.virsh(commands.join('; '))
  return host
}

async function measure(bench: BenchCluster, hosts: LabHost[]): Promise<void> {
  const network: Network = {
    apiVersion,
    kind: 'Network',
    metadata: { name: 'office' },
    spec: { forward: { mode: 'bridge' }, bridge: { name: 'br0' } },
  }
  await bench.apply(network)
  await settle(bench)
  // The controller's own, and those of kube-controller-manager, which looks for new kinds every 30 s. No agent reads GuestGrants.
  while (((await bench.watches()).get('guestgrants') ?? 0) < 2) await delay(1_000)
  const without = await bench.watches()
  const joining = performance.now()
  const agents: AgentProcess[] = []
  for (const host of hosts) agents.push((await bench.join(host)).agent)
  console.log(`agents started: ${seconds(joining)} s`)

  await settle(bench)
  const before = await bench.writes()
  const applying = performance.now()
  await applyAll(bench)
  console.log(`${total} interfaces applied: ${seconds(applying)} s`)
  await settle(bench)
  console.log(`${await readyOf(bench)} of them bound and Ready: ${seconds(applying)} s, to ten seconds`)
  const onboarding = between(before, await bench.writes())
  const rested = await bench.writes()
  await delay(idleSeconds * 1_000)
  const idle = between(rested, await bench.writes())
  report({ onboarding, idle, watches: between(without, await bench.watches()) }, agents, bench)
}

async function applyAll(bench: BenchCluster): Promise<void> {
  // Of all hosts in turn, so that all agents have work at once.
  const all = Array.from({ length: hostCount }, (_, host) => nicsOf(host))
  const left = Array.from({ length: perHost }, (_, nic) => all.map((nics) => nics[nic]!)).flat()
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      for (let nic = left.pop(); nic; nic = left.pop()) await bench.apply(manifest(nic))
    }),
  )
}

/** A watch of them all would cost more than it tells. */
async function readyOf({ client }: BenchCluster): Promise<number> {
  let ready = 0
  let next: string | undefined
  do {
    const page = await client.json<{ metadata: { continue?: string }; items: GuestInterface[] }>({
      method: 'GET',
      path: collectionPath('GuestInterface'),
      query: { limit: '500', continue: next },
    })
    ready += page.items.filter(({ status }) => isReady(status?.conditions)).length
    next = page.metadata.continue
  } while (next)
  return ready
}

function manifest({ name, guest, mac }: Nic): GuestInterface {
  return {
    apiVersion,
    kind: 'GuestInterface',
    metadata: { name, namespace: 'default' },
    spec: { guest: { name: guest }, mac, source: { network: { name: 'office' } }, model: 'virtio' },
  } as GuestInterface
}

const isLease = (name: string) => name.endsWith(' leases')

/** Back when nothing but Leases has been written for ten seconds. */
async function settle(bench: BenchCluster): Promise<void> {
  for (let before = await bench.writes(), quiet = 0; quiet < 2; ) {
    await delay(5_000)
    const now = await bench.writes()
    quiet = [...between(before, now).keys()].every(isLease) ? quiet + 1 : 0
    before = now
  }
}

interface Counted {
  onboarding: Requests
  idle: Requests
  watches: Requests
}

function report(
  { onboarding, idle, watches }: Counted,
  agents: AgentProcess[],
  { controllerMemory }: BenchCluster,
): void {
  console.log('\nWrites that the API server answered while the interfaces came, those of the user among them')
  console.log(
    table(
      ['', 'calls', 'an interface'],
      [...onboarding].map(([name, count]) => [name, String(count), digits(count / total)]),
    ),
  )
  console.log(`\nWrites in ${idleSeconds} s without any work, those of the API server itself among them`)
  console.log(
    table(
      ['', 'calls', 'an hour', 'an hour and host'],
      [...idle].map(([name, count]) => {
        const anHour = (count * 3_600) / idleSeconds
        return [name, String(count), digits(anHour), digits(anHour / hostCount)]
      }),
    ),
  )
  console.log('\nWatches of the agents')
  console.log(
    table(
      ['', 'watches', 'an agent'],
      [...watches].map(([name, count]) => [name, String(count), digits(count / hostCount)]),
    ),
  )
  const rss = agents.map((agent) => agent.memory())
  const [now, peak] = [rss.map((each) => each.now), rss.map((each) => each.peak)]
  console.log('\nRSS in MiB')
  console.log(
    table(
      ['', 'median', 'largest', 'largest ever'],
      [
        [
          `agents, ${perHost} interfaces each`,
          digits(median(now)),
          digits(Math.max(...now)),
          digits(Math.max(...peak)),
        ],
        ['controller', '', digits(controllerMemory.now), digits(controllerMemory.peak)],
      ],
    ),
  )
  const perAgent = [...watches.values()].reduce((sum, count) => sum + count, 0) / hostCount
  const others = [...idle.keys()].filter((name) => !isLease(name))
  const [agent, controller] = [Math.max(...peak), controllerMemory.peak]
  console.log(`\n${goal('watches of an agent', 'at most 4', digits(perAgent), perAgent <= 4)}`)
  console.log(
    goal('writes when idle', 'Leases alone', others.join(', ') || 'Leases alone', others.length === 0),
  )
  console.log(goal('RSS of an agent, ever', 'at most 150 MiB', `${digits(agent)} MiB`, agent <= 150))
  console.log(
    goal('RSS of the controller, ever', 'at most 300 MiB', `${digits(controller)} MiB`, controller <= 300),
  )
}
