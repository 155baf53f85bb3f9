/**
 * A Kubernetes cluster: a real etcd, kube-apiserver and kube-controller-manager on a loopback address of their own, so that
 * several clusters run on one machine. Hosts are Node and Pod objects made by hand, with the tokens that a kubelet would
 * give the agents; or real Nodes, with a kubelet and a scheduler (see node.ts).
 *
 * Everything of it ends with the process that started it, however that ends.
 */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { Access } from './access.ts'
import { clusterBinaries, nodeBinaries } from './binaries.ts'
import { type ControlPlane, layOutControlPlane } from './control-plane.ts'
import { type ClusterDirectory, makeClusterDirectory } from './directory.ts'
import type { Server } from './server.ts'

export interface ClusterHostOptions {
  /** Where the ServiceAccount and the Pod are; made where it isn't there. */
  namespace?: string
  serviceAccount?: string
}

export interface ClusterOptions {
  /** Names of the Nodes that will have a kubelet; default: none. */
  kubelets?: readonly string[]
}

export class Cluster {
  readonly etcd: Server
  readonly apiServer: Server
  readonly controllerManager: Server
  /** https://ADDRESS:PORT of the API server. */
  readonly url: string
  readonly #plane: ControlPlane
  readonly #directory: ClusterDirectory
  readonly #kubectl: string
  #certificateAuthority = ''
  #admin: Access | undefined

  private constructor(plane: ControlPlane, directory: ClusterDirectory, kubectl: string) {
    this.etcd = plane.etcd
    this.apiServer = plane.apiServer
    this.controllerManager = plane.controllerManager
    this.url = plane.url
    this.#plane = plane
    this.#directory = directory
    this.#kubectl = kubectl
  }

  /**
   * Ready for everything: 3 to 6 s. Throws with the end of a server's log when that doesn't come up, and leaves nothing
   * behind then.
   */
  static async start({ kubelets = [] }: ClusterOptions = {}): Promise<Cluster> {
    const binaries = kubelets.length > 0 ? nodeBinaries() : clusterBinaries()
    const directory = await makeClusterDirectory()
    const plane = layOutControlPlane({ binaries, directory: directory.path, kubelets })
    const cluster = new Cluster(plane, directory, binaries.kubectl)
    try {
      await cluster.#start()
    } catch (error) {
      await cluster.stop()
      throw error
    }
    return cluster
  }

  /** For files that go with the cluster. */
  get directory(): string {
    return this.#directory.path
  }

  /** Access of an admin: may do everything. */
  get admin(): Access {
    return this.#admin!
  }

  /** `kubectl ARGS` as admin, giving what it prints. */
  kubectl(...args: string[]): Promise<string> {
    return this.admin.kubectl(...args)
  }

  /**
   * Joins a host: a Node, a Pod of the agent on it, and the access that this Pod has by its token, which names Pod and
   * Node. Neither is looked after by anybody.
   */
  async createHost(
    name: string,
    { namespace = 'patchbay-system', serviceAccount = 'patchbay-agent' }: ClusterHostOptions = {},
  ): Promise<Access> {
    const pod = `${serviceAccount}-${name}`
    await this.admin.kubectlWith(
      [
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
        { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: serviceAccount, namespace } },
        { apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { 'kubernetes.io/hostname': name } } },
        {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name: pod, namespace },
          spec: {
            nodeName: name,
            serviceAccountName: serviceAccount,
            containers: [{ name: 'agent', image: 'patchbay' }],
          },
        },
      ],
      'apply',
      '--server-side',
      '-f-',
    )
    const bound = ['--bound-object-kind=Pod', `--bound-object-name=${pod}`]
    const token = await this.kubectl('create', 'token', serviceAccount, `--namespace=${namespace}`, ...bound)
    return this.#access(path.join(this.#directory.path, `${pod}.kubeconfig`), token)
  }

  /** The access that the kubelet of this Node has. */
  kubeletAccess(name: string): Access {
    const token = this.#plane.scheduling?.kubeletTokens.get(name)
    if (token === undefined) throw new Error(`This cluster was started without a kubelet for ${name}.`)
    return this.#access(path.join(this.#directory.path, `kubelet-${name}.kubeconfig`), token)
  }

  /** Lets etcd forget everything but what there is now (`etcdctl compact REVISION --physical`). */
  async compact(): Promise<void> {
    const ask = async (path: string, body: object): Promise<{ header: { revision: string } }> => {
      const answer = await fetch(`${this.#plane.etcdUrl}/v3/kv/${path}`, {
        method: 'POST',
        body: JSON.stringify(body),
      })
      if (!answer.ok) throw new Error(`etcd: ${path}: ${await answer.text()}`)
      return (await answer.json()) as { header: { revision: string } }
    }
    const { header } = await ask('range', { key: btoa('any') })
    await ask('compaction', { revision: header.revision, physical: true })
  }

  /** Ends all of it at once; back when no process and no file of it is left. */
  async stop(): Promise<void> {
    const servers = [this.#plane.scheduling?.scheduler, this.controllerManager, this.apiServer, this.etcd]
    await Promise.all(servers.map((server) => server?.kill9()))
    await this.#directory.remove()
  }

  async #start(): Promise<void> {
    await this.etcd.start()
    await this.apiServer.start()
    this.#certificateAuthority = await readFile(this.#plane.certificate, 'utf8')
    this.#admin = this.#access(path.join(this.#directory.path, 'admin.kubeconfig'), this.#plane.adminToken)
    this.#access(this.#plane.controllerManagerKubeconfig, this.#plane.controllerManagerToken)
    await this.controllerManager.start()
    const { scheduling } = this.#plane
    if (scheduling) {
      this.#access(scheduling.schedulerKubeconfig, scheduling.schedulerToken)
      await scheduling.scheduler.start()
    }
  }

  #access(kubeconfig: string, token: string): Access {
    return new Access({
      kubectl: this.#kubectl,
      kubeconfig,
      server: this.url,
      certificateAuthority: this.#certificateAuthority,
      token,
    })
  }
}
