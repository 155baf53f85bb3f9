#!/usr/bin/env -S MALLOC_ARENA_MAX=2 node --max-semi-space-size=4 --heap-growing-percent=50 --no-concurrent-recompilation
/** The command line: which commands there are, and what happens to errors. */
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { addAgent } from './agent.ts'
import { addController } from './controller.ts'
import { addCrds } from './crds.ts'
import { addImport } from './import.ts'
import { addNetworkPlan } from './network-plan.ts'
import { addPlan } from './plan.ts'
import { addResolve } from './resolve.ts'
import { addStatus } from './status.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

const program = new Command('patchbay')
  .description('Keeps the network interfaces of libvirt guests the way manifests say they should be.')
  .version(version, '--version', 'Print the version')
  .helpOption('-h, --help', 'Print this help')
  .helpCommand('help [command]', 'Print the help of a command')
  .configureHelp({ sortSubcommands: false, showGlobalOptions: false })
  .exitOverride()

// A command file declares its options here and loads what it works with when it runs: `--help` stays quick.
const commands = [addAgent, addController, addPlan, addResolve, addNetworkPlan, addImport, addStatus, addCrds]
for (const add of commands) add(program)
for (const command of program.commands) {
  command
    .helpOption('-h, --help', 'Print this help')
    .showHelpAfterError(`usage: patchbay ${command.name()} ${command.usage()}`)
}
program.showHelpAfterError(
  `usage: patchbay ${program.usage()}\nCommands: ${program.commands.map((c) => c.name()).join(', ')}`,
)

// `| head` closes the pipe when it has seen enough: that is the end of the output, not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) {
    // commander has said what is wrong; asking for help or the version is no error.
    process.exitCode = error.exitCode
  } else {
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}
