/** `patchbay status`: the tables of interfaces, pools and networks, from the state directory alone. */
import fs from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'
import { addOutputOption, defaultFormat, type Format, render } from './output.ts'

export const defaultState = '/var/lib/patchbay'
/** How often `--watch` looks: a few system calls each time. */
const lookMs = 500

interface Options {
  state: string
  watch?: boolean
  output?: Format
}

export function addStatus(program: Command): void {
  const command = program
    .command('status')
    .summary('show interfaces, pools and networks')
    .description(
      'Shows the interfaces, pools and networks of this host, and what keeps one from being ready.\n' +
        "Reads the agent's state directory; the agent need not run.",
    )
    .usage('[--state DIR] [--watch] [-o table|json|yaml]')
    .option('--state <dir>', 'where the agent keeps status', defaultState)
    .option('--watch', 'go on and show each change; in json one line a change')
  addOutputOption(command).action(async (options: Options) => {
    await (options.watch ? watch(options) : show(options))
  })
}

async function show({ state, output }: Options): Promise<void> {
  const { statusAnswer, statusTables } = await import('./status-answer.ts')
  const { answer, problems } = statusAnswer(state)
  process.stdout.write(
    await render(answer, output ?? defaultFormat(), () => statusTables(answer, new Date())),
  )
  for (const { file, message } of problems) process.stderr.write(`warning: ${file}: ${message}\n`)
}

/** Until Ctrl-C. */
async function watch({ state, output }: Options): Promise<void> {
  const { statusAnswer, statusTables } = await import('./status-answer.ts')
  const format = output ?? defaultFormat()
  const clear = process.stdout.isTTY ? '\x1b[H\x1b[2J' : '\n'
  let seen: { signature: string; answer: ReturnType<typeof statusAnswer>['answer'] } | undefined
  let shown = ''
  for (;;) {
    const signature = signatureOf(state)
    if (signature !== seen?.signature) seen = { signature, answer: statusAnswer(state).answer }
    const { answer } = seen
    // A table has ages in it, which move on by themselves.
    const text =
      format === 'json'
        ? `${JSON.stringify(answer)}\n`
        : await render(answer, format, () => statusTables(answer, new Date()))
    if (text !== shown) {
      const before = format === 'table' ? clear : format === 'yaml' ? '---\n' : ''
      process.stdout.write(before + text)
      shown = text
    }
    await delay(lookMs)
  }
}

/** Every write of state is a rename, which its directory's time tells. */
function signatureOf(state: string): string {
  const times: string[] = []
  const look = (directory: string, depth: number): void => {
    const { mtimeNs, ino } = fs.statSync(directory, { bigint: true })
    times.push(`${ino}:${mtimeNs}`)
    if (depth === 0) return
    for (const entry of fs.readdirSync(directory, { withFileTypes: true })) {
      if (entry.isDirectory()) look(`${directory}/${entry.name}`, depth - 1)
    }
  }
  try {
    look(state, 2)
  } catch {
    // Gone between two calls, or not there at all: reading it says why.
    return String(performance.now())
  }
  return times.join(' ')
}
