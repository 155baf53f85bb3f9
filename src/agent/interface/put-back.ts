/** Puts a tap back on the Linux bridge that it was taken from: a restart of the bridge strands every tap, and libvirt doesn't look. */
import type { InterfaceDefinition } from '../../core/definition.ts'
import { plugIntoBridge } from '../../host/ip.ts'
import { isLinuxBridge, readLink } from '../../host/link-state.ts'
import type { Work } from './work.ts'

/** `live`: as libvirt has it, which is as the manifests want it. Does nothing where the tap is in its place. */
export async function putBack(live: InterfaceDefinition, { log, signal }: Work): Promise<void> {
  const { device, port, settings } = live
  const bridge = port.kind === 'bridge' || port.kind === 'network' ? port.bridge : undefined
  if (!device || !bridge || !isLinuxBridge(bridge)) return
  const link = readLink(device)
  if (!link || link.master === bridge) return
  await plugIntoBridge(device, bridge, settings.portIsolation ?? false, signal)
  log.warn({ link: device, bridge, foundOn: link.master }, 'put a tap back on its bridge')
}
