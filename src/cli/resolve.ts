/** `patchbay resolve`: what the manifests come to on a host, from the files alone. */
import { type Command, Option } from 'commander'
import { addLabel, checkHostName } from './host-options.ts'
import { addFilesOption, readFiles, readText } from './manifest-files.ts'
import { addOutputOption, defaultFormat, type Format, render } from './output.ts'

interface Options {
  file: string[]
  host: string
  hostLabel?: Record<string, string>
  guestXml?: string
  output?: Format
}

export function addResolve(program: Command): void {
  const command = program
    .command('resolve')
    .summary('show what manifests come to on a host: settings, port and libvirt XML')
    .description(
      'Shows what each GuestInterface of the manifests comes to on a host: effective\n' +
        "settings and the layer that supplies each, the port, and libvirt's XML. Needs\n" +
        'neither libvirt nor root: pools are taken as unused, their devices as present.',
    )
    .usage('-f PATH... --host NAME [--host-label KEY=VALUE]... [-o table|json|yaml | --guest-xml FILE]')
  addFilesOption(command)
    .requiredOption('--host <name>', 'the host to resolve for; it need not exist', checkHostName)
    .option('--host-label <key=value>', 'a label that hostSelectors see; may be repeated', addLabel)
    .addOption(
      new Option(
        '--guest-xml <file>',
        "a guest's libvirt XML, or -: print it as it is to be on that host, for virsh migrate --xml",
      ).conflicts('output'),
    )
  addOutputOption(command)
    .addHelpText(
      'after',
      '\nExit code: 0, also when an interface is refused (see "refusal"); 1 when the manifests cannot be read, and with\n--guest-xml when an interface of the guest cannot be on that host.',
    )
    .action(run)
}

async function run({ file, host, hostLabel = {}, guestXml, output }: Options): Promise<void> {
  const identity = { name: host, labels: hostLabel }
  if (guestXml !== undefined) {
    if (guestXml === '-' && file.includes('-')) {
      throw new Error('Standard input can be read once: name a file for the manifests, or for --guest-xml')
    }
    const { resolveGuest } = await import('./resolve-guest.ts')
    const { text } = await readText(guestXml)
    process.stdout.write(resolveGuest(text, await readFiles(file), identity))
    return
  }
  const { resolveAnswer, resolveTables } = await import('./resolve-answer.ts')
  const answer = resolveAnswer(await readFiles(file), identity)
  process.stdout.write(await render(answer, output ?? defaultFormat(), () => resolveTables(answer)))
}
