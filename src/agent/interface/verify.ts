/** Whether the kernel and Open vSwitch show what libvirt says of a plugged interface; its word alone is not enough. */
import { plugged } from '../../core/change/table.ts'
import type { InterfaceDefinition } from '../../core/definition.ts'
import type { Port } from '../../core/port.ts'
import { type LinkState, readLink, readMtu } from '../../host/link-state.ts'
import type { Context } from '../context.ts'
import { verifyFilter } from './verify-filter.ts'
import { verifyOpenVswitchPort } from './verify-open-vswitch.ts'
import { verifyRates } from './verify-rates.ts'

export type Verifier = Pick<Context, 'libvirt' | 'macvtapModes'>

/**
 * What is wrong on the host, in sentences; empty when all is well. A NIC without MTU, filter and bandwidth costs a few reads of
 * sysfs and one question to Open vSwitch if it is plugged in there.
 */
export async function verifyOnHost(
  live: InterfaceDefinition,
  effective: InterfaceDefinition,
  host: Verifier,
  signal: AbortSignal,
): Promise<string[]> {
  const { port, settings } = effective
  const { device } = live
  // Neither of these has a link of its own on the host.
  if (!device || ['user', 'vhostuser', 'vdpa', 'hostdev'].includes(port.kind)) return []
  const link = readLink(device, port.kind === 'direct' ? port.dev : undefined)
  if (!link) {
    return [
      `libvirt names the link ${device}, which the host does not have: somebody removed it. Restart the guest, or remove the interface and make it anew`,
    ]
  }
  const problems = await verifyPlace(device, link, live, effective, host.macvtapModes, signal)
  if (settings.mtu !== undefined && readMtu(device) !== settings.mtu) {
    problems.push(`${device} has an MTU of ${readMtu(device)}, not ${settings.mtu}`)
  }
  if (settings.bandwidth && plugged(effective).switch !== 'openvswitch') {
    problems.push(...(await verifyRates(device, settings.bandwidth, port.kind, signal)))
  }
  if (settings.filter) problems.push(...(await verifyFilter(device, settings.filter, host.libvirt, signal)))
  return problems
}

/** Where the link is plugged in, with all that hangs on that place. */
async function verifyPlace(
  device: string,
  link: LinkState,
  live: InterfaceDefinition,
  effective: InterfaceDefinition,
  macvtapModes: Context['macvtapModes'],
  signal: AbortSignal,
): Promise<string[]> {
  const { port, settings } = effective
  if (port.kind === 'direct') return verifyMacvtap(device, port, link, macvtapModes, signal)
  const bridge = bridgeOf(port, live.port)
  if (bridge === undefined) return []
  switch (plugged(effective).switch) {
    case 'openvswitch':
      return verifyOpenVswitchPort(device, bridge, settings, signal)
    case 'linux':
      return verifyBridgePort(device, bridge, settings.portIsolation ?? false, link)
    default:
      return []
  }
}

/** libvirt alone knows the bridge of a network that it made. */
function bridgeOf(port: Port, live: Port): string | undefined {
  if (port.kind === 'bridge') return port.bridge
  return port.kind === 'network' && live.kind === 'network' ? live.bridge : undefined
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

function verifyBridgePort(device: string, bridge: string, isolated: boolean, link: LinkState): string[] {
  if (link.master !== bridge) {
    return [`${device} is plugged into ${link.master ?? 'nothing'}, not into ${bridge}`]
  }
  if ((link.isolated ?? false) === isolated) return []
  return [`${device} is ${isolated ? 'not ' : ''}isolated on ${bridge}`]
}
