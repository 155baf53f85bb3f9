/**
 * npm run bench                 all benchmarks
 * npm run bench -- NAME...      those of that name
 * npm run bench -- --list       their names, and what each measures
 *
 * Each prints its figures and whether its goals are met; a goal that is missed fails nothing, since the machine decides too.
 */
import { parseArgs } from 'node:util'
import { decisions } from './decisions.ts'
import { fanOut } from './fan-out.ts'
import { fleet } from './fleet.ts'
import { kubernetes } from './kubernetes.ts'
import { linkState } from './link-state.ts'
import { describeMachine } from './machine.ts'
import { networkEdit } from './network-edit.ts'
import { networkPlan } from './network-plan.ts'
import { thousandInterfaces } from './thousand-interfaces.ts'

interface Benchmark {
  name: string
  about: string
}

/** Those that share what is costly to build run together. */
const setups: { benchmarks: Benchmark[]; run(names: ReadonlySet<string>): Promise<void> }[] = [
  {
    benchmarks: [
      {
        name: 'link-state',
        about: 'link flips of 8 guests through the agent, by the same raw calls, and by virsh',
      },
    ],
    run: linkState,
  },
  {
    benchmarks: [
      {
        name: 'fan-out',
        about: 'an edited port group reaching 100 interfaces of 20 guests, and the same calls made raw',
      },
    ],
    run: fanOut,
  },
  {
    benchmarks: [
      {
        name: 'network-edit',
        about: '200 DHCP hosts edited in one manifest, the same calls made raw, and 200 single net-updates',
      },
    ],
    run: networkEdit,
  },
  {
    benchmarks: [
      {
        name: 'network-plan',
        about: 'two definitions of a network with 2,000 DHCP hosts each, compared and planned',
      },
    ],
    run: networkPlan,
  },
  {
    benchmarks: [
      { name: 'cold-start', about: 'from the start of the agent to 1,000 interfaces verified' },
      { name: 'resync', about: '1,000 interfaces settled: what a resync does, and the memory of the agent' },
    ],
    run: thousandInterfaces,
  },
  {
    benchmarks: [
      {
        name: 'kubernetes',
        about: 'kubectl apply of one interface and of 100 at once, to the host and to Ready in status',
      },
    ],
    run: kubernetes,
  },
  {
    benchmarks: [
      {
        name: 'fleet',
        about: '50 agents and 10,000 interfaces in one cluster: watches, writes when idle, memory',
      },
    ],
    run: fleet,
  },
  {
    benchmarks: [
      { name: 'resolve', about: '10,000 interfaces resolved and planned, without any host' },
      { name: 'allocate', about: 'ports chosen from a pool of 256 devices with 10,000 users' },
    ],
    run: decisions,
  },
]

const known = setups.flatMap(({ benchmarks }) => benchmarks)
const { values, positionals } = parseArgs({ options: { list: { type: 'boolean' } }, allowPositionals: true })
const unknown = positionals.filter((name) => !known.some((each) => each.name === name))
if (values.list) {
  for (const { name, about } of known) console.log(`${name.padEnd(12)} ${about}`)
} else if (unknown.length > 0) {
  console.error(`No benchmark ${unknown.join(', ')}; there are ${known.map(({ name }) => name).join(', ')}`)
  process.exitCode = 1
} else {
  console.log(`${await describeMachine()}\n`)
  const chosen = new Set(positionals.length > 0 ? positionals : known.map(({ name }) => name))
  for (const { benchmarks, run } of setups) {
    if (benchmarks.some(({ name }) => chosen.has(name))) await run(chosen)
  }
}
