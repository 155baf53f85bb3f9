/**
 * Hosts: a Lease for the agent of each Node, and a Host, with the Node's labels, once that agent has been heard of: a Node on
 * which none ever ran is nobody's host. They go with the Node. Of a Host's status the controller writes only that its agent is
 * silent; the agent takes that back when it is heard of again.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Host } from '../api/host.ts'
import { readiness } from '../core/interface-status.ts'
import { done, requeueAfter } from '../reconcile/outcome.ts'
import type { Reconcile } from '../reconcile/runner.ts'
import type { Key } from '../store/store.ts'
import type { ControllerContext } from './context.ts'

export type HostKey = Key & { kind: 'Host' }

export function hostReconciler({ store, wakes, wake }: ControllerContext): Reconcile<HostKey> {
  return async (key) => {
    const { name } = key
    const node = store.get('Node', name)
    const host = store.get('Host', name)
    if (!node) {
      // A Host that goes takes the claims of its guests with it: only the server itself can say that its Node is gone.
      if (await store.isThere('Node', name)) return done
      await store.delete('Host', name)
      await store.delete('Lease', name)
      return done
    }
    if (!store.get('Lease', name)) await store.createLease(name)
    const labels = node.metadata.labels ?? {}
    if (!host) {
      // Not by what its Lease said long ago: the Host of an agent that was taken off its Node can be deleted.
      if (store.agents.isAnswering(name)) await store.createHost(name, labels)
      return done
    }
    if (!isDeepStrictEqual(host.metadata.labels ?? {}, labels)) await store.setHostLabels(name, labels)
    const silence = await store.silence(name)
    if (silence === 'silent') {
      await reportSilence(store, key, host)
      wake(wakes.ofSilence(name))
    }
    // A renewal in the meantime wakes nobody: the next look is when this one would have run out.
    return typeof silence === 'number' ? requeueAfter(silence) : done
  }
}

async function reportSilence(store: ControllerContext['store'], key: HostKey, host: Host): Promise<void> {
  const lease = store.get('Lease', key.name)
  const last = lease?.spec.renewTime
  const message = last
    ? `The agent of ${key.name} has not renewed its Lease since ${last}; what it last said of the host stands`
    : `No agent of ${key.name} has ever renewed its Lease`
  const { metadata, status } = host
  const conditions = readiness(
    { status: 'Unknown', reason: 'AgentSilent', message },
    metadata.generation ?? 0,
    status?.conditions ?? [],
    new Date().toISOString(),
  )
  await store.applyStatus(key, { conditions })
}
