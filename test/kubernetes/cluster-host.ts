/** A cluster with one lab host in it, whose agent runs; the test itself is the controller. */
import { expect } from 'vitest'
import type { GuestInterface } from '../../src/api/guest-interface.ts'
import type { Host } from '../../src/api/host.ts'
import { ClusterAgent } from '../cluster/agent.ts'
import { Cluster } from '../cluster/cluster.ts'
import { type Reach, reachFrom } from '../cluster/reach.ts'
import { LabHost } from '../lab/host.ts'
import type { Manifest } from '../lab/manifests.ts'
import { grantAgents } from './agent-rights.ts'
import { applyCrds } from './installation.ts'

export class ClusterHost {
  readonly cluster: Cluster
  readonly host: LabHost
  readonly agent: ClusterAgent
  /** From the host to the API server. */
  readonly reach: Reach

  private constructor(cluster: Cluster, host: LabHost, agent: ClusterAgent, reach: Reach) {
    this.cluster = cluster
    this.host = host
    this.agent = agent
    this.reach = reach
  }

  /** The agent is not started. */
  static async start(): Promise<ClusterHost> {
    const [cluster, host] = await Promise.all([Cluster.start(), LabHost.start({ name: 'abc' })])
    await applyCrds(cluster)
    const access = await cluster.createHost(host.name)
    await grantAgents(cluster)
    const reach = await reachFrom(host, cluster.url)
    return new ClusterHost(cluster, host, new ClusterAgent(host, access), reach)
  }

  async stop(): Promise<void> {
    await this.agent.stop()
    this.reach.end()
    await Promise.all([this.host.stop(), this.cluster.stop()])
  }

  kubectl(...args: string[]): Promise<string> {
    return this.cluster.kubectl(...args)
  }

  /** `kubectl apply`. */
  async apply(...manifests: Manifest[]): Promise<void> {
    await this.cluster.admin.kubectlWith(manifests, 'apply', '-f-')
  }

  /** As the controller does it, finalizer first. */
  async bind(name: string, guestUUID: string): Promise<void> {
    await this.patch(name, { metadata: { finalizers: ['patchbay.dev/port'] } })
    await this.patchStatus(name, { hostName: this.host.name, guestUUID })
  }

  async patch(name: string, patch: object): Promise<void> {
    await this.kubectl('patch', 'gi', name, '--type=merge', '-p', JSON.stringify(patch))
  }

  async patchStatus(name: string, status: object): Promise<void> {
    const body = JSON.stringify({ status })
    await this.kubectl('patch', 'gi', name, '--subresource=status', '--type=merge', '-p', body)
  }

  async interface(name: string): Promise<GuestInterface> {
    return JSON.parse(await this.kubectl('get', 'gi', name, '-o', 'json'))
  }

  async hostObject(): Promise<Host> {
    return JSON.parse(await this.kubectl('get', 'pbhost', this.host.name, '-o', 'json'))
  }

  /** Waits until Ready says this, as `True InSync`, of the newest spec. */
  async reaches(name: string, wanted = 'True InSync'): Promise<GuestInterface> {
    let found: GuestInterface | undefined
    await expect
      .poll(async () => {
        found = await this.interface(name)
        const { metadata, status } = found
        if (status?.observedGeneration !== metadata.generation) return 'Unseen'
        const ready = status?.conditions?.find(({ type }) => type === 'Ready')
        return `${ready?.status} ${ready?.reason}`
      })
      .toBe(wanted)
    return found!
  }

  /** How often somebody has asked the API server to apply a status of this kind, whether or not that changed anything. */
  async statusWrites(resource: 'guestinterfaces' | 'hosts' | 'networks' | 'portgroups'): Promise<number> {
    const metrics = await this.kubectl('get', '--raw', '/metrics')
    const counters = metrics
      .split('\n')
      .filter(
        (line) =>
          line.startsWith('apiserver_request_total{') &&
          line.includes(`resource="${resource}"`) &&
          line.includes('subresource="status"') &&
          line.includes('verb="APPLY"'),
      )
    return counters.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
  }

  /** TYPE REASON of each Event about an object, oldest first. */
  async events(name: string): Promise<string[]> {
    const list = JSON.parse(await this.kubectl('get', 'events.events.k8s.io', '-A', '-o', 'json'))
    return (list.items as KubernetesEvent[])
      .filter(({ regarding }) => regarding.name === name)
      .sort((a, b) => (a.eventTime < b.eventTime ? -1 : 1))
      .map(({ type, reason }) => `${type} ${reason}`)
  }
}

interface KubernetesEvent {
  regarding: { name: string }
  eventTime: string
  type: string
  reason: string
}
