/** `patchbay controller`: the cluster's side. */
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { Command } from 'commander'
import type { ListenAddress } from '../operations/listen-address.ts'
import { lastingLog } from './lasting-log.ts'
import { addListenOption } from './listen-option.ts'
import { toldToStop } from './told-to-stop.ts'

interface Options {
  kubeconfig?: string
  inCluster?: boolean
  listen?: ListenAddress
}

export function addController(program: Command): void {
  const command: Command = program
    .command('controller')
    .summary('bind interfaces to hosts, in a cluster')
    .description(
      'Binds interfaces to the hosts where their guests are, keeps a Host for each\n' +
        'Node that has an agent, and sums up how Networks and PortGroups stand, until\n' +
        'told to stop.\n' +
        'Of several that run one acts, and another takes over within 15 s.',
    )
    .usage('--kubeconfig FILE | --in-cluster [--listen ADDRESS:PORT]')
    .option('--kubeconfig <file>', 'the cluster that this file gives access to')
    .option('--in-cluster', 'the cluster in which this runs, as a pod')
  addListenOption(command)
    .addHelpText('after', '\nLog lines go to standard error, one JSON object a line.')
    .action(async (options: Options) => {
      process.exitCode = await run(options, command)
    })
}

async function run({ kubeconfig, inCluster = false, listen }: Options, command: Command): Promise<number> {
  if ((kubeconfig !== undefined) === inCluster) {
    const mistake = inCluster ? 'there is one cluster only' : 'nothing says which cluster this is'
    command.error(`error: ${mistake}: give one of --kubeconfig FILE and --in-cluster`)
  }
  const store = await import('../store/kubernetes/open.ts')
  const openClient = await store.openClient(kubeconfig)
  const [{ runController }, log] = await Promise.all([import('../controller/controller.ts'), lastingLog()])
  // In a pod the host name is the pod's; a container that was started anew in it is another replica.
  const identity = `${hostname()}_${randomBytes(4).toString('hex')}`
  return runController({ openClient, listen, identity, signal: toldToStop() }, log)
}
