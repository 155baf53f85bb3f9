/** Which keys a change in the cluster concerns. What is looked up here wakes keys and decides nothing. */
import { isDeepStrictEqual } from 'node:util'
import type { GuestGrant } from '../api/guest-grant.ts'
import type { GuestInterface } from '../api/guest-interface.ts'
import type { Host } from '../api/host.ts'
import type { Network } from '../api/network.ts'
import type { PortGroup } from '../api/port-group.ts'
import { macOf } from '../core/binding/mac-duplicate.ts'
import { networkNameOf } from '../core/resolve/applicable.ts'
import type { Change } from '../store/kubernetes/cluster-objects.ts'
import type { ClusterStore } from '../store/kubernetes/cluster-store.ts'
import type { Key } from '../store/store.ts'

/** An object before and after a change; either may be absent. */
interface Both<O> {
  before?: O
  after?: O
}

type Known = Pick<ClusterStore, 'get' | 'list' | 'having'>

export class Wakes {
  readonly #store: Known

  constructor(store: Known) {
    this.#store = store
  }

  /** Without its Node too: it is to go. */
  hosts(): Key[] {
    const names = new Set(
      (['Node', 'Host', 'Lease'] as const).flatMap((kind) =>
        this.#store.list(kind).map(({ metadata }) => metadata.name),
      ),
    )
    return Array.from(names, (name): Key => ({ kind: 'Host', name }))
  }

  all(): Key[] {
    return [
      ...this.hosts(),
      ...this.#networks(() => true),
      ...this.#portGroups(() => true),
      ...this.#store.list('GuestInterface').map(keyOf),
    ]
  }

  ofChange(change: Change): Key[] {
    const { key } = change
    const { kind, name } = key
    switch (kind) {
      case 'GuestInterface':
        return this.#ofInterface(change as Both<GuestInterface>)
      case 'Host':
        return [{ kind, name }, ...this.#ofHost(name, change as Both<Host>)]
      // Heard of again after it was silent, or gone.
      case 'Lease':
        return [{ kind: 'Host', name }, ...this.ofSilence(name)]
      case 'Node':
        return change.after
          ? [{ kind: 'Host', name }]
          : [{ kind: 'Host', name }, ...this.#having('hostName', name)]
      case 'Namespace':
        return this.#having('namespace', name)
      case 'GuestGrant':
        return this.#ofGrant(change as Both<GuestGrant>)
      case 'Network':
        return [{ kind, name }, ...this.#ofNetwork(change as Both<Network>)]
      case 'PortGroup':
        return this.#ofPortGroup(change as Both<PortGroup>)
    }
  }

  /** The agent of this host has fallen silent, or is heard of again. */
  ofSilence(hostName: string): Key[] {
    const host = this.#store.get('Host', hostName)
    const told = new Set(host?.status?.networks?.map(({ objectName }) => objectName))
    return [
      ...this.#having('hostName', hostName),
      ...this.#ofGuests(host?.status?.guests ?? []),
      ...this.#networks(({ metadata }) => told.has(metadata.name)),
    ]
  }

  /** It, and those that have or had its MAC address. */
  #ofInterface({ before, after }: Both<GuestInterface>): Key[] {
    const [was, is] = [before, after].map((resource) => resource && macOf(resource))
    const isGoing = before?.metadata.deletionTimestamp !== after?.metadata.deletionTimestamp
    const sharing = was === is && before && after && !isGoing ? [] : [was, is]
    return [
      ...(after ? [keyOf(after)] : []),
      ...sharing.flatMap((mac) => (mac === undefined ? [] : this.#having('mac', mac))),
    ]
  }

  #ofHost(name: string, { before, after }: Both<Host>): Key[] {
    const keys: Key[] = []
    const isOther = !before || !after || !isDeepStrictEqual(before.metadata.labels, after.metadata.labels)
    const [was, is] = [before?.status?.guests ?? [], after?.status?.guests ?? []]
    const textOf = (guest: (typeof was)[number]) => `${guest.uuid} ${guest.running} ${guest.name}`
    const [texts, newTexts] = [new Set(was.map(textOf)), new Set(is.map(textOf))]
    const changed = [
      ...was.filter((guest) => isOther || !newTexts.has(textOf(guest))),
      ...is.filter((guest) => isOther || !texts.has(textOf(guest))),
    ]
    keys.push(...this.#ofGuests(changed))
    if (isOther)
      keys.push(
        ...this.#having('hostName', name),
        ...this.#networks(() => true),
        ...this.#portGroups(() => true),
      )
    else {
      const other = changedNetworks(before, after)
      keys.push(...this.#networks(({ metadata }) => other.has(metadata.name)))
    }
    return keys
  }

  #ofGuests(guests: readonly { name: string; uuid: string }[]): Key[] {
    return guests.flatMap(({ name, uuid }) => [
      ...this.#having('guestName', name),
      ...this.#having('guestUUID', uuid.toLowerCase()),
    ])
  }

  #ofGrant({ before, after }: Both<GuestGrant>): Key[] {
    const guests = [before, after].flatMap((grant) => grant?.spec.guests ?? [])
    const prefixes = guests.flatMap(({ namePrefix }) => namePrefix ?? [])
    const byPrefix =
      prefixes.length === 0
        ? []
        : this.#store.list('GuestInterface').filter(
            ({ spec, status }) =>
              // Of one that is named by its UUID the name is with its host.
              spec.guest.name === undefined ||
              status?.guestUUID !== undefined ||
              prefixes.some((prefix) => spec.guest.name?.startsWith(prefix)),
          )
    return [
      ...byPrefix.map(keyOf),
      ...guests.flatMap(({ name, uuid }) => [
        ...(name === undefined ? [] : [...this.#having('guestName', name), ...this.#ofUUIDs(name)]),
        ...(uuid === undefined
          ? []
          : [...this.#having('guestUUID', uuid.toLowerCase()), ...this.#ofNames(uuid.toLowerCase())]),
      ]),
    ]
  }

  /** Interfaces that name guests of this name by their UUIDs. */
  #ofUUIDs(name: string): Key[] {
    const guests = this.#store.having('Host', 'guestName', name).flatMap(({ status }) => status?.guests ?? [])
    return guests
      .filter((guest) => guest.name === name)
      .flatMap(({ uuid }) => this.#having('guestUUID', uuid.toLowerCase()))
  }

  /** Interfaces that name the guest of this UUID by its name. */
  #ofNames(wanted: string): Key[] {
    const guests = this.#store
      .having('Host', 'guestUUID', wanted)
      .flatMap(({ status }) => status?.guests ?? [])
    return guests
      .filter(({ uuid }) => uuid.toLowerCase() === wanted)
      .flatMap(({ name }) => this.#having('guestName', name))
  }

  /** Those of its name, their port groups, and the interfaces that it may let in now. */
  #ofNetwork({ before, after }: Both<Network>): Key[] {
    if (before && after && isDeepStrictEqual(before.spec, after.spec) && !goes(before, after)) return []
    const names = new Set([before, after].flatMap((network) => (network ? [networkNameOf(network)] : [])))
    return [
      ...this.#networks((network) => names.has(networkNameOf(network))),
      ...this.#portGroups(({ spec }) => names.has(spec.networkName)),
      ...[...names].flatMap((name) => this.#having('network', name)),
    ]
  }

  /** Those of its network. */
  #ofPortGroup({ before, after }: Both<PortGroup>): Key[] {
    const own = after ? [keyOf(after)] : []
    if (before && after && isDeepStrictEqual(before.spec, after.spec) && !goes(before, after)) return own
    const names = [before?.spec.networkName, after?.spec.networkName]
    return [...own, ...this.#portGroups(({ spec }) => names.includes(spec.networkName))]
  }

  #having(
    index: 'guestName' | 'guestUUID' | 'hostName' | 'network' | 'mac' | 'namespace',
    value: string,
  ): Key[] {
    return this.#store.having('GuestInterface', index, value).map(keyOf)
  }

  #networks(concerned: (network: Network) => boolean): Key[] {
    return this.#store.list('Network').filter(concerned).map(keyOf)
  }

  #portGroups(concerned: (portGroup: PortGroup) => boolean): Key[] {
    return this.#store.list('PortGroup').filter(concerned).map(keyOf)
  }
}

function goes(before: Network | PortGroup, after: Network | PortGroup): boolean {
  return before.metadata.deletionTimestamp !== after.metadata.deletionTimestamp
}

/** objectNames of what a host tells otherwise than before. */
function changedNetworks(before: Host, after: Host): Set<string> {
  const [was, is] = [before, after].map(
    ({ status }) => new Map(status?.networks?.map((network) => [network.objectName, network])),
  ) as [Map<string, unknown>, Map<string, unknown>]
  const names = new Set([...was.keys(), ...is.keys()])
  return new Set([...names].filter((name) => !isDeepStrictEqual(was.get(name), is.get(name))))
}

function keyOf({ kind, metadata: { name, namespace } }: GuestInterface | Network | PortGroup): Key {
  return { kind, name, ...(namespace !== undefined && { namespace }) }
}
