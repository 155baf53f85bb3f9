/** What every reconciler of the agent works with. */
import type { Capabilities } from '../core/capabilities.ts'
import type { HostIdentity } from '../core/host-selector.ts'
import { MacvtapModes } from '../host/macvtap-modes.ts'
import { readCapabilities } from '../libvirt/capabilities.ts'
import type { LibvirtClient } from '../libvirt/client.ts'
import type { Key, Store } from '../store/store.ts'
import { Guests } from './guest.ts'
import type { AgentHooks } from './hooks.ts'
import { AdoptionMarks } from './interface/adoption-marks.ts'
import { Networks } from './networks.ts'
import { PortLedger } from './port-ledger.ts'
import { Turns } from './turns.ts'
import { Wakes } from './wakes.ts'

/**
 * Who says which guest an interface may touch: the grants that this host reads, or the controller of a cluster, which has
 * asked them before it wrote status.guestUUID.
 */
export type Binding = 'grants' | 'controller'

export interface Context {
  host: HostIdentity
  binding: Binding
  libvirt: LibvirtClient
  /** Of the libvirt that is connected. */
  capabilities(): Promise<Capabilities>
  guests: Guests
  networks: Networks
  store: Store
  ledger: PortLedger
  macvtapModes: MacvtapModes
  adoptionMarks: AdoptionMarks
  /** By a guest's UUID. */
  plugTurns: Turns
  wakes: Wakes
  /** Has a look at these keys soon. */
  wake(keys: Iterable<Key>): void
  onPlan?: AgentHooks['onPlan']
}

export function createContext({
  host,
  binding,
  libvirt,
  store,
  wake,
  onPlan,
}: Pick<Context, 'host' | 'binding' | 'libvirt' | 'store' | 'wake' | 'onPlan'>): Context {
  const guests = new Guests(libvirt)
  return {
    host,
    binding,
    libvirt,
    capabilities: rememberedPerConnection(libvirt, () => readCapabilities(libvirt)),
    guests,
    networks: new Networks(libvirt),
    store,
    macvtapModes: new MacvtapModes(),
    adoptionMarks: new AdoptionMarks(libvirt),
    plugTurns: new Turns(),
    ledger: new PortLedger(libvirt, guests, store, host.name, wake),
    wakes: new Wakes(store, host.name),
    wake,
    onPlan,
  }
}

/** libvirt may be another version after it was away. */
function rememberedPerConnection<T>(libvirt: LibvirtClient, read: () => Promise<T>): () => Promise<T> {
  let remembered: T | undefined
  libvirt.onDisconnected(() => {
    remembered = undefined
  })
  return async () => {
    remembered ??= await read()
    return remembered
  }
}
