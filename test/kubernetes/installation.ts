/** Patchbay as it ships, in a test's cluster. */
import path from 'node:path'
import type { Cluster } from '../cluster/cluster.ts'

export const repository = path.join(import.meta.dirname, '../..')

/** `kubectl apply -k crds`, and waits until the API server serves all of them. */
export async function applyCrds(cluster: Cluster): Promise<void> {
  await cluster.kubectl('apply', '-k', path.join(repository, 'crds'))
  await cluster.kubectl('wait', '--for=condition=Established', '--timeout=30s', 'crd', '--all')
}

/** The two commands by which a cluster gets Patchbay. No pod of it runs where there is no kubelet. */
export async function install(cluster: Cluster): Promise<void> {
  await applyCrds(cluster)
  await cluster.kubectl('apply', '-k', path.join(repository, 'deploy'))
}
