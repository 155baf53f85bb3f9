/**
 * The agent as it is, but with the times shortened after which it gives up an API server that says nothing.
 *
 *   node test/cluster/impatient-agent.ts KUBECONFIG HOST-NAME
 */
import { pino } from 'pino'
import { accessFromFile } from '../../src/store/kubernetes/access.ts'
import { ApiClient } from '../../src/store/kubernetes/api-client.ts'
import { KubernetesStore } from '../../src/store/kubernetes/store.ts'
import { runLabAgent } from '../lab/run-agent.ts'

const [kubeconfig = '', hostName = ''] = process.argv.slice(2)
const client = new ApiClient(await accessFromFile(kubeconfig), { deadlineMs: 1_000 })
const stop = new AbortController()
process.on('SIGTERM', () => stop.abort())
const log = pino({ base: null }, pino.destination({ fd: 2, sync: true }))
await runLabAgent(
  {
    openStore: () =>
      new KubernetesStore({ client, hostName, log, timing: { page: 2, idleMs: 5_000, watchSeconds: 2 } }),
    binding: 'controller',
    hostName,
    signal: stop.signal,
  },
  log,
)
