/**
 * The agent as it is, but dying by SIGKILL at a step boundary: MS milliseconds after it logged the N-th of them.
 *
 *   node test/lab/crashing-agent.ts --manifests DIR --state DIR --host-name NAME N MS
 *
 * With 0 ms it dies within the log call: nothing that comes after the boundary has begun.
 */
import { parseArgs } from 'node:util'
import { DirectoryStore } from '../../src/store/directory/store.ts'
import { dyingLog } from './dying-log.ts'
import { runLabAgent } from './run-agent.ts'

/** What the agent logs between two steps, whatever the steps are. */
const boundaries = new Set(['port recorded', 'step begins', 'step done', 'interface removed'])

const { values, positionals } = parseArgs({
  options: {
    manifests: { type: 'string', default: '' },
    state: { type: 'string', default: '' },
    'host-name': { type: 'string', default: '' },
  },
  allowPositionals: true,
})
const [n, ms] = positionals.map(Number)
const hostName = values['host-name']

let passed = 0
const log = dyingLog((message) => boundaries.has(message) && ++passed === n, ms)
await runLabAgent(
  {
    openStore: () => new DirectoryStore({ manifests: values.manifests, state: values.state, log }),
    binding: 'grants',
    hostName,
  },
  log,
)
