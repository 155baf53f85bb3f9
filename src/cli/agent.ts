/** `patchbay agent`: keeps this host as the manifests say. */
import { type Command, Option } from 'commander'
import { addHostOptions, type HostOptions, hostOf } from './host-options.ts'
import { defaultState } from './status.ts'

interface Options extends HostOptions {
  kubeconfig?: string
  inCluster?: boolean
  manifests?: string
  state: string
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
      '--manifests DIR [--state DIR] [--host-name NAME] [--host-label KEY=VALUE]... [--libvirt SOCKET] [--once]',
    )
    .option(
      '--manifests <dir>',
      'directory of manifests (*.yaml, *.yml, *.json below it), followed as it changes',
    )
    .addOption(new Option('--kubeconfig <file>', 'take the manifests from a cluster').hideHelp())
    .addOption(new Option('--in-cluster', 'take the manifests from the cluster this runs in').hideHelp())
    .option('--state <dir>', 'where status is kept; not below --manifests', defaultState)
  addHostOptions(command)
    .option('--once', 'reconcile until nothing is left to do and exit: 0 all Ready, 2 not all, 1 error')
    .addHelpText('after', '\nLog lines go to standard error, one JSON object a line.')
    .action(async (options: Options) => {
      process.exitCode = await run(options, command)
    })
}

async function run(options: Options, command: Command): Promise<number> {
  const { manifests, kubeconfig, inCluster } = options
  const origins = [manifests !== undefined, kubeconfig !== undefined, inCluster === true].filter(
    Boolean,
  ).length
  if (origins !== 1) {
    const mistake =
      origins === 0 ? 'nothing says where the manifests are' : 'manifests can come from one place only'
    command.error(`error: ${mistake}: give --manifests DIR`)
  }
  if (manifests === undefined) {
    const asked = kubeconfig === undefined ? '--in-cluster' : '--kubeconfig'
    throw new Error(`${asked} is not in this version: use --manifests DIR`)
  }
  const { name: hostName, labels: hostLabels } = hostOf(options, command)
  const stop = new AbortController()
  // Never `once`: execa listens too, and ends the process where it finds itself alone.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // Whoever sends it a second time does not want to wait.
      if (stop.signal.aborted) process.exit(1)
      stop.abort()
    })
  }

  const [{ runAgent }, { pino }] = await Promise.all([import('../agent/agent.ts'), import('pino')])
  const log = pino(
    { base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ fd: 2, sync: true }),
  )
  return runAgent(
    {
      manifests,
      state: options.state,
      hostName,
      hostLabels,
      libvirt: options.libvirt,
      once: options.once ?? false,
      signal: stop.signal,
    },
    log,
  )
}
