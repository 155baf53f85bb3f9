/** What the agent of this host would do with these manifests: a look at libvirt and the kernel, and no step taken. */
import { pino } from 'pino'
import type { GuestInterface } from '../api/guest-interface.ts'
import type { AnyResource } from '../api/kinds.ts'
import type { Network } from '../api/network.ts'
import type { HostIdentity } from '../core/host-selector.ts'
import { namespaceOf } from '../core/identity.ts'
import { LibvirtClient } from '../libvirt/client.ts'
import { ManifestSnapshot } from '../store/manifest-snapshot.ts'
import { type Context, createContext } from './context.ts'
import { type Foreseen, refusedBy } from './foreseen.ts'
import { foresee } from './interface/foresee.ts'
import { Report } from './interface/report.ts'
import { checkResource } from './network/check.ts'

export interface ForeseenResource extends Foreseen {
  resource: GuestInterface | Network
}

/** Milliseconds: a libvirt that is being started by its socket answers within that. */
const CONNECTION_MS = 5_000

/**
 * Every GuestInterface and Network among the objects, in their order, which is also the order in which devices are shared out.
 * Rejects when libvirt doesn't answer. `libvirt`: its socket, or the directory that holds it.
 */
export async function foreseeHost(
  objects: readonly AnyResource[],
  host: HostIdentity,
  options: { libvirt: string },
): Promise<ForeseenResource[]> {
  const libvirt = new LibvirtClient({ socket: options.libvirt })
  try {
    await libvirt.connect(AbortSignal.timeout(CONNECTION_MS))
    const store = new ManifestSnapshot(objects)
    const context = createContext({ host, libvirt, store, wake: () => {} })
    const foreseen: ForeseenResource[] = []
    for (const resource of objects) {
      if (resource.kind === 'Network') foreseen.push({ resource, ...foreseeNetwork(context, resource) })
      if (resource.kind === 'GuestInterface') {
        foreseen.push({ resource, ...(await foreseeInterface(context, resource)) })
      }
    }
    return foreseen
  } finally {
    await libvirt.close()
  }
}

function foreseeInterface(context: Context, resource: GuestInterface): Promise<Foreseen> {
  const { name } = resource.metadata
  return foresee(context, {
    key: { kind: 'GuestInterface', namespace: namespaceOf(resource), name },
    resource,
    report: new Report(resource, context.host.name),
    log: pino({ level: 'silent' }),
    signal: new AbortController().signal,
  })
}

/** This version does nothing on a host for a Network itself. */
function foreseeNetwork(context: Context, network: Network): Foreseen {
  const { status, reason, message } = checkResource(network, context)
  if (status === 'True') return { verdict: 'None', steps: [], differences: [] }
  const field = reason === 'NetworkAmbiguous' ? 'networkName' : 'forward.mode'
  return refusedBy([{ field, message }])
}
