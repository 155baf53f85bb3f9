/** The Host's status: what the agent found on its host. */
import type { HostStatus } from '../api/host.ts'
import { versionText } from '../core/capabilities.ts'
import { labelsOf, selects } from '../core/host-selector.ts'
import { fittingHostStatus } from '../core/host-status.ts'
import { type Check, readiness } from '../core/interface-status.ts'
import { poolStatus } from '../core/ledger/pool-status.ts'
import { networkNameOf, networksOn } from '../core/resolve/applicable.ts'
import { socketOfNetwork } from '../core/resolve/plug.ts'
import { done } from '../reconcile/outcome.ts'
import type { Reconcile } from '../reconcile/runner.ts'
import type { Key } from '../store/store.ts'
import type { Context } from './context.ts'
import type { InventoryPace } from './inventory-pace.ts'
import type { LedgerView } from './port-ledger.ts'

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
  const [capabilities, view] = await Promise.all([context.capabilities(), context.ledger.view(signal)])
  return {
    libvirtVersion: versionText(capabilities.libvirt),
    qemuVersion: versionText(capabilities.qemu),
    capabilities: Object.entries(capabilities).flatMap(([name, can]) => (can === true ? [name] : [])),
    guests: view.guests,
    networks: networks(context),
    pools: await pools(context, view),
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

async function pools(context: Context, { uses, links }: LedgerView) {
  const names = new Set(context.store.list('Network').map(networkNameOf))
  const found = [...names].sort().map(async (name) => {
    const [network, ...others] = networksOn(name, context.host, context.store.list('Network'))
    const plug =
      network && others.length === 0
        ? socketOfNetwork(network, network.spec.virtualPort?.type).plug
        : undefined
    return plug?.kind === 'pool'
      ? [poolStatus(await context.ledger.withVirtualFunctions(plug), uses, links)]
      : []
  })
  return (await Promise.all(found)).flat()
}
