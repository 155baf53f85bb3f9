/** What planning a network costs by itself, on one core: two definitions of 2,000 DHCP hosts each, which differ in several ways. */
import type { NetworkDefinition } from '../src/core/network/definition.ts'
import type { SectionEntry } from '../src/core/network/plan/change.ts'
import { interruptionOf } from '../src/core/network/plan/interruption.ts'
import { planNetwork } from '../src/core/network/plan/plan.ts'
import { digits, goal, percentile, spread, spreadHead, table } from './figures.ts'

type DhcpHost = SectionEntry['ip-dhcp-host']

const hosts = 2_000
const rounds = 40
const most = 50

/** How the hosts of the second definition come from those of the first, and the number of updates that this takes. */
const edits: [what: string, updates: number, edit: (n: number) => DhcpHost][] = [
  ['nothing', 0, (n) => host(n, n)],
  ['200 guests renamed', 200, (n) => (n < 200 ? { ...host(n, n), name: `new${n}` } : host(n, n))],
  ['every guest on the next ip', hosts, (n) => host(n, n + 1)],
  ['every ip for another guest', hosts, (n) => host(n + hosts, n)],
  ['other guests on other ips', 2 * hosts, (n) => host(n + hosts, n + hosts)],
]

/** IPv4 in 10.0.0.0/16. */
function host(guest: number, ip: number): DhcpHost {
  const [high, low] = [guest >> 8, guest & 255].map((byte) => byte.toString(16).padStart(2, '0'))
  return { mac: `52:54:00:00:${high}:${low}`, name: `guest${guest}`, ip: `10.0.${(ip >> 8) + 1}.${ip & 255}` }
}

function network(hostOf: (n: number) => DhcpHost): NetworkDefinition {
  const all = Array.from({ length: hosts }, (_, n) => hostOf(n))
  const ips = [{ address: '10.0.0.1', prefix: 16, dhcp: { hosts: all } }]
  return { name: 'n', settings: { forward: { mode: 'nat' }, ips }, portGroups: [] }
}

export async function networkPlan(): Promise<void> {
  let slowest = 0
  const rows = edits.map(([what, expected, edit]) => {
    const times = Array.from({ length: rounds }, () => {
      const [from, to] = [network((n) => host(n, n)), network(edit)]
      const start = performance.now()
      const { updates } = planNetwork(from, to, { live: true })
      interruptionOf(updates, from)
      const time = performance.now() - start
      if (updates.length !== expected) throw new Error(`${what}: ${updates.length} updates, not ${expected}`)
      return time
    })
    slowest = Math.max(slowest, percentile(times, 0.95))
    return [what, String(expected), ...spread(times)]
  })
  console.log(table(['network-plan', 'updates', ...spreadHead], rows))
  const wanted = `at most ${most} ms`
  console.log(
    goal(`two definitions of ${hosts} hosts, p95`, wanted, `${digits(slowest)} ms`, slowest <= most),
  )
}
