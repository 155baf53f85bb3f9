/** What every reconciler of the agent works with. */
import type { Capabilities } from '../core/capabilities.ts'
import type { HostIdentity } from '../core/host-selector.ts'
import type { MacvtapModes } from '../host/macvtap-modes.ts'
import type { LibvirtClient } from '../libvirt/client.ts'
import type { Key, Store } from '../store/store.ts'
import type { Guests } from './guest.ts'
import type { PortLedger } from './port-ledger.ts'
import type { Wakes } from './wakes.ts'

export interface Context {
  host: HostIdentity
  libvirt: LibvirtClient
  /** Of the libvirt that is connected. */
  capabilities(): Promise<Capabilities>
  guests: Guests
  store: Store
  ledger: PortLedger
  macvtapModes: MacvtapModes
  wakes: Wakes
  /** Has a look at these keys soon. */
  wake(keys: Iterable<Key>): void
}
