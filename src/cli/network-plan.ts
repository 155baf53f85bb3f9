/** `patchbay network-plan`: the updates that turn one definition of a network into another. */
import type { Command } from 'commander'
import { readText } from './manifest-files.ts'
import { addOutputOption, defaultFormat, type Format, render } from './output.ts'

interface Options {
  from: string
  to: string
  live?: boolean
  output?: Format
}

export function addNetworkPlan(program: Command): void {
  const command = program
    .command('network-plan')
    .summary('show the live updates from one definition of a network to another')
    .description(
      'Shows the smallest list of `virsh net-update` calls that turns one definition of a\n' +
        'network into another, and what no update can change. A FILE is libvirt XML, or the\n' +
        'manifests of a Network and its PortGroups; - is standard input. Needs no libvirt.',
    )
    .usage('--from FILE --to FILE [--live] [-o table|json|yaml]')
    .requiredOption('--from <file>', 'the network as it is')
    .requiredOption('--to <file>', 'the network as it is to be')
    .option('--live', 'plan for a running network, not for the saved definition of a stopped one')
  addOutputOption(command)
    .addHelpText('after', '\nExit code: 0 nothing to do, 2 updates, 3 a restart is needed, 1 error.')
    .action(async (options: Options) => {
      if (options.from === '-' && options.to === '-') {
        command.error('error: standard input can be read once: give a file for --from or --to')
      }
      process.exitCode = await run(options)
    })
}

async function run({ from, to, live = false, output }: Options): Promise<number> {
  const { networkDefinitionIn } = await import('./network-definition-file.ts')
  const { exitCodeOf, networkPlanText, planOf } = await import('./network-plan-answer.ts')
  const before = networkDefinitionIn(await readText(from))
  const after = networkDefinitionIn(await readText(to))
  const planned = planOf(before, after, { live })
  process.stdout.write(
    await render(planned.answer, output ?? defaultFormat(), () => networkPlanText(planned)),
  )
  return exitCodeOf(planned.answer)
}
