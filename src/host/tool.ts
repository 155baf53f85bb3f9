/** Asks a tool of the host, such as ip or ovs-vsctl. Never through a shell: names of links and bridges are anybody's. */
import { ExecaError, execa } from 'execa'

/** A tool that answers later than this hangs. */
const DEADLINE_MS = 10_000

/** `interrupted`: the caller's signal aborted. Everything else may go away by itself, a missing tool by being installed. */
export class ToolError extends Error {
  override readonly name = 'ToolError'
  readonly sort: 'retryable' | 'interrupted'
  /** The tool isn't installed. */
  readonly missing: boolean

  constructor(message: string, sort: 'retryable' | 'interrupted', missing: boolean, cause: unknown) {
    super(message, { cause })
    this.sort = sort
    this.missing = missing
  }
}

/** The Debian packages of the tools we ask. */
const PACKAGES = { ip: 'iproute2', 'ovs-vsctl': 'openvswitch-switch' }
export type Tool = keyof typeof PACKAGES

export interface Answer {
  stdout: string
  stderr: string
}

/** Runs the tool to its end, with `input` as its standard input. Throws a ToolError unless it exits with 0. */
export async function ask(
  tool: Tool,
  args: readonly string[],
  signal: AbortSignal,
  input = '',
): Promise<Answer> {
  try {
    return await execa(tool, args, {
      input,
      cancelSignal: signal,
      timeout: DEADLINE_MS,
      env: { LC_ALL: 'C' },
    })
  } catch (error) {
    throw toolError(tool, error)
  }
}

export function toolError(tool: Tool, error: unknown): ToolError {
  if (!(error instanceof ExecaError)) {
    return new ToolError(`${tool} could not be run`, 'retryable', false, error)
  }
  if (error.isCanceled) {
    return new ToolError(`${tool} was interrupted`, 'interrupted', false, error)
  }
  if (error.code === 'ENOENT') {
    const message = `${tool} is not installed, or not in PATH: install the package ${PACKAGES[tool]}`
    return new ToolError(message, 'retryable', true, error)
  }
  if (error.timedOut) {
    return new ToolError(`${tool} gave no answer within ${DEADLINE_MS / 1000} s`, 'retryable', false, error)
  }
  const said = String(error.stderr ?? '').trim()
  return new ToolError(`${error.shortMessage}${said ? `: ${said}` : ''}`, 'retryable', false, error)
}

/**
 * The JSON texts that a tool printed, one a line. What others may put into names and aliases of links can be more than the tool
 * escapes: a raw control character, which JSON forbids.
 */
export function parseLines(stdout: string): unknown[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line.replace(CONTROL, escaped)))
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\x00-\x1f]/g
const escaped = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
