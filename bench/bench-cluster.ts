/** A cluster as it is to be deployed, for the benchmarks: rights and policies of deploy/, finalizers at creation, a compiled controller, and agents on lab hosts. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import type { AnyResource } from '../src/api/kinds.ts'
import { accessFromFile } from '../src/store/kubernetes/access.ts'
import { ApiClient } from '../src/store/kubernetes/api-client.ts'
import { objectPath } from '../src/store/kubernetes/resource-path.ts'
import { Cluster } from '../test/cluster/cluster.ts'
import { type Reach, reachFrom } from '../test/cluster/reach.ts'
import { install, repository } from '../test/kubernetes/installation.ts'
import type { LabHost } from '../test/lab/host.ts'
import {
  AgentProcess,
  deployedEnvironment,
  deployedNodeArgs,
  type Memory,
  memoryOf,
  processorTimeOf,
} from './agent-process.ts'

/** Requests that the API server has answered, by what they were. */
export type Requests = Map<string, number>

export class BenchCluster {
  readonly cluster: Cluster
  /** An admin's. */
  readonly client: ApiClient
  readonly #controller: ChildProcess
  readonly #reaches: Reach[] = []
  readonly #agents: AgentProcess[] = []

  private constructor(cluster: Cluster, client: ApiClient, controller: ChildProcess) {
    this.cluster = cluster
    this.client = client
    this.#controller = controller
  }

  static async start(): Promise<BenchCluster> {
    const cluster = await Cluster.start()
    await install(cluster)
    await cluster.kubectl('apply', '-k', join(repository, 'deploy/finalizer-at-creation'))
    const grant = {
      apiVersion: 'patchbay.dev/v1alpha1',
      kind: 'GuestGrant',
      metadata: { name: 'all-to-default' },
      spec: { namespace: 'default', guests: [{ namePrefix: 'vm' }] },
    }
    await cluster.admin.kubectlWith([grant], 'apply', '-f-')
    const { kubeconfig } = await cluster.createHost('control', { serviceAccount: 'patchbay-controller' })
    const log = openSync(join(kubeconfig, '..', 'controller.log'), 'a')
    const controller = spawn(
      'setpriv',
      ['--pdeathsig', 'KILL', process.execPath, ...deployedNodeArgs, 'dist/cli/main.js', 'controller'].concat(
        ['--kubeconfig', kubeconfig],
      ),
      {
        cwd: repository,
        stdio: ['ignore', log, log],
        env: { ...process.env, ...deployedEnvironment },
      },
    )
    closeSync(log)
    await once(controller, 'spawn')
    return new BenchCluster(
      cluster,
      new ApiClient(await accessFromFile(cluster.admin.kubeconfig)),
      controller,
    )
  }

  /** Joins a host, and starts its agent. `libvirt`: in the host; default libvirt's own. */
  async join(host: LabHost, libvirt?: string): Promise<{ kubeconfig: string; agent: AgentProcess }> {
    const { kubeconfig } = await this.cluster.createHost(host.name)
    this.#reaches.push(await reachFrom(host, this.cluster.url))
    return { kubeconfig, agent: await this.startAgent(host, kubeconfig, libvirt) }
  }

  /** `libvirt`: in the host; default libvirt's own. */
  async startAgent(host: LabHost, kubeconfig: string, libvirt?: string): Promise<AgentProcess> {
    const agent = await AgentProcess.startInCluster({ host, kubeconfig, ...(libvirt && { libvirt }) })
    this.#agents.push(agent)
    return agent
  }

  /** As `kubectl apply --server-side` does it, in one request. The object as it is then. */
  apply<T extends AnyResource>(object: T): Promise<T> {
    const { kind, metadata } = object
    return this.client.json<T>({
      method: 'PATCH',
      path: objectPath({ kind, ...metadata }),
      query: { fieldManager: 'kubectl', force: 'true', fieldValidation: 'Strict' },
      contentType: 'application/apply-patch+yaml',
      body: object,
    })
  }

  get controllerMemory(): Memory {
    return memoryOf(this.#controller.pid!)
  }

  /** Seconds of processor time so far, by whose. */
  get processorTimes(): Record<string, number> {
    const { apiServer, etcd } = this.cluster
    return {
      'API server': processorTimeOf(`/proc/${apiServer.pid!}`),
      etcd: processorTimeOf(`/proc/${etcd.pid!}`),
      controller: processorTimeOf(`/proc/${this.#controller.pid!}`),
    }
  }

  /** All that were not reads and watches, as `APPLY guestinterfaces/status`. */
  async writes(): Promise<Requests> {
    return this.#sum('apiserver_request_total', ({ verb, resource, subresource }) =>
      ['GET', 'LIST', 'WATCH', 'CONNECT'].includes(verb ?? '')
        ? undefined
        : `${verb} ${resource}${subresource ? `/${subresource}` : ''}`,
    )
  }

  /** Watches that stand, by their resource. */
  async watches(): Promise<Requests> {
    return this.#sum('apiserver_longrunning_requests', ({ verb, resource }) =>
      verb === 'WATCH' ? resource : undefined,
    )
  }

  async stop(): Promise<void> {
    await Promise.all(this.#agents.map((agent) => agent.stop()))
    for (const reach of this.#reaches) reach.end()
    this.client.close()
    if (this.#controller.exitCode === null) {
      const exited = once(this.#controller, 'exit')
      this.#controller.kill()
      await exited
    }
    await this.cluster.stop()
  }

  async #sum(
    metric: string,
    nameOf: (labels: Record<string, string>) => string | undefined,
  ): Promise<Requests> {
    const requests: Requests = new Map()
    for (const line of (await this.cluster.kubectl('get', '--raw', '/metrics')).split('\n')) {
      if (!line.startsWith(`${metric}{`)) continue
      const labels = Object.fromEntries(
        [...line.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
      )
      const name = nameOf(labels as Record<string, string>)
      if (name) requests.set(name, (requests.get(name) ?? 0) + Number(line.split(' ').at(-1)))
    }
    return requests
  }
}

/** What came in between, most frequent first. */
export function between(before: Requests, after: Requests): Requests {
  const counts = [...after].map(([name, count]) => [name, count - (before.get(name) ?? 0)] as const)
  return new Map(counts.filter(([, count]) => count > 0).sort(([, a], [, b]) => b - a))
}
