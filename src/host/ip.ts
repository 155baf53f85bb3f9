/** Asks ip, iproute2's tool. Never through a shell: a link's name may be anything. */
import { ExecaError, execa } from 'execa'
import { HostError } from './host-error.ts'

/** An ip that answers later than this hangs. */
const DEADLINE_MS = 10_000
const TRIES = 5

/**
 * Has one ip process carry out several commands (`ip -json -details -batch -`) and gives the list that each printed.
 * Throws a HostError when ip is missing or fails, or when what it lists won't stand still.
 */
export async function askIp(commands: string[], signal: AbortSignal): Promise<unknown[][]> {
  const args = ['-json', '-details', '-batch', '-']
  for (let tries = 1; tries <= TRIES; tries++) {
    const { stdout, stderr } = await run(args, commands.join('\n'), signal)
    // The kernel says so when something changed between two parts of its list; ip warns and goes on.
    if (!stderr.includes('Dump was interrupted')) return parseLines(stdout)
  }
  throw new HostError(`ip was interrupted by changes ${TRIES} times while it listed links`, 'retryable')
}

/** `ip link delete dev NAME type KIND`. Throws a HostError, also when there is no such link any more. */
export async function removeLink(name: string, kind: string, signal: AbortSignal): Promise<void> {
  await run(['link', 'delete', 'dev', name, 'type', kind], '', signal)
}

async function run(args: string[], input: string, signal: AbortSignal) {
  try {
    return await execa('ip', args, {
      input,
      cancelSignal: signal,
      timeout: DEADLINE_MS,
      env: { LC_ALL: 'C' },
    })
  } catch (error) {
    throw ipError(error)
  }
}

export function ipError(error: unknown): HostError {
  if (!(error instanceof ExecaError)) return new HostError('ip could not be run', 'retryable', error)
  if (error.isCanceled) return new HostError('ip was interrupted', 'interrupted', error)
  if (error.code === 'ENOENT') {
    return new HostError('ip is not in PATH: install the package iproute2', 'retryable', error)
  }
  if (error.timedOut) {
    return new HostError(`ip gave no answer within ${DEADLINE_MS / 1000} s`, 'retryable', error)
  }
  const said = String(error.stderr ?? '').trim()
  return new HostError(`${error.shortMessage}${said && `: ${said}`}`, 'retryable', error)
}

/**
 * One JSON text a line. ip doesn't escape all that a link's name or alias may hold: control characters stand there raw,
 * which JSON forbids.
 */
function parseLines(stdout: string): unknown[][] {
  const lines = stdout.split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line.replace(CONTROL, escaped)))
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\x00-\x1f]/g
const escaped = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
