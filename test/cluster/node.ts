/** A lab host as a real Node of a cluster: containerd and a kubelet, the Node's address, and the way to the API server. */
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import type { LabHost } from '../lab/host.ts'
import type { Cluster } from './cluster.ts'
import { Containerd } from './containerd.ts'
import type { Images } from './image.ts'
import { startKubelet } from './kubelet.ts'
import { type Reach, reachFrom } from './reach.ts'

/** That of the Service `kubernetes`, the first of its range, which is what pods are told; no kube-proxy runs here. */
const serviceAddress = '10.96.0.1'
/** For documentation (RFC 5737): nobody's. */
const nodeAddress = '192.0.2.10'

export class ClusterNode {
  readonly containerd: Containerd
  readonly directory: string
  readonly #reaches: Reach[]

  private constructor(containerd: Containerd, directory: string, reaches: Reach[]) {
    this.containerd = containerd
    this.directory = directory
    this.#reaches = reaches
  }

  /** Back when the Node is Ready. It ends with the host; `stop` is to be called after that. */
  static async join(host: LabHost, cluster: Cluster, images: Images): Promise<ClusterNode> {
    await host.run(`ip link add node0 type bridge
      ip address add ${nodeAddress}/24 dev node0
      ip link set node0 up
      ip address add ${serviceAddress}/32 dev lo`)
    const reaches = await Promise.all([
      reachFrom(host, cluster.url),
      reachFrom(host, cluster.url, { hostname: serviceAddress, port: '443' }),
    ])
    const directory = path.join(cluster.directory, `node-${host.name}`)
    await mkdir(directory)
    const containerd = await Containerd.start(host, directory, images.pause.name)
    for (const { file } of [images.pause, images.patchbay]) await containerd.ctr('images', 'import', file)
    await startKubelet({ cluster, containerd, name: host.name, address: nodeAddress, directory })
    await cluster.kubectl('wait', '--for=create', `node/${host.name}`, '--timeout=60s')
    await cluster.kubectl('wait', '--for=condition=Ready', `node/${host.name}`, '--timeout=60s')
    return new ClusterNode(containerd, directory, reaches)
  }

  /** Once the host has ended: frees what is the machine's. */
  async stop(): Promise<void> {
    for (const reach of this.#reaches) reach.end()
    await this.containerd.removeGroups()
  }
}
