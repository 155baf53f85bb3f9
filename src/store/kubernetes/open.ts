/** The store of a cluster, by the access that there is to it. */
import type { StoreLog } from '../store.ts'
import { accessFromFile, accessInCluster } from './access.ts'
import { ApiClient, type ApiClientOptions } from './api-client.ts'
import { KubernetesStore } from './store.ts'

/** `kubeconfig`: a file; absent: the ServiceAccount of the pod in which this runs. Rejects where that gives no access. */
export async function openClient(
  kubeconfig: string | undefined,
): Promise<(onRequest?: ApiClientOptions['onRequest']) => ApiClient> {
  const access = await (kubeconfig === undefined ? accessInCluster() : accessFromFile(kubeconfig))
  return (onRequest) => new ApiClient(access, { onRequest })
}

/** What makes the store, which waits in its `start` for an API server that doesn't answer yet; see openClient. */
export async function kubernetesStores(
  kubeconfig: string | undefined,
): Promise<(hostName: string, log: StoreLog, onRequest?: ApiClientOptions['onRequest']) => KubernetesStore> {
  const client = await openClient(kubeconfig)
  return (hostName, log, onRequest) => new KubernetesStore({ client: client(onRequest), hostName, log })
}
