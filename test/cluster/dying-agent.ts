/**
 * The agent as it is, but dying by SIGKILL when it has logged these words.
 *
 *   node test/cluster/dying-agent.ts KUBECONFIG HOST-NAME WORDS
 */
import { runAgent } from '../../src/agent/agent.ts'
import { kubernetesStores } from '../../src/store/kubernetes/open.ts'
import { dyingLog } from '../lab/dying-log.ts'

const [kubeconfig = '', hostName = '', words = ''] = process.argv.slice(2)
const log = dyingLog((message) => message === words)
const openStore = await kubernetesStores(kubeconfig)
await runAgent(
  {
    openStore: () => openStore(hostName, log, undefined),
    binding: 'controller',
    hostName,
    hostLabels: { 'kubernetes.io/hostname': hostName },
    libvirt: '/run/libvirt/libvirt-sock',
    once: false,
    signal: new AbortController().signal,
  },
  log,
)
