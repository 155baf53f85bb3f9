/** Carries out one change of a running interface that stays: of one setting, or from one bridge to another. */
import type { ChangeStep } from '../../core/change/plan.ts'
import { plugged } from '../../core/change/table.ts'
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
  const update = renderInterface(asUpdateTakes(after, (await capabilities()).updateAsNetwork), xml)
  await libvirt.updateDevice(guest, update, { live: true, saved: false }, { signal })
  const onOpenVswitch = [before, after].some((each) => plugged(each).switch === 'openvswitch')
  if (step.action !== 'Reattach' || !onOpenVswitch) return
  await removeStalePort(device, before, after, signal)
  // They stood on the port that is gone.
  if (after.settings.bandwidth) await setRates()
}

/**
 * A NIC whose place libvirt itself took from a network, as the running one shows by a port of its own. On a device of a pool: given as it was
 * resolved, libvirt from 10.8 on gives the device back, for the next guest to take; an older one takes it no other way. On a bridge
 * it is the other way round: there is nothing to give back, and an older one plugs a tap that it thinks is moved into
 * Open vSwitch as if that were a Linux bridge (seen on 9.0).
 */
function asUpdateTakes(definition: InterfaceDefinition, updateAsNetwork: boolean): InterfaceDefinition {
  const { port, portId, network, ...rest } = definition
  if (portId === undefined || network === undefined) return definition
  const asNetwork = port.kind === 'direct' ? updateAsNetwork : port.kind === 'bridge' && !updateAsNetwork
  return asNetwork ? { ...rest, port: { kind: 'network', network } } : definition
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
