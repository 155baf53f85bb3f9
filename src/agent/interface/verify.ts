/** Whether the kernel and Open vSwitch show what libvirt says of a plugged interface; its word alone is not enough. */
import type { InterfaceDefinition } from '../../core/definition.ts'
import type { Port } from '../../core/port.ts'
import { isLinuxBridge, type LinkState, readLink } from '../../host/link-state.ts'
import { bridgeOfPort } from '../../host/open-vswitch.ts'
import type { Context } from '../context.ts'

/** What is wrong on the host, in sentences; empty when all is well. */
export async function verifyOnHost(
  live: InterfaceDefinition,
  effective: InterfaceDefinition,
  { macvtapModes }: Context,
  signal: AbortSignal,
): Promise<string[]> {
  const { port } = effective
  // Neither of these has a link of its own on the host.
  if (!live.device || port.kind === 'user' || port.kind === 'vhostuser' || port.kind === 'vdpa') return []
  const link = readLink(live.device)
  if (!link) return [`libvirt names the link ${live.device}, which the host does not have`]
  if (port.kind === 'direct') return verifyMacvtap(live.device, port, link, macvtapModes, signal)
  if (port.kind === 'bridge') return verifyBridgePort(live.device, port.bridge, link, signal)
  return []
}

async function verifyMacvtap(
  device: string,
  port: Port & { kind: 'direct' },
  link: LinkState,
  macvtapModes: Context['macvtapModes'],
  signal: AbortSignal,
): Promise<string[]> {
  const mode = await macvtapModes.of(link.index, signal)
  const problems: string[] = []
  if (link.lower !== port.dev) problems.push(`${device} is on ${link.lower ?? 'nothing'}, not on ${port.dev}`)
  if (mode !== port.mode) problems.push(`${device} is in mode ${mode ?? 'unknown'}, not ${port.mode}`)
  return problems
}

async function verifyBridgePort(
  device: string,
  bridge: string,
  link: LinkState,
  signal: AbortSignal,
): Promise<string[]> {
  const plugged = isLinuxBridge(bridge) ? link.master : await bridgeOfPort(device, signal)
  return plugged === bridge ? [] : [`${device} is plugged into ${plugged ?? 'nothing'}, not into ${bridge}`]
}
