/** Puts a tap back on the Linux bridge that it was taken from: a restart of the bridge strands every tap, and libvirt doesn't look. */
import type { Logger } from 'pino'
import type { InterfaceDefinition } from '../../core/definition.ts'
import { plugIntoBridge } from '../../host/ip.ts'
import { isLinuxBridge, isVlanFiltering, readLink } from '../../host/link-state.ts'

interface Pass {
  log: Logger
  signal: AbortSignal
}

/**
 * `live`: as libvirt has it, which is as the manifests want it. Does nothing where the tap is in its place. Its rates stay with the tap,
 * wherever it is plugged in; isolation and VLANs belong to the port of the bridge and are set anew. Says whether it was elsewhere.
 */
export async function putBack(live: InterfaceDefinition, { log, signal }: Pass): Promise<boolean> {
  const { device, port, settings } = live
  const bridge = port.kind === 'bridge' || port.kind === 'network' ? port.bridge : undefined
  if (!device || !bridge || !isLinuxBridge(bridge)) return false
  const link = readLink(device)
  const isolated = settings.portIsolation ?? false
  if (!link || (link.master === bridge && (link.isolated ?? false) === isolated)) return false
  const vlan = isVlanFiltering(bridge) ? settings.vlan : undefined
  await plugIntoBridge(device, bridge, { isolated, vlan }, signal)
  log.warn({ link: device, bridge, foundOn: link.master }, 'put a tap back on its bridge')
  return true
}
