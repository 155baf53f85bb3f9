/** Patchbay's definitions in a test's cluster. */
import path from 'node:path'
import type { Cluster } from '../cluster/cluster.ts'

export const repository = path.join(import.meta.dirname, '../..')

/** `kubectl apply -k crds`, and waits until the API server serves all of them. */
export async function applyCrds(cluster: Cluster): Promise<void> {
  await cluster.kubectl('apply', '-k', path.join(repository, 'crds'))
  await cluster.kubectl('wait', '--for=condition=Established', '--timeout=30s', 'crd', '--all')
}
