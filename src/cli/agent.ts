/** `patchbay agent`: keeps this host as the manifests say. */
import { hostname } from 'node:os'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { defaultState } from './status.ts'

interface Options {
  kubeconfig?: string
  inCluster?: boolean
  manifests?: string
  state: string
  hostName?: string
  hostLabel?: Record<string, string>
  libvirt: string
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
    .option(
      '--host-name <name>',
      "this host's name in resources (default: its host name, in lower case)",
      checkHostName,
    )
    .option('--host-label <key=value>', 'a label that hostSelectors see; may be repeated', addLabel)
    .option(
      '--libvirt <socket>',
      "libvirt's socket, or the directory that holds it",
      '/run/libvirt/libvirt-sock',
    )
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
  const hostName = options.hostName ?? ownHostName(command)
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
      hostLabels: { ...options.hostLabel, 'kubernetes.io/hostname': hostName },
      libvirt: options.libvirt,
      once: options.once ?? false,
      signal: stop.signal,
    },
    log,
  )
}

function ownHostName(command: Command): string {
  try {
    return checkHostName(hostname().toLowerCase())
  } catch (error) {
    return command.error(`error: ${(error as Error).message}`)
  }
}

/** A host is a resource, so its name is one of Kubernetes: RFC 1123, lower case, at most 253 characters. */
export function checkHostName(name: string): string {
  const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
  if (name.length <= 253 && new RegExp(`^${label}(\\.${label})*$`).test(name)) return name
  throw new InvalidArgumentError(
    `${JSON.stringify(name)} is not a host name in lower case (letters, digits, - and .); choose one with --host-name`,
  )
}

/** Keys and values as Kubernetes' labels have them. */
export function addLabel(text: string, labels: Record<string, string> = {}): Record<string, string> {
  const [, key, value] = /^([^=]*)=(.*)$/s.exec(text) ?? []
  if (key === undefined || value === undefined) throw new InvalidArgumentError('a label is KEY=VALUE.')
  if (!/^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?$/.test(key)) {
    throw new InvalidArgumentError(`${JSON.stringify(key)} cannot be the key of a label.`)
  }
  if (!/^([A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?)?$/.test(value)) {
    throw new InvalidArgumentError(`${JSON.stringify(value)} cannot be the value of a label.`)
  }
  return { ...labels, [key]: value }
}
