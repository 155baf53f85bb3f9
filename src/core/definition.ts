/** An interface as one definition of a guest (live or saved) has it, in the manifests' shapes. */
import type { InterfaceSettings } from '../api/settings.ts'
import type { Port } from './port.ts'

export interface InterfaceDefinition {
  port: Port
  settings: InterfaceSettings
  /** The device alias; those of ours begin with ua-patchbay-. */
  alias?: string
  /** Of one without our alias: the interface of ours that a mark in the guest's metadata names. */
  adoptedBy?: { namespace: string; name: string }
  /** Link on the host behind a live interface (vnet3, macvtap0), whoever chose its name. */
  device?: string
  /** `portgroup` of a `type='network'` source. */
  portGroup?: string
  /** `portid` of a source: libvirt itself allocated this port from a network's pool. */
  portId?: string
  /** The libvirt network that a live definition still names beside the port libvirt chose for it. */
  network?: string
}

/** An interface as the manifests want it. */
export interface EffectiveDefinition extends InterfaceDefinition {
  /** What the saved definition is to be where it says it in another way: it names a libvirt network (`network-form.ts`). */
  asSaved?: InterfaceDefinition
}
