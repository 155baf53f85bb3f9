/** What the agent of this host would do with these manifests: a look at libvirt and the kernel, and no step taken. */
import { pino } from 'pino'
import type { GuestInterface } from '../api/guest-interface.ts'
import type { AnyResource } from '../api/kinds.ts'
import type { Network } from '../api/network.ts'
import type { HostIdentity } from '../core/host-selector.ts'
import { namespaceOf } from '../core/identity.ts'
import { networkNameOf } from '../core/resolve/applicable.ts'
import { type CallOptions, LibvirtClient, type NetworkRef } from '../libvirt/client.ts'
import { ManifestSnapshot } from '../store/manifest-snapshot.ts'
import { type Context, createContext } from './context.ts'
import type { Foreseen } from './foreseen.ts'
import { foresee } from './interface/foresee.ts'
import { Report } from './interface/report.ts'
import { foreseeNetwork } from './network/foresee.ts'
import type { NetworkWork } from './network/work.ts'

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
  const libvirt = new ForeseenLibvirt({ socket: options.libvirt })
  try {
    await libvirt.connect(AbortSignal.timeout(CONNECTION_MS))
    const store = new ManifestSnapshot(objects)
    const context = createContext({ host, binding: 'grants', libvirt, store, wake: () => {} })
    const foreseen = new Map<AnyResource, ForeseenResource>()
    for (const resource of objects) {
      if (resource.kind !== 'Network') continue
      foreseen.set(resource, { resource, ...(await foreseeNetwork(context, workOn(resource))) })
    }
    // Only now: how a network stands is what all of them were asked about.
    for (const { resource, verdict } of foreseen.values()) {
      if (resource.kind === 'Network' && verdict === 'Attach')
        libvirt.networksToRun.add(networkNameOf(resource))
    }
    for (const resource of objects) {
      if (resource.kind !== 'GuestInterface') continue
      foreseen.set(resource, { resource, ...(await foreseeInterface(context, resource)) })
    }
    return objects.flatMap((resource) => foreseen.get(resource) ?? [])
  } finally {
    await libvirt.close()
  }
}

function workOn(network: Network): NetworkWork {
  return {
    key: { kind: 'Network', name: network.metadata.name },
    network,
    log: pino({ level: 'silent' }),
    signal: new AbortController().signal,
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

/** libvirt as it is once the networks that are foreseen run: an interface is foreseen as what it becomes then. */
class ForeseenLibvirt extends LibvirtClient {
  readonly networksToRun = new Set<string>()

  override async networkByName(name: string, options?: CallOptions): Promise<NetworkRef | undefined> {
    const found = await super.networkByName(name, options)
    return found ?? (this.networksToRun.has(name) ? { name, uuid: '' } : undefined)
  }

  override async networkIsActive(network: NetworkRef, options?: CallOptions): Promise<boolean> {
    return this.networksToRun.has(network.name) || super.networkIsActive(network, options)
  }
}
