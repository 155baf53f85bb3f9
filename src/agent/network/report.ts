/** What status says of a Network or a PortGroup. */
import { isDeepStrictEqual } from 'node:util'
import type { Condition } from '../../api/conditions.ts'
import { type Check, readiness } from '../../core/interface-status.ts'
import type { Refusal } from '../../core/refusal.ts'
import { isLibvirtError } from '../../libvirt/rpc/error.ts'
import { failureSort } from '../../reconcile/outcome.ts'
import type { Key } from '../../store/store.ts'
import type { Context } from '../context.ts'
import { UpdateRefused } from './apply.ts'

export function accepted(message: string): Check {
  return { status: 'True', reason: 'Accepted', message }
}

export function refusedFor({ reason, message }: Refusal): Check {
  return { status: 'False', reason, message }
}

export function failureOf(error: unknown): Check {
  const message = error instanceof Error ? error.message : String(error)
  const fromLibvirt = isLibvirtError(error) && error.domain !== 'client'
  if (error instanceof UpdateRefused) return { status: 'False', reason: 'ApplyFailed', message }
  if (failureSort(error) === 'terminal') return { status: 'False', reason: 'ApplyRejected', message }
  if (isLibvirtError(error) && !fromLibvirt) {
    return { status: 'Unknown', reason: 'LibvirtUnavailable', message }
  }
  return { status: fromLibvirt ? 'False' : 'Unknown', reason: 'ApplyFailed', message }
}

interface Reported {
  metadata: { generation?: number }
  status?: { conditions?: Condition[] }
}

/** Says whether status is another now. */
export async function writeReadiness(
  { store }: Pick<Context, 'store'>,
  key: Key & { kind: 'Network' | 'PortGroup' },
  resource: Reported,
  check: Check,
): Promise<boolean> {
  const generation = resource.metadata.generation ?? 0
  const current = store.get(key.kind, key.name)?.status
  const previous = current?.conditions ?? []
  // The last accepted manifest stays in force; that a newer one is not must not look like success.
  const rejection = store.rejection(key)
  const told: Check =
    rejection && check.status === 'True'
      ? { status: 'False', reason: 'InvalidManifest', message: rejection.message }
      : check
  const conditions = readiness(told, generation, previous, new Date().toISOString())
  const next = { ...current, observedGeneration: generation, conditions }
  await store.writeStatus(key, next)
  return !isDeepStrictEqual(current, next)
}
