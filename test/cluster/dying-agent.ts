/**
 * The agent as it is, but dying by SIGKILL when it has logged these words.
 *
 *   node test/cluster/dying-agent.ts KUBECONFIG HOST-NAME WORDS
 */
import { kubernetesStores } from '../../src/store/kubernetes/open.ts'
import { dyingLog } from '../lab/dying-log.ts'
import { runLabAgent } from '../lab/run-agent.ts'

const [kubeconfig = '', hostName = '', words = ''] = process.argv.slice(2)
const log = dyingLog((message) => message === words)
const openStore = await kubernetesStores(kubeconfig)
await runLabAgent(
  {
    openStore: () => openStore(hostName, log, undefined),
    binding: 'controller',
    hostName,
  },
  log,
)
