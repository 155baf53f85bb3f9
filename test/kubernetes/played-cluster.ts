/**
 * A cluster as it is deployed, with a real controller and hosts whose agents the test plays, by the tokens that agents have:
 * what they tell of their guests, and what becomes of the interfaces that are bound to them.
 */
import { expect, vi } from 'vitest'
import type { Condition } from '../../src/api/conditions.ts'
import type { GuestInterface, GuestInterfaceStatus } from '../../src/api/guest-interface.ts'
import type { HostStatus } from '../../src/api/host.ts'
import { type AnyResource, kinds } from '../../src/api/kinds.ts'
import { apiVersion, type Kind } from '../../src/api/resource.ts'
import { type Check, readiness } from '../../src/core/interface-status.ts'
import type { ApiClient } from '../../src/store/kubernetes/api-client.ts'
import { isNotFound } from '../../src/store/kubernetes/api-error.ts'
import { openClient } from '../../src/store/kubernetes/open.ts'
import { Cluster } from '../cluster/cluster.ts'
import { ClusterController } from '../cluster/controller.ts'
import type { Manifest } from '../lab/manifests.ts'
import { install } from './installation.ts'

export const one = '11111111-1111-4111-8111-111111111111'
export const two = '22222222-2222-4222-8222-222222222222'

export type Guest = NonNullable<HostStatus['guests']>[number]

/** vm1 as a host tells of it. */
export function vm1(more: Partial<Guest> = {}): Guest {
  return { name: 'vm1', uuid: one, running: true, ...more }
}

export class PlayedCluster {
  readonly cluster: Cluster
  readonly controller: ClusterController
  readonly #admin: ApiClient
  readonly #agents = new Map<string, ApiClient>()

  private constructor(cluster: Cluster, controller: ClusterController, admin: ApiClient) {
    this.cluster = cluster
    this.controller = controller
    this.#admin = admin
  }

  /** The controller leads, and these hosts have told that they have no guests. */
  static async start(...hostNames: string[]): Promise<PlayedCluster> {
    const cluster = await Cluster.start()
    await install(cluster)
    // Its Pod is on a Node of its own.
    const access = await cluster.createHost('control', { serviceAccount: 'patchbay-controller' })
    const admin = (await openClient(cluster.admin.kubeconfig))()
    const played = new PlayedCluster(cluster, new ClusterController(access), admin)
    await played.controller.start()
    await played.controller.says('"leads"')
    for (const name of hostNames) await played.join(name)
    return played
  }

  async stop(): Promise<void> {
    await this.controller.stop()
    for (const client of [this.#admin, ...this.#agents.values()]) client.close()
    await this.cluster.stop()
  }

  /** Its agent is not silent for an hour, and has told of no guest. */
  async join(name: string, labels: Record<string, string> = {}): Promise<void> {
    const access = await this.cluster.createHost(name)
    this.#agents.set(name, (await openClient(access.kubeconfig))())
    await this.patch(`/api/v1/nodes/${name}`, { metadata: { labels } })
    // The controller makes the Lease, and the Host once that is renewed.
    await vi.waitFor(() => this.answers(name), { timeout: 20_000, interval: 20 })
    await this.eventually(() => this.get('Host', name).then((host) => host !== undefined), true)
    await this.tells(name, [])
  }

  /** kubectl delete node; the controller does the rest. */
  async leave(name: string): Promise<void> {
    await this.cluster.kubectl('delete', 'node', name)
    await this.eventually(() => this.get('Host', name).then((host) => host === undefined), true)
  }

  /** The agent of this host is not heard of any more: its Lease has run out. */
  async falls(name: string): Promise<void> {
    await this.patch(leasePath(name), { spec: { leaseDurationSeconds: 1 } })
    // Wakes the host's key.
    await this.patch(`/api/v1/nodes/${name}`, {
      metadata: { annotations: { at: String(performance.now()) } },
    })
    await this.patch(`/api/v1/nodes/${name}`, { metadata: { labels: { 'silenced-at': String(Date.now()) } } })
    await this.eventually(() => this.ready('Host', name), 'Unknown AgentSilent')
  }

  /** It is heard of, and will not be silent for an hour. */
  async answers(name: string): Promise<void> {
    const renewTime = `${new Date().toISOString().slice(0, -1)}000Z`
    const spec = { leaseDurationSeconds: 3_600, holderIdentity: name, renewTime }
    await this.patch(leasePath(name), { spec })
  }

  /** What the agent of a host tells of it. */
  async tells(name: string, guests: Guest[], networks: HostStatus['networks'] = []): Promise<void> {
    const ready = condition('Ready', { status: 'True', reason: 'Accepted', message: '' })
    await this.#asAgent(name, 'Host', name, { guests, networks, conditions: [ready] })
  }

  /** The agent of a host has plugged the interface in: two writes. */
  async plugs(hostName: string, name: string): Promise<void> {
    const port = { kind: 'bridge' as const, name: 'br0', hostName, bridge: 'br0' }
    const { metadata } = await this.interface(name)
    const observedGeneration = metadata.generation!
    const about: Check = { status: 'Unknown', reason: 'NotReached', message: 'About to be plugged' }
    await this.says(hostName, name, { port, observedGeneration }, about)
    const inSync: Check = { status: 'True', reason: 'InSync', message: 'br0 as the manifests say' }
    await this.says(hostName, name, { port, observedGeneration }, inSync)
  }

  /** The agent of a host has let go of it. */
  async letsGo(hostName: string, name: string): Promise<void> {
    const { metadata } = await this.interface(name)
    await this.says(
      hostName,
      name,
      { observedGeneration: metadata.generation! },
      { status: 'False', reason: 'Moving', message: 'nothing is left' },
    )
  }

  /** All that the agent of a host says of an interface. */
  async says(hostName: string, name: string, status: GuestInterfaceStatus, ready: Check): Promise<void> {
    const { conditions: previous = [] } = (await this.interface(name)).status ?? {}
    const conditions = [condition('Bound', ready), ...readiness(ready, 0, previous, '2026-01-01T00:00:00Z')]
    await this.#asAgent(hostName, 'GuestInterface', name, { ...status, conditions })
  }

  /** `kubectl apply`, by whoever may. */
  async apply(...manifests: (Manifest | AnyResource)[]): Promise<void> {
    for (const { kind, metadata, spec } of manifests) {
      await this.#admin.json({
        method: 'PATCH',
        path: objectPath(kind, metadata.name),
        query: { fieldManager: 'user', force: 'true' },
        contentType: 'application/apply-patch+yaml',
        body: { apiVersion, kind, metadata, spec },
      })
    }
  }

  /** A merge patch, as admin. */
  async patch(at: string, body: object): Promise<void> {
    await this.#admin.json({ method: 'PATCH', path: at, contentType: 'application/merge-patch+json', body })
  }

  /** Does not wait until it is gone. */
  async delete(kind: Kind, name: string): Promise<void> {
    await this.#admin.json({ method: 'DELETE', path: objectPath(kind, name) })
  }

  async get<R extends AnyResource>(kind: R['kind'], name: string): Promise<R | undefined> {
    try {
      return await this.#admin.json<R>({ method: 'GET', path: objectPath(kind, name) })
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }

  async interface(name: string): Promise<GuestInterface> {
    const found = await this.get<GuestInterface>('GuestInterface', name)
    if (!found) throw new Error(`GuestInterface ${name} is not there`)
    return found
  }

  /** `abc Unknown Binding`, `abc > def True InSync`, `- False GuestNotFound`, `gone`; then what else is True of ours, as `Held NotOwned`. */
  async binding(name: string): Promise<string> {
    const found = await this.get<GuestInterface>('GuestInterface', name)
    if (!found) return 'gone'
    const { hostName = '-', nextHostName, conditions = [] } = found.status ?? {}
    const of = (type: string) => conditions.find((each) => each.type === type)
    const [ready, held, duplicate] = [of('Ready'), of('Held'), of('MacDuplicate')]
    return [
      hostName,
      ...(nextHostName ? ['>', nextHostName] : []),
      ready?.status,
      ready?.reason,
      ...(held ? ['Held', held.reason] : []),
      ...(duplicate ? ['MacDuplicate'] : []),
    ].join(' ')
  }

  async becomes(name: string, expected: string): Promise<GuestInterface | undefined> {
    await this.eventually(() => this.binding(name), expected)
    return this.get<GuestInterface>('GuestInterface', name)
  }

  /** STATUS REASON of Ready. */
  async ready(kind: 'Network' | 'PortGroup' | 'Host', name: string): Promise<string> {
    const found = (await this.get<AnyResource>(kind, name)) as
      | { status?: { conditions?: Condition[] } }
      | undefined
    const ready = found?.status?.conditions?.find(({ type }) => type === 'Ready')
    return `${ready?.status} ${ready?.reason}`
  }

  async eventually<T>(what: () => Promise<T>, expected: T): Promise<void> {
    await vi.waitFor(async () => expect(await what()).toEqual(expected), { timeout: 20_000, interval: 20 })
  }

  /** TYPE REASON of each Event about an object of this name, oldest first. */
  async events(name: string): Promise<string[]> {
    const { items } = await this.#admin.json<{ items: ClusterEvent[] }>({
      method: 'GET',
      path: '/apis/events.k8s.io/v1/events',
    })
    return items
      .filter(({ regarding }) => regarding.name === name)
      .sort((a, b) => (a.eventTime < b.eventTime ? -1 : 1))
      .map(({ type, reason }) => `${type} ${reason}`)
  }

  async #asAgent(
    hostName: string,
    kind: 'Host' | 'GuestInterface',
    name: string,
    status: object,
  ): Promise<void> {
    await this.#agents.get(hostName)!.json({
      method: 'PATCH',
      path: `${objectPath(kind, name)}/status`,
      query: { fieldManager: 'patchbay-agent', force: 'true' },
      contentType: 'application/apply-patch+yaml',
      body: { apiVersion, kind, metadata: { name }, status },
    })
  }
}

interface ClusterEvent {
  regarding: { name: string }
  eventTime: string
  type: string
  reason: string
}

function condition(type: string, { status, reason, message }: Check): Condition {
  return { type, status, reason, message, lastTransitionTime: '2026-01-01T00:00:00Z' }
}

function objectPath(kind: Kind, name: string): string {
  const { namespaced, plural } = kinds[kind]
  return `/apis/${apiVersion}${namespaced ? '/namespaces/default' : ''}/${plural}/${name}`
}

function leasePath(name: string): string {
  return `/apis/coordination.k8s.io/v1/namespaces/patchbay-agents/leases/${name}`
}
