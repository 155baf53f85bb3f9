/**
 * What the controller knows of a cluster, and what it writes there. Reads are from memory, writes show in them on return unless
 * said otherwise; a change wakes, whoever made it.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Condition } from '../../api/conditions.ts'
import type { AnyResource } from '../../api/kinds.ts'
import { apiVersion } from '../../api/resource.ts'
import { type Key, type Rejection, type Resources, StaleObject, type StoreLog } from '../store.ts'
import { AgentLeases } from './agent-leases.ts'
import type { ApiClient } from './api-client.ts'
import { isConflict, isNotFound } from './api-error.ts'
import { applyStatus } from './apply-status.ts'
import type { Call } from './call.ts'
import {
  type ClusterKey,
  type ClusterKind,
  type ClusterObject,
  type ClusterResources,
  clusterCollectionPath,
  clusterKinds,
  clusterObjectPath,
  controllersManager,
  isMetadataOnly,
  type Kept,
  kept,
  type Lease,
} from './cluster-kinds.ts'
import { type Change, ClusterObjects } from './cluster-objects.ts'
import { EventWriter, type Transition, transition } from './events.ts'
import { indexes, type LookUps } from './look-ups.ts'
import { isApplied } from './managed-fields.ts'
import { type Received, Reflector, type ReflectorTiming } from './reflector.ts'
import { refusalOf } from './refusal.ts'

/** A page of Hosts with 100 guests and 300 links each has 2.6 MB then; ten times as much would come late and stay long. */
const hostsInPage = 50

/** On what it holds back until the port is free. */
export const finalizer = 'patchbay.dev/port'

type WithStatus = 'GuestInterface' | 'Network' | 'PortGroup' | 'Host'

export interface ClusterStoreOptions {
  client: ApiClient
  log: StoreLog
  /** Which of the replicas this is, in Events. */
  instance: string
  /** Asked before every write: throws where this one does not lead, and aborts when it leads no more. */
  term: () => AbortSignal
  /** Seconds that an agent's Lease lasts. */
  agentLeaseSeconds: number
  timing?: Partial<ReflectorTiming>
}

export class ClusterStore {
  /** Which agents have been heard of. */
  readonly agents = new AgentLeases()
  readonly #options: ClusterStoreOptions
  readonly #known: { [K in ClusterKind]: ClusterObjects<ClusterResources[K]> }
  readonly #reflectors: ReadonlyMap<ClusterKind, Pick<Reflector<never>, 'run' | 'complete' | 'isFollowing'>>
  readonly #events: EventWriter
  /** What is known of objects to which our finalizer was added since. */
  readonly #withFinalizer = new WeakSet<ClusterObject>()
  #changed: (change: Change) => void = () => {}

  constructor(options: ClusterStoreOptions) {
    this.#options = options
    const { client, instance, log } = options
    this.#events = new EventWriter(client, { controller: 'patchbay.dev/controller', instance }, log)
    const known = <K extends ClusterKind>(kind: K) =>
      new ClusterObjects<ClusterResources[K]>(indexes[kind], (change) => this.#changed(change as Change))
    this.#known = {
      GuestInterface: known('GuestInterface'),
      Network: known('Network'),
      PortGroup: known('PortGroup'),
      Host: known('Host'),
      GuestGrant: known('GuestGrant'),
      Node: known('Node'),
      Namespace: known('Namespace'),
      Lease: new ClusterObjects<Lease>(indexes.Lease, (change) => {
        if (this.agents.hear(change)) this.#changed(change as Change)
      }),
    }
    this.#reflectors = new Map(clusterKinds.map((kind) => [kind, this.#reflector(kind)]))
  }

  /**
   * Reads everything once, then reports what changes until the signal aborts. Waits for an API server that isn't there yet.
   * A renewed Lease is told only where its agent was silent.
   */
  async start(changed: (change: Change) => void, signal: AbortSignal): Promise<void> {
    const reflectors = [...this.#reflectors.values()]
    const running = Promise.all(reflectors.map((reflector) => reflector.run(signal)))
    await Promise.race([Promise.all(reflectors.map(({ complete }) => complete)), running])
    this.#changed = changed
  }

  get<K extends ClusterKind>(kind: K, name: string, namespace?: string): ClusterResources[K] | undefined {
    return this.#kept(kind, name, namespace)?.object
  }

  list<K extends ClusterKind>(kind: K): ClusterResources[K][] {
    return this.#known[kind].all()
  }

  /** The objects that are found under this value; see LookUps. Costs as much as there are of them. */
  having<K extends keyof LookUps>(kind: K, index: LookUps[K], value: string): ClusterResources[K][] {
    return this.#known[kind].having(index, value)
  }

  /** Why the spec of this object is not one that we take, where the API server let it in. */
  rejection({ kind, namespace, name }: Key): Rejection | undefined {
    const object = this.get(kind, name, namespace)
    return object && refusalOf(object)
  }

  /**
   * Makes `status` all that the controller says of this object: what it said before and isn't in it goes. No write at all when
   * it is so already. `gathered`: resourceVersion of the object that it was decided upon, as read last, own writes included;
   * rejects with StaleObject where somebody has changed it since. A change of Ready is told by an Event.
   */
  async applyStatus<K extends WithStatus>(
    key: Key & { kind: K },
    status: NonNullable<Resources[K]['status']>,
    gathered?: string,
  ): Promise<void> {
    const { object, owned } = this.#there(key)
    const before = object.status
    if (isApplied(status, before, owned)) return
    const { client, term } = this.#options
    const written = await applyStatus(client, {
      key,
      uid: object.metadata.uid,
      fieldManager: controllersManager,
      status,
      ...(gathered !== undefined && { resourceVersion: gathered }),
      signal: term(),
    })
    this.#written(key.kind, written)
    const told = transition(conditionsIn(before), conditionsIn(status))
    if (told) this.tell(object, told)
  }

  /**
   * Puts our finalizer on an object beside those of others. Rejects with StaleObject on a conflict. The watch brings it: by
   * then the API server has seen its own write too, and what is written next isn't tried upon an older object first.
   */
  async addFinalizer(key: Key & { kind: 'GuestInterface' | 'Network' }): Promise<void> {
    const { object } = this.#there(key)
    const { finalizers = [] } = object.metadata
    if (finalizers.includes(finalizer) || this.#withFinalizer.has(object)) return
    await this.#patchMetadata(key, { finalizers: [...finalizers, finalizer] })
    this.#withFinalizer.add(object)
  }

  /** Takes our finalizer off an object, and leaves those of others. Rejects with StaleObject on a conflict. */
  async removeFinalizer(key: Key & { kind: 'GuestInterface' | 'Network' }): Promise<void> {
    const { finalizers = [] } = this.#there(key).object.metadata
    const others = finalizers.filter((each) => each !== finalizer)
    if (others.length === finalizers.length) return
    this.#written(key.kind, await this.#patchMetadata(key, { finalizers: others }))
  }

  /** No error where it is there already. The watch brings it. */
  async createHost(name: string, labels: Record<string, string>): Promise<void> {
    await this.#create('Host', { apiVersion, kind: 'Host', metadata: { name, labels } })
  }

  /** Exactly these. */
  async setHostLabels(name: string, labels: Record<string, string>): Promise<void> {
    const { metadata } = this.#there({ kind: 'Host', name }).object
    if (isDeepStrictEqual(metadata.labels ?? {}, labels)) return
    const gone = Object.keys(metadata.labels ?? {}).filter((key) => !(key in labels))
    const removed = Object.fromEntries(gone.map((key) => [key, null]))
    const written = await this.#patchMetadata({ kind: 'Host', name }, { labels: { ...labels, ...removed } })
    this.#written('Host', written)
  }

  /** Of the agent of this host. No error where it is there already. The watch brings it. */
  async createLease(name: string): Promise<void> {
    await this.#create('Lease', {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name },
      spec: { leaseDurationSeconds: this.#options.agentLeaseSeconds },
    })
  }

  /** This very object, and no error where it is gone already. */
  async delete(kind: 'Host' | 'Lease', name: string): Promise<void> {
    const uid = this.get(kind, name)?.metadata.uid
    if (uid === undefined) return
    try {
      await this.#write({
        method: 'DELETE',
        path: clusterObjectPath({ kind, name }),
        body: { preconditions: { uid } },
      })
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }

  /** Asks the server itself: for what must not be decided upon what is known. */
  async isThere(kind: ClusterKind, name: string): Promise<boolean> {
    return (await this.#ask(kind, name)) !== undefined
  }

  /**
   * Whether the agent of this host is silent: it has not renewed its Lease for as long as that lasts, and the server says so
   * too. A number: how many milliseconds it still has. Undefined: it has no Lease.
   */
  async silence(name: string): Promise<'silent' | number | undefined> {
    const lease = this.get('Lease', name)
    if (!lease) return undefined
    if (this.agents.isSilent(name)) return 'silent'
    const ms = this.agents.silentIn(lease)
    if (ms > 0) return ms
    // Nobody is silent to whom we do not listen.
    if (!this.#reflectors.get('Lease')!.isFollowing) return this.#options.agentLeaseSeconds * 1_000
    const now = await this.#ask('Lease', name)
    if (now === undefined) return undefined
    // Newer than what is known: the agent is heard of by that.
    this.#known.Lease.written(kept('Lease')(now))
    const left = this.agents.silentIn(this.get('Lease', name) ?? lease)
    if (left > 0) return left
    this.agents.confirm(name)
    return 'silent'
  }

  /** An Event about this object; never waits and never fails. */
  tell(object: AnyResource, what: Transition): void {
    this.#events.tell(object, what)
  }

  #reflector<K extends ClusterKind>(kind: K): Reflector<Kept<ClusterResources[K]>> {
    const { client, log, timing = {} } = this.#options
    return new Reflector({
      client,
      path: clusterCollectionPath(kind),
      metadataOnly: isMetadataOnly(kind),
      picture: this.#known[kind],
      keep: kept(kind),
      log,
      timing: kind === 'Host' ? { page: hostsInPage, ...timing } : timing,
      onRecovered: () => {
        log.info({ kind }, 'follows the API server again')
        if (kind === 'Lease') this.agents.lookAnew()
      },
    })
  }

  async #ask(kind: ClusterKind, name: string): Promise<Received | undefined> {
    try {
      return await this.#options.client.json<Received>({
        method: 'GET',
        path: clusterObjectPath({ kind, name }),
        signal: this.#options.term(),
      })
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }

  async #create(kind: 'Host' | 'Lease', body: object): Promise<void> {
    try {
      await this.#write({ method: 'POST', path: clusterCollectionPath(kind), body })
    } catch (error) {
      if (!isConflict(error)) throw error
    }
  }

  async #patchMetadata(key: Key, change: object): Promise<Received> {
    const { uid, resourceVersion } = this.#there(key).object.metadata
    try {
      return await this.#write({
        method: 'PATCH',
        path: clusterObjectPath(key),
        contentType: 'application/merge-patch+json',
        body: { metadata: { uid, resourceVersion, ...change } },
      })
    } catch (error) {
      if (isConflict(error)) throw new StaleObject(clusterObjectPath(key), { cause: error })
      throw error
    }
  }

  #write(call: Call): Promise<Received> {
    return this.#options.client.json<Received>({ ...call, signal: this.#options.term() })
  }

  #written<K extends ClusterKind>(kind: K, written: Received): void {
    this.#known[kind].written(kept(kind)(written))
  }

  #kept<K extends ClusterKind>(kind: K, name: string, namespace?: string) {
    return this.#known[kind].get({ kind, name, ...(namespace !== undefined && { namespace }) })
  }

  /** Throws where it is not there any more: a pass that wanted to write it begins anew. */
  #there<K extends ClusterKind>(key: ClusterKey & { kind: K }) {
    const there = this.#known[key.kind].get(key)
    if (there === undefined) throw new StaleObject(clusterObjectPath(key))
    return there
  }
}

function conditionsIn(status: { conditions?: Condition[] | undefined } | undefined): Condition[] | undefined {
  return status?.conditions
}
