/** Asks ip, iproute2's tool. */
import type { Vlan } from '../api/settings.ts'
import { HostError } from './host-error.ts'
import { runTool } from './tool.ts'

const TRIES = 5

/**
 * Has one ip process carry out several commands (`ip -json -details -batch -`) and gives the list that each printed.
 * Throws a HostError when ip is missing or fails, or when what it lists won't stand still.
 */
export async function askIp(commands: string[], signal: AbortSignal): Promise<unknown[][]> {
  const args = ['-json', '-details', '-batch', '-']
  for (let tries = 1; tries <= TRIES; tries++) {
    const { stdout, stderr } = await runTool('ip', args, commands.join('\n'), signal)
    // The kernel says so when something changed between two parts of its list; ip warns and goes on.
    if (!stderr.includes('Dump was interrupted')) return parseLines(stdout)
  }
  throw new HostError(`ip was interrupted by changes ${TRIES} times while it listed links`, 'retryable')
}

/** `ip link delete dev NAME type KIND`. Throws a HostError, also when there is no such link any more. */
export async function removeLink(name: string, kind: string, signal: AbortSignal): Promise<void> {
  await runTool('ip', ['link', 'delete', 'dev', name, 'type', kind], '', signal)
}

/** Of a port of a Linux bridge. */
export interface BridgePort {
  isolated: boolean
  /** Only on a bridge that separates VLANs. */
  vlan?: Vlan | undefined
}

/**
 * `ip link set dev NAME master BRIDGE; ip link set dev NAME type bridge_slave isolated on|off`, and for its VLANs `bridge vlan`.
 * Throws a HostError.
 */
export async function plugIntoBridge(
  name: string,
  bridge: string,
  { isolated, vlan }: BridgePort,
  signal: AbortSignal,
): Promise<void> {
  await runTool('ip', ['link', 'set', 'dev', name, 'master', bridge], '', signal)
  const isolation = ['type', 'bridge_slave', 'isolated', isolated ? 'on' : 'off']
  await runTool('ip', ['link', 'set', 'dev', name, ...isolation], '', signal)
  if (vlan) await runTool('bridge', ['-batch', '-'], vlanCommands(name, vlan).join('\n'), signal)
}

/** As libvirt (11.0) sets them: a single tag is what an access port has, of a trunk the native one goes untagged. */
function vlanCommands(name: string, { trunk, tags }: Vlan): string[] {
  const isTrunk = trunk || tags.length > 1
  const add = tags.map(({ id, nativeMode }) => {
    const native = isTrunk ? nativeMode !== undefined : true
    const untagged = native && nativeMode !== 'tagged'
    return `vlan add dev ${name} vid ${id}${native ? ' pvid' : ''}${untagged ? ' untagged' : ''}`
  })
  return [`vlan delete dev ${name} vid 1-4094`, ...add]
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
