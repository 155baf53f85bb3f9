/** `patchbay agent`: keeps this host as the manifests say. */
import type { Command } from 'commander'
import type { Logger } from 'pino'
import type { AgentHooks } from '../agent/hooks.ts'
import type { ListenAddress } from '../operations/listen-address.ts'
import type { Store } from '../store/store.ts'
import { addHostOptions, type HostOptions, hostOf } from './host-options.ts'
import { lastingLog } from './lasting-log.ts'
import { addListenOption } from './listen-option.ts'
import { defaultState } from './status.ts'
import { toldToStop } from './told-to-stop.ts'

interface Options extends HostOptions {
  kubeconfig?: string
  inCluster?: boolean
  manifests?: string
  state: string
  listen?: ListenAddress
  once?: boolean
}

export function addAgent(program: Command): void {
  const command: Command = program
    .command('agent')
    .summary('keep the interfaces of the guests on this host')
    .description(
      'Keeps the interfaces of the guests on this host as the manifests say, until it is told to stop.\n' +
        'Needs root and libvirt, which may start later. One agent runs on a host.',
    )
    .usage(
      '--kubeconfig FILE | --in-cluster | --manifests DIR [--state DIR] [--host-name NAME] [--host-label KEY=VALUE]...\n' +
        '                      [--libvirt SOCKET] [--listen ADDRESS:PORT] [--once]',
    )
    .option('--kubeconfig <file>', 'take the manifests from the cluster that this file gives access to')
    .option('--in-cluster', 'take the manifests from the cluster in which this runs, as a pod')
    .option(
      '--manifests <dir>',
      'directory of manifests (*.yaml, *.yml, *.json below it), followed as it changes',
    )
    .option('--state <dir>', 'with --manifests: where status is kept; not below it', defaultState)
  addListenOption(addHostOptions(command))
    .option('--once', 'reconcile until nothing is left to do and exit: 0 all Ready, 2 not all, 1 error')
    .addHelpText(
      'after',
      "\nIn a cluster the host's name is that of its Node: --host-name, or NODE_NAME in the environment.\n" +
        'Log lines go to standard error, one JSON object a line.',
    )
    .action(async (options: Options) => {
      process.exitCode = await run(options, command)
    })
}

function checkOrigin({ manifests, kubeconfig, inCluster }: Options, command: Command): void {
  const origins = [manifests !== undefined, kubeconfig !== undefined, inCluster === true].filter(Boolean)
  if (origins.length !== 1) {
    const mistake =
      origins.length === 0 ? 'nothing says where the manifests are' : 'manifests can come from one place only'
    command.error(`error: ${mistake}: give one of --kubeconfig FILE, --in-cluster and --manifests DIR`)
  }
  if (manifests === undefined && command.getOptionValueSource('state') === 'cli') {
    command.error('error: --state goes with --manifests: in a cluster the API server keeps status')
  }
}

/** Loads what the store needs once it is known which one it is: each has libraries of its own. */
async function storeOf({
  manifests,
  kubeconfig,
  state,
}: Options): Promise<(hostName: string, log: Logger, onRequest: AgentHooks['onRequest']) => Store> {
  if (manifests === undefined) {
    const { kubernetesStores } = await import('../store/kubernetes/open.ts')
    return kubernetesStores(kubeconfig)
  }
  const { DirectoryStore } = await import('../store/directory/store.ts')
  return (_, log) => new DirectoryStore({ manifests, state, log })
}

/** Interfaces are bound to a host by its Node's name, which its host name need not be. */
function nodeOf({ hostName, manifests }: Options, command: Command): string | undefined {
  const node = process.env.NODE_NAME
  if (manifests === undefined && hostName === undefined && !node) {
    command.error(
      'error: nothing says which Node this host is: give --host-name NAME, or NODE_NAME in the environment',
    )
  }
  return manifests === undefined ? node : undefined
}

async function run(options: Options, command: Command): Promise<number> {
  checkOrigin(options, command)
  const { name: hostName, labels: hostLabels } = hostOf(options, command, nodeOf(options, command))
  const openStore = await storeOf(options)
  const signal = toldToStop()
  const [{ runAgent }, log] = await Promise.all([import('../agent/agent.ts'), lastingLog()])
  return runAgent(
    {
      openStore: (storeLog, onRequest) => openStore(hostName, storeLog, onRequest),
      binding: options.manifests === undefined ? 'controller' : 'grants',
      hostName,
      hostLabels,
      libvirt: options.libvirt,
      listen: options.listen,
      once: options.once ?? false,
      signal,
    },
    log,
  )
}
