/** What this host's libvirt and QEMU can do, from their versions. */
import { type Capabilities, capabilitiesOf } from '../core/capabilities.ts'
import type { CallOptions, LibvirtClient } from './client.ts'

/** To be asked again after each new connection: libvirt may have been upgraded in between. */
export async function readCapabilities(client: LibvirtClient, options?: CallOptions): Promise<Capabilities> {
  const [libvirt, qemu] = await Promise.all([
    client.libvirtVersion(options),
    client.hypervisorVersion(options),
  ])
  return capabilitiesOf({ libvirt, qemu })
}
