/** What the decisions cost by themselves, on one core: resolving and planning interfaces, and choosing ports from a pool. */
import { definitionOf } from '../src/agent/interface/plan.ts'
import type { GuestInterface } from '../src/api/guest-interface.ts'
import type { Network } from '../src/api/network.ts'
import type { PortGroup } from '../src/api/port-group.ts'
import { capabilitiesOf } from '../src/core/capabilities.ts'
import { planChange } from '../src/core/change/plan.ts'
import type { Use } from '../src/core/ledger/ledger.ts'
import { choosePort } from '../src/core/ledger/pool.ts'
import { UsesByDevice } from '../src/core/ledger/uses-by-device.ts'
import type { Link } from '../src/core/link.ts'
import type { PoolPlug } from '../src/core/resolve/plug.ts'
import { type HostFacts, type Resolved, resolve } from '../src/core/resolve/resolve.ts'
import { digits, goal, median, percentile, table } from './figures.ts'

const interfaces = 10_000
const rounds = 15
const poolSize = 256
const allocations = 1_000

const apiVersion = 'patchbay.dev/v1alpha1'
const capabilities = capabilitiesOf({ libvirt: 10_008_000, qemu: 8_000_000 })
const facts: HostFacts = { capabilities, bridges: new Map([['ovs0', { type: 'openvswitch' }]]) }
const host = { name: 'h1', labels: { zone: 'a' } }

export async function decisions(names: ReadonlySet<string>): Promise<void> {
  if (names.has('resolve')) resolveAndPlan()
  if (names.has('allocate')) allocate()
}

/** All of a fleet's manifests: 20 networks of 5 port groups; every second interface differs from what the guest has. */
function resolveAndPlan(): void {
  const networks = Array.from({ length: 20 }, (_, n): Network => {
    const spec = {
      forward: { mode: 'bridge' as const },
      bridge: { name: 'ovs0' },
      virtualPort: { type: 'openvswitch' as const },
      hostSelector: { matchLabels: { zone: 'a' } },
    }
    return { apiVersion, kind: 'Network', metadata: { name: `n${n}` }, spec }
  })
  const portGroups = networks.flatMap(({ metadata }) =>
    Array.from({ length: 5 }, (_, n): PortGroup => {
      const spec = { networkName: metadata.name, groupName: `g${n}`, vlan: { tags: [{ id: n + 1 }] } }
      return { apiVersion, kind: 'PortGroup', metadata: { name: `${metadata.name}-g${n}` }, spec }
    }),
  )
  const fleet = Array.from({ length: interfaces }, (_, n): GuestInterface => {
    const source = { network: { name: `n${n % 20}`, portGroup: `g${n % 5}` } }
    const spec = {
      guest: { name: `vm${n}` },
      source,
      model: 'virtio',
      link: { state: 'up' as const },
      bandwidth: { inbound: { average: 1000, peak: 2000 }, outbound: { average: 1000 } },
      updatePolicy: 'Live' as const,
      deletionPolicy: 'Detach' as const,
    }
    return { apiVersion, kind: 'GuestInterface', metadata: { name: `i${n}`, namespace: 'default' }, spec }
  })
  const effectiveOf = (guestInterface: GuestInterface) => {
    const resolved = resolve({ guestInterface, networks, portGroups, host, facts }) as Resolved
    return definitionOf(guestInterface, resolved, { kind: 'bridge', bridge: 'ovs0' })
  }
  const observed = fleet.map((each, n) => {
    const definition = effectiveOf(each)
    const state = n % 2 === 0 ? ('up' as const) : ('down' as const)
    return { ...definition, settings: { ...definition.settings, link: { state } } }
  })

  let steps = 0
  const times = Array.from({ length: rounds }, () => {
    steps = 0
    const start = performance.now()
    for (const [n, each] of fleet.entries()) {
      const effective = effectiveOf(each)
      const [live, saved] = [observed[n]!, observed[n]!]
      const plan = planChange({
        running: true,
        persistent: true,
        live,
        saved,
        effective,
        updatePolicy: 'Live',
        capabilities,
      })
      steps += plan.steps.length
    }
    return performance.now() - start
  })
  if (steps !== interfaces) throw new Error(`${interfaces} steps were to be planned, not ${steps}`)
  report('resolve', `resolve and plan ${interfaces} interfaces`, times)
  const slowest = percentile(times, 0.95)
  console.log(
    goal(
      'resolve and plan of 10,000 interfaces, p95',
      'at most 1 s',
      `${digits(slowest)} ms`,
      slowest <= 1000,
    ),
  )
}

/** One after the other, each taking its place among those that are held. */
function allocate(): void {
  const devices = Array.from({ length: poolSize }, (_, n) => `eth${n}`)
  const links = devices.map(
    (name, n): Link => ({
      name,
      index: n + 1,
      mac: '',
      mtu: 1500,
      up: true,
      addresses: [],
      defaultRoute: false,
    }),
  )
  const pool: PoolPlug = {
    kind: 'pool',
    network: 'shared',
    forwardMode: 'bridge',
    mode: 'bridge',
    devices,
    exclusive: false,
  }
  const use = (device: string, name: string): Use => ({
    device,
    holder: { kind: 'interface', name },
    exclusive: false,
  })
  const times = Array.from({ length: rounds }, () => {
    const uses = new UsesByDevice(
      Array.from({ length: interfaces }, (_, n) => use(devices[n % poolSize]!, `default/held${n}`)),
    )
    const start = performance.now()
    for (let n = 0; n < allocations; n++) {
      const chosen = choosePort(pool, uses, links, { self: `default/new${n}`, waiting: [] })
      if (!('port' in chosen) || chosen.port.kind !== 'direct')
        throw new Error('no device of the pool was chosen')
      uses.add(use(chosen.port.dev, `default/new${n}`))
    }
    return performance.now() - start
  })
  report('allocate', `${allocations} allocations, ${interfaces} held`, times)
  const rate = (allocations / median(times)) * 1000
  console.log(
    goal('allocations from a pool of 256, p50', 'at least 5,000/s', `${digits(rate)}/s`, rate >= 5000),
  )
}

function report(name: string, what: string, times: number[]): void {
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => digits(percentile(times, share)))
  console.log(
    table([name, 'rounds', 'p50 ms', 'p95 ms', 'p99 ms'], [[what, String(times.length), p50!, p95!, p99!]]),
  )
}
