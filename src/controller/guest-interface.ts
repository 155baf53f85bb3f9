/** One pass over a GuestInterface: where its guest is, whether it may be bound there, and what the controller says of it. */
import type { Condition } from '../api/conditions.ts'
import type { GuestInterface } from '../api/guest-interface.ts'
import { type Decision, decide } from '../core/binding/decide.ts'
import { macDuplicate, macOf } from '../core/binding/mac-duplicate.ts'
import { controllersStatus } from '../core/binding/status.ts'
import { heldCondition, macDuplicateCondition } from '../core/interface-status.ts'
import { done } from '../reconcile/outcome.ts'
import type { Reconcile } from '../reconcile/runner.ts'
import { finalizer } from '../store/kubernetes/cluster-store.ts'
import type { Key } from '../store/store.ts'
import type { ControllerContext } from './context.ts'
import { surroundingsOf } from './surroundings.ts'

export type InterfaceKey = Key & { kind: 'GuestInterface' }

export function guestInterfaceReconciler(context: ControllerContext): Reconcile<InterfaceKey> {
  const { store } = context
  return async (key, { log }) => {
    const resource = store.get('GuestInterface', key.name, key.namespace)
    if (!resource) return done
    const decision = decide(resource, surroundingsOf(resource, context))
    if (lacksFinalizer(resource, decision)) {
      // It is bound when the watch has brought that, and wakes it.
      await store.addFinalizer(key)
      return done
    }
    if (resource.metadata.deletionTimestamp && !decision.finalizer) {
      await store.removeFinalizer(key)
      return done
    }
    await report(context, key, resource, decision)
    const { hostName, nextHostName } = decision
    const before = resource.status
    if (hostName !== before?.hostName || nextHostName !== before?.nextHostName) {
      log.info({ from: before?.hostName, hostName, nextHostName }, 'binding changed')
    }
    return done
  }
}

/** It must not go while an agent has something of it. */
function lacksFinalizer({ metadata }: GuestInterface, decision: Decision): boolean {
  return decision.finalizer && !metadata.deletionTimestamp && !(metadata.finalizers ?? []).includes(finalizer)
}

async function report(
  { store }: ControllerContext,
  key: InterfaceKey,
  resource: GuestInterface,
  decision: Decision,
): Promise<void> {
  const mac = macOf(resource)
  const sharing = mac === undefined ? [] : store.having('GuestInterface', 'mac', mac)
  const status = controllersStatus(
    resource,
    decision,
    macDuplicate(resource, sharing),
    new Date().toISOString(),
  )
  await store.applyStatus(key, status, resource.metadata.resourceVersion)
  for (const type of [heldCondition, macDuplicateCondition]) {
    const [was, is] = [resource.status?.conditions, status.conditions].map((conditions) =>
      conditionOf(conditions, type),
    )
    if (is && was?.reason !== is.reason && !isSaidByAgent(is)) {
      store.tell(resource, { type: 'Warning', reason: is.reason, note: is.message })
    }
  }
}

function conditionOf(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((each) => each.type === type)
}

/** Why it is held its agent says in Ready, and by an Event of its own; unless it is the agent that is waited for. */
function isSaidByAgent({ type, reason }: Condition): boolean {
  return type === heldCondition && reason !== 'AgentSilent'
}
