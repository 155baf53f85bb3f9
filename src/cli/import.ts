/** `patchbay import`: the manifests that say what libvirt has. */
import { type Command, Option } from 'commander'
import type { Sources, Wanted } from './import-source.ts'
import { type Format, formats } from './output.ts'

const defaultSocket = '/run/libvirt/libvirt-sock'

interface Options {
  xml?: string[]
  libvirt?: string
  network?: string
  guest?: string
  all?: boolean
  output: Format
}

export function addImport(program: Command): void {
  const command = program
    .command('import')
    .summary("write manifests for libvirt's networks and guests' interfaces")
    .description(
      'Writes the manifests that say what libvirt has: Networks, PortGroups, and the\n' +
        'interfaces of guests. Whole or not at all: what manifests cannot say is named on\n' +
        'standard error. Changes nothing. With --libvirt it needs root.',
    )
    .usage('--xml FILE... | --libvirt SOCKET [--network NAME | --guest NAME | --all] [-o yaml|json|table]')
    .option('--xml <file...>', 'network and domain XML; - is standard input')
    .option('--libvirt <socket>', "a running libvirt's socket, or the directory that holds it")
    .option('--network <name>', 'this network, with its port groups')
    .option('--guest <name>', "this guest's interfaces, and the networks they are plugged into")
    .option('--all', 'all networks, and the interfaces of all guests (default)')
    .addOption(new Option('-o, --output <format>', 'of the manifests').choices(formats).default('yaml'))
    .addHelpText(
      'after',
      '\nExit code: 0; 1 when something cannot be said, or read: then nothing is written.',
    )
    .action((options: Options) => run(options, command))
}

async function run(options: Options, command: Command): Promise<void> {
  const { notes, sources } = await sourcesOf(options, command)
  const { importAnswer, importList, importTable } = await import('./import-answer.ts')
  const answer = importAnswer(sources)
  for (const note of [...notes, ...answer.notes]) process.stderr.write(`note: ${note}\n`)
  if (answer.refusals.length > 0) throw new Error(answer.refusals.join('\n'))
  if (answer.objects.length === 0) process.stderr.write('note: there is nothing to import\n')
  const { yamlText } = await import('../api/write-yaml.ts')
  const texts: Record<Format, () => string | Promise<string>> = {
    yaml: () => yamlText(answer.objects),
    json: () => `${JSON.stringify(importList(answer.objects), undefined, 2)}\n`,
    table: () => importTable(answer.objects),
  }
  process.stdout.write(await texts[options.output]())
}

async function sourcesOf(options: Options, command: Command): Promise<Sources> {
  const { xml, libvirt, network, guest, all } = options
  const chosen = [network, guest, all].filter((choice) => choice !== undefined)
  if (chosen.length > 1) command.error('error: --network, --guest and --all: give one of them')
  const live = libvirt !== undefined || chosen.length > 0
  if (live === (xml !== undefined)) {
    command.error(
      live
        ? 'error: files or a running libvirt: give --xml or --libvirt'
        : 'error: nothing says what to import: give --xml FILE... or --libvirt SOCKET',
    )
  }
  const { sourcesInFiles, sourcesInLibvirt } = await import('./import-source.ts')
  if (xml !== undefined) return sourcesInFiles(xml)
  const wanted: Wanted = network !== undefined ? { network } : guest !== undefined ? { guest } : { all: true }
  return sourcesInLibvirt(libvirt ?? defaultSocket, wanted)
}
