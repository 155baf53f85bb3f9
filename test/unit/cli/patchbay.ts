/** The command line as a person runs it: a process of its own. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

export const main = join(import.meta.dirname, '../../../src/cli/main.ts')

export interface Answer {
  code: number | null
  out: string
  error: string
}

export function patchbay(...args: string[]): Answer {
  // The test runner may ask for colours, which no pipe gets by itself.
  const { FORCE_COLOR: _, ...env } = process.env
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', env })
  return { code: status, out: stdout, error: stderr }
}
