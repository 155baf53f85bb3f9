/** How answers are printed: `-o table|json|yaml`. */
import { type Command, Option } from 'commander'

export const formats = ['table', 'json', 'yaml'] as const
export type Format = (typeof formats)[number]

/** What every answer of the command line carries beside its data; scripts rely on it. */
export interface Answer {
  apiVersion: 'cli.patchbay.dev/v1alpha1'
  kind: string
}

/** People get a table; what is piped goes to a program, and tables are no interface. */
export function defaultFormat(): Format {
  return process.stdout.isTTY ? 'table' : 'json'
}

export function addOutputOption(command: Command): Command {
  return command.addOption(
    new Option('-o, --output <format>', 'default: table on a terminal, else json').choices(formats),
  )
}

/** As text that ends with a line break. `table` makes the table, which only people read. */
export async function render(
  answer: Answer,
  format: Format,
  table: () => string | Promise<string>,
): Promise<string> {
  if (format === 'json') return `${JSON.stringify(answer, undefined, 2)}\n`
  if (format === 'yaml') return (await import('../api/write-yaml.ts')).yamlText([answer])
  return table()
}

/** The lines that cli-table3 would draw. */
const lines = ['top', 'bottom', 'left', 'mid', 'right'].flatMap((side) =>
  side === 'mid' ? ['mid', 'mid-mid', 'middle'] : [side, `${side}-mid`, `${side}-left`, `${side}-right`],
)

/** Columns as kubectl prints them, without lines, so that they can be copied. Ends with a line break. */
export async function columns(head: string[], rows: string[][]): Promise<string> {
  const { default: Table } = await import('cli-table3')
  const table = new Table({
    head,
    chars: Object.fromEntries(lines.map((line) => [line, ''])),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 3 },
  })
  table.push(...rows)
  return `${table.toString().replaceAll(/ +$/gm, '')}\n`
}
