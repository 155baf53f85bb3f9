/**
 * DHCP hosts of one `ip`. libvirt keeps them in a list, in which
 * - `modify` replaces the first entry that shares mac, ip or name with the new one,
 * - `add` is refused when any entry shares mac, ip or name with the new one,
 * - `delete` removes the first entry that fits every attribute given, an entry without mac fitting any.
 * The id never identifies. So an entry is deleted by its ip alone.
 */
import { type DhcpHost, marksOf } from './dhcp-host-marks.ts'
import { pairUp } from './pairs.ts'
import { Patience, planSharingHosts } from './sharing-hosts.ts'
import { difference, isInPhases, phases, type Step } from './step.ts'

/** Undefined when libvirt can't be brought from the one to the other: two hosts of one address can't be told apart. */
export function planDhcpHosts(
  from: readonly DhcpHost[],
  to: readonly DhcpHost[],
): Step<DhcpHost>[] | undefined {
  const { gone, added } = difference(from, to)
  if (gone.length === 0 && added.length === 0) return []
  if (!anyShares(from) && !anyShares(to)) return planDistinctHosts(gone, added)
  const free: Step<DhcpHost>[] = []
  const bound: Step<DhcpHost>[] = []
  const patience = new Patience()
  for (const cluster of clustersOf(from, to)) {
    if (anyShares(cluster.from) || anyShares(cluster.to)) {
      const steps = planSharingHosts(cluster.from, cluster.to, patience)
      if (steps === undefined) return undefined
      ;(isInPhases(steps) ? free : bound).push(...steps)
    } else {
      const own = difference(cluster.from, cluster.to)
      free.push(...planDistinctHosts(own.gone, own.added))
    }
  }
  return [...free.toSorted((a, b) => phases[a.command] - phases[b.command]), ...bound]
}

/**
 * Where neither list has two hosts that share anything, every host that goes can become one that comes and shares something with
 * it: taken in libvirt's order, no earlier entry is in the way. As many as possible do.
 */
function planDistinctHosts(gone: readonly DhcpHost[], added: readonly DhcpHost[]): Step<DhcpHost>[] {
  const partners = pairUp(gone.map(marksOf), added.map(marksOf))
  const left = new Set(added.keys())
  const deletes: Step<DhcpHost>[] = []
  const modifies: Step<DhcpHost>[] = []
  gone.forEach((host, n) => {
    const partner = partners[n]
    if (partner === undefined) deletes.push({ command: 'delete', entry: host })
    else {
      modifies.push({ command: 'modify', entry: added[partner]! })
      left.delete(partner)
    }
  })
  const adds = [...left].map((n): Step<DhcpHost> => ({ command: 'add-last', entry: added[n]! }))
  return [...deletes, ...modifies, ...adds]
}

function anyShares(hosts: readonly DhcpHost[]): boolean {
  const seen = new Set<string>()
  for (const host of hosts) {
    for (const mark of marksOf(host)) {
      if (seen.has(mark)) return true
      seen.add(mark)
    }
  }
  return false
}

interface Cluster {
  from: DhcpHost[]
  to: DhcpHost[]
}

/** Hosts of both lists that hang together by what they share, in the order of their lists: no update reaches beyond. */
function clustersOf(from: readonly DhcpHost[], to: readonly DhcpHost[]): Cluster[] {
  const all = [...from, ...to]
  const parent = all.map((_, n) => n)
  const rootOf = (n: number): number => {
    let root = n
    while (parent[root] !== root) {
      parent[root] = parent[parent[root]!]!
      root = parent[root]!
    }
    return root
  }
  const firstWith = new Map<string, number>()
  all.forEach((host, n) => {
    for (const mark of marksOf(host)) {
      const first = firstWith.get(mark)
      if (first === undefined) firstWith.set(mark, n)
      else parent[rootOf(n)] = rootOf(first)
    }
  })
  const clusters = new Map<number, Cluster>()
  all.forEach((host, n) => {
    const root = rootOf(n)
    const cluster = clusters.get(root) ?? { from: [], to: [] }
    clusters.set(root, cluster)
    ;(n < from.length ? cluster.from : cluster.to).push(host)
  })
  return [...clusters.values()]
}
