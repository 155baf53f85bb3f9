/** `patchbay plan`: what the agent would do on this host with these manifests. */
import type { Command } from 'commander'
import { addHostOptions, type HostOptions, hostOf } from './host-options.ts'
import { addFilesOption, readFiles } from './manifest-files.ts'
import { addOutputOption, defaultFormat, type Format, render } from './output.ts'

interface Options extends HostOptions {
  file: string[]
  output?: Format
}

export function addPlan(program: Command): void {
  const command = program
    .command('plan')
    .summary('show what manifests would change on this host')
    .description(
      'Shows what the agent would change on this host for each GuestInterface and\n' +
        'Network of the manifests, what that costs the guest, and what is refused.\n' +
        'Changes nothing. Needs root and libvirt.',
    )
    .usage(
      '-f PATH... [--host-name NAME] [--host-label KEY=VALUE]... [--libvirt SOCKET] [-o table|json|yaml]',
    )
  addHostOptions(addFilesOption(command))
  addOutputOption(command)
    .addHelpText(
      'after',
      '\nExit code: 0 nothing would change, 2 something would, 3 something is refused, 1 error.',
    )
    .action(async (options: Options) => {
      process.exitCode = await run(options, command)
    })
}

async function run(options: Options, command: Command): Promise<number> {
  const host = hostOf(options, command)
  const objects = await readFiles(options.file)
  const { exitCodeOf, planAnswer, planTables } = await import('./plan-answer.ts')
  const answer = await planAnswer(objects, host, options)
  process.stdout.write(await render(answer, options.output ?? defaultFormat(), () => planTables(answer)))
  return exitCodeOf(answer)
}
