/** The Host's status: what the agent found on its host. */
import type { HostStatus } from '../api/host.ts'
import { versionText } from '../core/capabilities.ts'
import { labelsOf, selects } from '../core/host-selector.ts'
import { fittingHostStatus } from '../core/host-status.ts'
import { type Check, readiness } from '../core/interface-status.ts'
import { poolStatus } from '../core/ledger/pool-status.ts'
import { networkNameOf, networksOn } from '../core/resolve/applicable.ts'
import { type PoolPlug, socketOfNetwork } from '../core/resolve/plug.ts'
import { done } from '../reconcile/outcome.ts'
import type { Reconcile } from '../reconcile/runner.ts'
import type { Key } from '../store/store.ts'
import type { Context } from './context.ts'
import type { InventoryPace } from './inventory-pace.ts'

export type HostKey = Key & { kind: 'Host' }

export function inventoryReconciler(context: Context, pace: InventoryPace): Reconcile<HostKey> {
  return async (key, { signal }) => {
    const { metadata, status: previous = {} } = context.store.get('Host', key.name) ?? {}
    const generation = metadata?.generation ?? 0
    const report = (status: HostStatus, ready: Check) => {
      const conditions = readiness(ready, generation, previous.conditions ?? [], new Date().toISOString())
      return context.store.writeStatus(key, { ...status, observedGeneration: generation, conditions })
    }
    const begun = performance.now()
    let found: HostStatus
    try {
      found = await takeInventory(context, signal)
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      await report(previous, { status: 'Unknown', reason: 'LibvirtUnavailable', message })
      throw error
    }
    const now = performance.now()
    pace.ended(now - begun, now)
    const { status, leftOut } = fittingHostStatus(found)
    const untold = leftOut.length > 0 ? `; there is no room here for ${leftOut.join(', ')}` : ''
    const message = `libvirt and the kernel answer${untold}`
    await report(status, { status: 'True', reason: 'Accepted', message })
    return done
  }
}

async function takeInventory(context: Context, signal: AbortSignal): Promise<HostStatus> {
  const [capabilities, domains, poolsHere] = await Promise.all([
    context.capabilities(),
    context.libvirt.listDomains({ signal }),
    pools(context, signal),
  ])
  return {
    libvirtVersion: versionText(capabilities.libvirt),
    qemuVersion: versionText(capabilities.qemu),
    capabilities: Object.entries(capabilities).flatMap(([name, can]) => (can === true ? [name] : [])),
    guests: domains.map(({ name, uuid, id }) => ({ name, uuid, running: id !== -1 })),
    networks: networks(context),
    pools: poolsHere,
  }
}

/** As the last pass over each found it. */
function networks({ store, host }: Context): HostStatus['networks'] {
  const labels = labelsOf(host)
  return store
    .list('Network')
    .flatMap((network) => {
      const { metadata, spec, status } = network
      const ready = status?.conditions?.find(({ type }) => type === 'Ready')
      const isHere = selects(spec.hostSelector, labels) || ready?.reason === 'NetworkInUse'
      if (!isHere || !ready) return []
      const inSync = ready.status === 'True'
      return [
        {
          name: networkNameOf(network),
          objectName: metadata.name,
          observedGeneration: status?.observedGeneration ?? -1,
          inSync,
          restartRequired: ready.reason === 'RestartRequired',
          ...(!inSync && { reason: ready.reason, message: ready.message }),
        },
      ]
    })
    .sort((a, b) => (a.objectName < b.objectName ? -1 : 1))
}

async function pools(context: Context, signal: AbortSignal): Promise<HostStatus['pools']> {
  const plugs = poolsOf(context)
  // Every definition of every guest is read for it: not where nothing is anybody's alone.
  if (plugs.length === 0 && !context.ledger.holdsDevices()) return []
  const { uses, links } = await context.ledger.view(signal)
  return Promise.all(
    plugs.map(async (plug) => poolStatus(await context.ledger.withVirtualFunctions(plug), uses, links)),
  )
}

/** By name. */
function poolsOf({ store, host }: Context): PoolPlug[] {
  const names = new Set(store.list('Network').map(networkNameOf))
  return [...names].sort().flatMap((name) => {
    const [network, ...others] = networksOn(name, host, store.list('Network'))
    if (!network || others.length > 0) return []
    const { plug } = socketOfNetwork(network, network.spec.virtualPort?.type)
    return plug?.kind === 'pool' ? [plug] : []
  })
}
