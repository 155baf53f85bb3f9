/** A Store on a Kubernetes API server, for the agent of one host. */
import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Condition } from '../../api/conditions.ts'
import type { AnyResource } from '../../api/kinds.ts'
import { backOffMs } from '../../reconcile/back-off.ts'
import type { StoreLog } from '../store.ts'
import {
  type Key,
  keyName,
  type Rejection,
  type Resources,
  StaleObject,
  type Store,
  type StoredKind,
} from '../store.ts'
import { AgentLease } from './agent-lease.ts'
import type { ApiClient } from './api-client.ts'
import { isNotFound } from './api-error.ts'
import { applyStatus } from './apply-status.ts'
import { EventWriter, transition } from './events.ts'
import { type KnownObject, KnownObjects, withoutManagedFields } from './known-objects.ts'
import { isLater } from './object-version.ts'
import { type Received, Reflector, type ReflectorTiming } from './reflector.ts'
import { collectionPath, objectPath } from './resource-path.ts'
import { agentsManager, agentsPart, isKeptByServer } from './status-fields.ts'

/** GuestGrants are not among them: the controller has checked them before it binds an interface to this host. */
const watched = ['GuestInterface', 'Network', 'PortGroup', 'Host'] as const satisfies readonly StoredKind[]
type WatchedKind = (typeof watched)[number]

export interface KubernetesStoreOptions {
  client: ApiClient
  hostName: string
  log: StoreLog
  timing?: Partial<ReflectorTiming>
}

export class KubernetesStore implements Store {
  readonly #client: ApiClient
  readonly #hostName: string
  readonly #log: StoreLog
  readonly #timing: Partial<ReflectorTiming>
  readonly #known: Record<WatchedKind, KnownObjects>
  readonly #events: EventWriter
  readonly #lease: AgentLease
  /** Keys whose status could not be written, by their names: woken when the server answers again. */
  readonly #unwritten = new Map<string, Key>()
  /** GuestInterfaces that are being asked for, after they left the watch. */
  readonly #asking = new Set<string>()
  #ending: AbortSignal = AbortSignal.abort()
  #wake: (key: Key) => void = () => {}

  constructor({ client, hostName, log, timing = {} }: KubernetesStoreOptions) {
    this.#client = client
    this.#hostName = hostName
    this.#log = log
    this.#timing = timing
    this.#events = new EventWriter(client, { controller: 'patchbay.dev/agent', instance: hostName }, log)
    this.#lease = new AgentLease({ client, hostName, log, onHeld: () => this.#heard() })
    const known = () =>
      new KnownObjects({
        changed: (key) => this.#changed(key),
        missing: (key, object) => this.#missing(key, object),
      })
    this.#known = { GuestInterface: known(), Network: known(), PortGroup: known(), Host: known() }
  }

  /** Waits for an API server that isn't there yet. */
  async start(wake: (key: Key) => void, signal: AbortSignal): Promise<void> {
    this.#ending = signal
    const selectors: Partial<Record<WatchedKind, string>> = {
      GuestInterface: `status.hostName=${this.#hostName}`,
      Host: `metadata.name=${this.#hostName}`,
    }
    const reflectors = watched.map(
      (kind) =>
        new Reflector({
          client: this.#client,
          path: collectionPath(kind),
          ...(selectors[kind] && { fieldSelector: selectors[kind] }),
          picture: this.#known[kind],
          keep: withoutManagedFields,
          log: this.#log,
          timing: this.#timing,
          onRecovered: () => this.#recovered(),
        }),
    )
    const running = Promise.all(reflectors.map((reflector) => reflector.run(signal)))
    void running.then(() => this.#client.close())
    await Promise.race([Promise.all(reflectors.map(({ complete }) => complete)), running])
    this.#wake = wake
    void this.#lease.run(signal)
  }

  get<K extends StoredKind>(kind: K, name: string, namespace?: string): Resources[K] | undefined {
    const known = this.#find({ kind, name, namespace })
    return known && isWorkedOn(known) ? (known.object as Resources[K]) : undefined
  }

  list<K extends StoredKind>(kind: K): Resources[K][] {
    const known = this.#kind(kind)?.all() ?? []
    return known.filter(isWorkedOn).map(({ object }) => object as Resources[K])
  }

  rejection(key: Key): Rejection | undefined {
    return this.#find(key)?.rejection
  }

  problems(): { message: string }[] {
    const known = watched.flatMap((kind) => this.#known[kind].all())
    return known.flatMap(({ accepted, rejection }) => (accepted || !rejection ? [] : [rejection]))
  }

  /** Acknowledged by the API server on return, which survives a power cut where its etcd does. */
  async writeStatus<K extends StoredKind>(
    key: Key & { kind: K },
    status: NonNullable<Resources[K]['status']>,
    _durable?: boolean,
    gathered?: string,
  ): Promise<void> {
    const known = this.#find(key)
    if (known === undefined) {
      // The controller makes the Host; it is written once it is there.
      if (key.kind === 'Host') return
      throw new Error(`${objectPath(key)} is not there any more: its status was not written`)
    }
    const asJson = JSON.parse(JSON.stringify(status))
    if (!isKeptByServer(key.kind) || known.going) {
      this.#kind(key.kind)?.setStatus(key, asJson)
      return
    }
    // The controller's word stands until it hears of this agent again: else they would take it from one another for ever.
    if (key.kind === 'Host' && isSilenced(known.object) && !this.#lease.isHeld) return
    await this.#apply(key, known, agentsPart(asJson), gathered)
  }

  isBehind(key: Key): boolean {
    return this.#find(key)?.unacknowledged ?? false
  }

  /**
   * The port is free; for a Network, this host's inventory no longer lists it. That is what the controller waits for, and then
   * the object goes. Nothing where it has come back to this host meanwhile: it is to be kept again.
   */
  async release(key: Key): Promise<void> {
    const known = this.#find(key)
    if (known?.going) {
      this.#kind(key.kind)?.release(key)
    } else if (known?.object.metadata.deletionTimestamp !== undefined) {
      if (isKeptByServer(key.kind)) {
        const { port: _, waitingSince: __, ...rest } = agentsPart(statusOf(known.object))
        await this.#apply(key, known, rest)
      } else {
        this.#kind(key.kind)?.setStatus(key, {})
      }
      known.released = true
    }
  }

  async #apply(
    key: Key,
    known: KnownObject,
    wanted: Record<string, unknown>,
    gathered?: string,
  ): Promise<void> {
    const { object, othersVersion } = known
    const before = agentsPart(statusOf(object))
    if (!known.unacknowledged && isDeepStrictEqual(wanted, before)) return
    const setsPort = wanted.port !== undefined && !isDeepStrictEqual(wanted.port, before.port)
    const { uid, resourceVersion } = object.metadata
    // Once its port is let go it may be another agent's at any moment, and this would undo what that one wrote.
    const mayBeAnothers = object.kind === 'GuestInterface' && object.status?.nextHostName !== undefined
    if (setsPort && gathered !== undefined && isLater(othersVersion, gathered))
      throw new StaleObject(objectPath(key))
    known.writing = wanted
    try {
      const written = await applyStatus(this.#client, {
        key,
        uid,
        // What the controller said of an interface before it was bound is ours from then on.
        fieldManager: agentsManager,
        status: wanted,
        ...((setsPort || mayBeAnothers) && resourceVersion !== undefined && { resourceVersion }),
      })
      this.#kind(key.kind)?.written(withoutManagedFields(written))
      known.unacknowledged = false
    } catch (error) {
      if (key.kind === 'GuestInterface') known.unacknowledged ||= wanted.port === undefined
      this.#unwritten.set(objectPath(key), key)
      throw error
    } finally {
      known.writing = undefined
    }
    this.#unwritten.delete(objectPath(key))
    const told = transition(conditionsIn(before), conditionsIn(wanted))
    if (told) this.#events.tell(object, told)
  }

  #changed(key: Key): void {
    const rejection = this.rejection(key)
    if (rejection) this.#log.warn({ key: keyName(key), ...rejection }, 'manifest not accepted')
    this.#wake(key)
  }

  /** Only GuestInterfaces are selected by what changes: one that leaves the watch may be gone, or have moved. */
  #missing(key: Key, object: AnyResource): void {
    if (key.kind !== 'GuestInterface') this.#kind(key.kind)?.vanish(key, object)
    else void this.#ask(key)
  }

  async #ask(key: Key): Promise<void> {
    const path = objectPath(key)
    if (this.#asking.has(path)) return
    this.#asking.add(path)
    try {
      for (let failures = 1; !this.#ending.aborted; failures++) {
        const answer = await this.#fetch(path)
        if (answer !== 'unknown') return this.#settle(key, answer)
        await delay(backOffMs(failures), undefined, { signal: this.#ending }).catch(() => {})
      }
    } finally {
      this.#asking.delete(path)
    }
  }

  async #fetch(path: string): Promise<AnyResource | 'gone' | 'unknown'> {
    try {
      const found = await this.#client.json<Received>({ method: 'GET', path, signal: this.#ending })
      return withoutManagedFields(found)
    } catch (error) {
      return isNotFound(error) ? 'gone' : 'unknown'
    }
  }

  #settle(key: Key, answer: AnyResource | 'gone'): void {
    const picture = this.#known.GuestInterface
    const object = picture.get(key)?.object
    if (object?.kind !== 'GuestInterface') return
    if (answer !== 'gone' && isOn(this.#hostName, answer)) picture.put(answer)
    else if (answer === 'gone' || answer.metadata.uid !== object.metadata.uid) picture.vanish(key, object)
    // It lives on elsewhere: also one that is to be retained must go from here.
    else picture.vanish(key, { ...object, spec: { ...object.spec, deletionPolicy: 'Detach' } })
  }

  /** The controller hears of this agent again. */
  #heard(): void {
    this.#wake({ kind: 'Host', name: this.#hostName })
  }

  #recovered(): void {
    this.#log.info({ unwritten: this.#unwritten.size }, 'follows the API server again')
    const keys = [...this.#unwritten.values()]
    this.#unwritten.clear()
    for (const key of keys) this.#wake(key)
  }

  #find(key: Key): KnownObject | undefined {
    return this.#kind(key.kind)?.get(key)
  }

  #kind(kind: StoredKind): KnownObjects | undefined {
    return kind === 'GuestGrant' ? undefined : this.#known[kind]
  }
}

/** The controller says of this Host that its agent is silent. */
function isSilenced(object: AnyResource): boolean {
  const ready = conditionsIn(statusOf(object) ?? {})?.find(({ type }) => type === 'Ready')
  return ready?.reason === 'AgentSilent'
}

function isWorkedOn({ accepted, released }: KnownObject): boolean {
  return accepted && !released
}

function isOn(hostName: string, object: AnyResource): boolean {
  return object.kind === 'GuestInterface' && object.status?.hostName === hostName
}

function statusOf(object: AnyResource): object | undefined {
  return 'status' in object ? object.status : undefined
}

function conditionsIn(status: { conditions?: unknown }): Condition[] | undefined {
  return status.conditions as Condition[] | undefined
}
