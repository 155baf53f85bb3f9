/** Which keys an event concerns. What is remembered here wakes keys and decides nothing. */
import type { GuestInterface } from '../api/guest-interface.ts'
import type { Network } from '../api/network.ts'
import { interfaceOfAlias, nameOf } from '../core/identity.ts'
import { networkNameOf } from '../core/resolve/applicable.ts'
import { linkText } from '../host/link-state.ts'
import type { LibvirtEvent } from '../libvirt/client.ts'
import type { Key, Store } from '../store/store.ts'

export class Wakes {
  readonly #store: Store
  readonly #hostKey: Key
  readonly #textOf: (link: string) => string | undefined
  /** By namespace/name. */
  readonly #links = new Map<string, string>()
  /** By link: how it was when it last woke somebody, or a pass looked at it. */
  readonly #texts = new Map<string, string>()
  /** Bridges that libvirt made, by the name of the Network object. */
  readonly #bridges = new Map<string, string>()
  /** By namespace/name: those that a pass is at work on, which reads them again before it ends. */
  readonly #atWork = new Set<string>()

  /** `textOf`: what a pass would find of a link now. */
  constructor(store: Store, hostName: string, textOf = linkText) {
    this.#store = store
    this.#textOf = textOf
    this.#hostKey = { kind: 'Host', name: hostName }
  }

  all(): Key[] {
    return [
      ...this.#interfaces(() => true),
      ...this.#networks(() => true),
      ...this.#store
        .list('PortGroup')
        .map(({ metadata }): Key => ({ kind: 'PortGroup', name: metadata.name })),
      this.#hostKey,
    ]
  }

  /** All, those of one guest together: passes that begin together share what they read of it. */
  allByGuest(): Key[][] {
    const guestOf = ({ kind, namespace, name }: Key) => {
      const guest = kind === 'GuestInterface' ? this.#store.get(kind, name, namespace)?.spec.guest : undefined
      return guest ? (guest.uuid ?? guest.name) : kind
    }
    return [...Map.groupBy(this.all(), guestOf).values()]
  }

  /** A changed Network or PortGroup concerns every interface that is plugged into a network: which one it was named before is not known. */
  ofStore(key: Key): Key[] {
    if (key.kind === 'GuestInterface') return [key]
    // Its labels are what hostSelectors ask.
    if (key.kind === 'Host') return this.all()
    if (key.kind === 'GuestGrant') return this.#interfaces(() => true)
    const siblings = (['Network', 'PortGroup'] as const).flatMap((kind) =>
      this.#store.list(kind).map(({ metadata }): Key => ({ kind, name: metadata.name })),
    )
    return [...siblings, ...this.#interfaces(({ spec }) => spec.source.network !== undefined), this.#hostKey]
  }

  ofLibvirt(event: LibvirtEvent): Key[] {
    if (event.kind === 'overflow') return this.all()
    if (event.kind === 'network') {
      return [
        ...this.#networks((network) => networkNameOf(network) === event.name || waitsForUsers(network)),
        ...this.#interfaces(({ spec }) => spec.source.network !== undefined),
      ]
    }
    if (event.kind !== 'domain') return [this.#hostKey]
    const { uuid, name, alias } = event
    // Of one of ours: nothing comes free by it, and all of a guest's for each of them would be the square of them.
    const added = event.event === 'device-added' ? interfaceOfAlias(alias) : undefined
    if (added) {
      const key: Key = { kind: 'GuestInterface', ...added }
      return this.#atWork.has(`${key.namespace}/${key.name}`) ? [this.#hostKey] : [key, this.#hostKey]
    }
    return [
      ...this.#interfaces(
        ({ spec, status }) =>
          spec.guest.name === name ||
          spec.guest.uuid === uuid ||
          status?.guestUUID === uuid ||
          isWaiting(status),
      ),
      ...this.#networks(waitsForUsers),
      this.#hostKey,
    ]
  }

  /** While `work` plugs this interface in and then reads it, the event that tells of it does not wake it. */
  async during<T>({ namespace, name }: Key, work: () => Promise<T>): Promise<T> {
    this.#atWork.add(`${namespace}/${name}`)
    try {
      return await work()
    } finally {
      this.#atWork.delete(`${namespace}/${name}`)
    }
  }

  /** The link on the host behind a plugged interface, about to be looked at: a change of it concerns that interface. */
  rememberLink({ namespace, name }: Key, link: string | undefined): void {
    if (!link) return
    this.#links.set(`${namespace}/${name}`, link)
    this.#learn(link)
  }

  /** A bridge that interfaces are plugged into, about to be looked at: what is told of it from then on is news only where it is otherwise. */
  rememberPlace(bridge: string): void {
    // Also that it is not there: that it came is news to whoever looked before.
    if (!this.#texts.has(bridge)) this.#texts.set(bridge, this.#textOf(bridge) ?? '')
  }

  forgetLink({ namespace, name }: Key): void {
    const id = `${namespace}/${name}`
    this.#texts.delete(this.#links.get(id) ?? '')
    this.#links.delete(id)
  }

  /** The bridge that libvirt made for a network. */
  rememberBridge({ name }: Key, bridge: string | undefined): void {
    if (bridge === undefined) this.#bridges.delete(name)
    else this.#bridges.set(name, bridge)
  }

  forgetBridge({ name }: Key): void {
    this.#bridges.delete(name)
  }

  /** undefined: some link, nobody knows which. */
  ofLinks(names: ReadonlySet<string> | undefined): Key[] {
    if (names === undefined) {
      this.#texts.clear()
      return this.all()
    }
    const isOf = (name: string | undefined) => name !== undefined && names.has(name)
    // Whatever is plugged in, the kernel tells of its tap a dozen times, and of the bridge, with hundreds of others on it.
    const news = new Map<string, boolean>()
    const isNewsOf = (name: string | undefined) => {
      if (name === undefined || !names.has(name)) return false
      const isNews = news.get(name) ?? this.#learn(name)
      news.set(name, isNews)
      return isNews
    }
    return [
      ...this.#networks(
        ({ metadata, spec }) => isOf(this.#bridges.get(metadata.name)) || isOf(spec.bridge?.name),
      ),
      ...this.#interfaces((resource) => {
        const { spec, status } = resource
        return (
          isOf(status?.port?.dev) ||
          isNewsOf(status?.port?.bridge) ||
          isOf(spec.targetDevice) ||
          isWaiting(status) ||
          isNewsOf(this.#links.get(nameOf(resource)))
        )
      }),
      this.#hostKey,
    ]
  }

  /** Takes note of how this link is; whether that was not known. */
  #learn(link: string): boolean {
    const [known, text] = [this.#texts.get(link), this.#textOf(link)]
    if (text === undefined) this.#texts.delete(link)
    else this.#texts.set(link, text)
    return text === undefined || text !== known
  }

  /** A port was taken or freed: the inventory counts it, and whoever has waited longest for one takes what was freed. */
  ofPort(): Key[] {
    return [...this.#interfaces(({ status }) => isWaiting(status)), this.#hostKey]
  }

  /** A network stands otherwise on this host than before. */
  ofInventory(): Key[] {
    return [this.#hostKey]
  }

  #networks(concerned: (network: Network) => boolean): Key[] {
    return this.#store
      .list('Network')
      .filter(concerned)
      .map(({ metadata }) => ({ kind: 'Network', name: metadata.name }))
  }

  #interfaces(concerned: (resource: GuestInterface) => boolean): Key[] {
    return this.#store
      .list('GuestInterface')
      .filter(concerned)
      .map(({ metadata }) => ({ kind: 'GuestInterface', namespace: metadata.namespace, name: metadata.name }))
  }
}

function isWaiting(status: GuestInterface['status']): boolean {
  return status?.waitingSince !== undefined
}

function waitsForUsers({ status }: Network): boolean {
  return status?.conditions?.some(({ reason }) => reason === 'NetworkInUse') ?? false
}
