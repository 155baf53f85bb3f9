/** Carries out one change of a running interface that stays: of one setting, or from one bridge to another. */
import type { ChangeStep } from '../../core/change-plan.ts'
import { plugged } from '../../core/change-table.ts'
import type { InterfaceDefinition } from '../../core/definition.ts'
import { readOpenVswitchPort, removeOpenVswitchPort } from '../../host/open-vswitch.ts'
import type { DomainRef, LibvirtClient } from '../../libvirt/client.ts'
import { renderInterface } from '../../libvirt/xml/interface.ts'

export interface LiveChange {
  step: ChangeStep
  before: InterfaceDefinition
  after: InterfaceDefinition
}

/** What a change is made to. */
export interface LiveInterface {
  guest: DomainRef
  /** As libvirt printed it before the first change: what the model has no word for is kept from it. */
  xml: string
}

export async function changeLive(
  { step, before, after }: LiveChange,
  { guest, xml }: LiveInterface,
  libvirt: LibvirtClient,
  signal: AbortSignal,
): Promise<void> {
  const device = after.device ?? ''
  const setRates = () => libvirt.setBandwidth(guest, device, after.settings.bandwidth, { signal })
  // An update leaves QoS and policing on Open vSwitch where a rate goes (libvirt 9.0), and counts a floor twice.
  if (isOfRates(step)) return setRates()
  await libvirt.updateDevice(guest, renderInterface(after, xml), { live: true, saved: false }, { signal })
  const onOpenVswitch = [before, after].some((each) => plugged(each).switch === 'openvswitch')
  if (step.action !== 'Reattach' || !onOpenVswitch) return
  await removeStalePort(device, before, after, signal)
  // They stood on the port that is gone.
  if (after.settings.bandwidth) await setRates()
}

export function isOfRates({ fields }: ChangeStep): boolean {
  return fields.every((field) => field.startsWith('bandwidth.'))
}

/** libvirt (11.3) may leave the port on the Open vSwitch bridge that it moved it away from, and report success. */
async function removeStalePort(
  device: string,
  before: InterfaceDefinition,
  after: InterfaceDefinition,
  signal: AbortSignal,
): Promise<void> {
  if (before.port.kind !== 'bridge' || plugged(before).switch !== 'openvswitch') return
  const { bridge } = before.port
  if (after.port.kind === 'bridge' && after.port.bridge === bridge) return
  const port = await readOpenVswitchPort(device, signal)
  if (port?.bridge === bridge) await removeOpenVswitchPort(bridge, device, signal)
}
