/** Runs a tool of the host. Never through a shell: a link's name may be anything. */
import { ExecaError, execa } from 'execa'
import { HostError } from './host-error.ts'

type Tool = keyof typeof packages

/** The package that has each. */
const packages = {
  bridge: 'iproute2',
  ip: 'iproute2',
  tc: 'iproute2',
  'ovs-vsctl': 'openvswitch-switch',
  'iptables-save': 'iptables',
  'iptables-restore': 'iptables',
  'ip6tables-save': 'iptables',
  'ip6tables-restore': 'iptables',
}

/** A tool that answers later than this hangs. */
const DEADLINE_MS = 10_000

/** Throws a HostError when the tool is missing or fails. */
export async function runTool(tool: Tool, args: string[], input: string, signal: AbortSignal) {
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

export function toolError(tool: Tool, error: unknown): HostError {
  if (!(error instanceof ExecaError)) return new HostError(`${tool} could not be run`, 'retryable', error)
  if (error.isCanceled) return new HostError(`${tool} was interrupted`, 'interrupted', error)
  if (error.code === 'ENOENT') {
    return new HostError(`${tool} is not in PATH: install the package ${packages[tool]}`, 'retryable', error)
  }
  if (error.timedOut) {
    return new HostError(`${tool} gave no answer within ${DEADLINE_MS / 1000} s`, 'retryable', error)
  }
  const said = String(error.stderr ?? '').trim()
  return new HostError(`${error.shortMessage}${said && `: ${said}`}`, 'retryable', error)
}
