/** Carries out one change of a running interface that stays: of one setting, or from one bridge to another. */
import type { ChangeStep } from '../../core/change-plan.ts'
import { plugged } from '../../core/change-table.ts'
import type { InterfaceDefinition } from '../../core/definition.ts'
import { readOpenVswitchPort, removeOpenVswitchPort } from '../../host/open-vswitch.ts'
import type { DomainRef } from '../../libvirt/client.ts'
import { renderInterface } from '../../libvirt/xml/interface.ts'
import type { Context } from '../context.ts'

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
  { libvirt, capabilities }: Pick<Context, 'libvirt' | 'capabilities'>,
  signal: AbortSignal,
): Promise<void> {
  const device = after.device ?? ''
  const setRates = () => libvirt.setBandwidth(guest, device, after.settings.bandwidth, { signal })
  // An update leaves QoS and policing on Open vSwitch where a rate goes (libvirt 9.0), and counts a floor twice.
  if (isOfRates(step)) return setRates()
  const { updateAsNetwork } = await capabilities()
  const update = renderInterface(updateAsNetwork ? asNetwork(after) : after, xml)
  await libvirt.updateDevice(guest, update, { live: true, saved: false }, { signal })
  const onOpenVswitch = [before, after].some((each) => plugged(each).switch === 'openvswitch')
  if (step.action !== 'Reattach' || !onOpenVswitch) return
  await removeStalePort(device, before, after, signal)
  // They stood on the port that is gone.
  if (after.settings.bandwidth) await setRates()
}

/**
 * A device that libvirt itself took from a pool: given as what it was resolved to, libvirt from 10.8 on would give it back to the pool, for the
 * next guest to take. An older one takes it only as its live definition shows it.
 */
function asNetwork(definition: InterfaceDefinition): InterfaceDefinition {
  const { port, portId, network, ...rest } = definition
  if (port.kind !== 'direct' || portId === undefined || network === undefined) return definition
  return { ...rest, port: { kind: 'network', network } }
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
