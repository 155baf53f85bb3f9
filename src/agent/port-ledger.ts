/** The ledger at work: reads its witnesses afresh and hands out one port at a time. */
import PQueue from 'p-queue'
import type { GuestInterface } from '../api/guest-interface.ts'
import { type AdoptionMark, withOwners } from '../core/adoption/marks.ts'
import type { InterfaceDefinition } from '../core/definition.ts'
import { nameOf } from '../core/identity.ts'
import { deviceOf, isExclusive, type Use, usesOf } from '../core/ledger/ledger.ts'
import { blockedBy, choosePort } from '../core/ledger/pool.ts'
import { sharedDevices, sharedText } from '../core/ledger/pool-status.ts'
import { UsesByDevice } from '../core/ledger/uses-by-device.ts'
import type { Link } from '../core/link.ts'
import { type Port, portFromStatus } from '../core/port.ts'
import type { Refusal } from '../core/refusal.ts'
import type { Plug, Pool, PoolPlug } from '../core/resolve/plug.ts'
import { readLinks } from '../host/links.ts'
import { virtualFunctions } from '../host/virtual-functions.ts'
import type { LibvirtClient } from '../libvirt/client.ts'
import type { Domain } from '../libvirt/xml/domain.ts'
import type { Key, Store } from '../store/store.ts'
import type { Guests, ObservedGuest } from './guest.ts'

/** An interface that is being taken over: in this guest's definitions it is ours, though no mark says so yet. */
export interface TakenOver {
  /** UUID of the guest. */
  guest: string
  live?: AdoptionMark
  saved?: AdoptionMark
}

export interface LedgerView {
  uses: Use[]
  links: Link[]
}

export class PortLedger {
  readonly #libvirt: LibvirtClient
  readonly #guests: Guests
  readonly #store: Store
  readonly #hostName: string
  readonly #wake: (keys: Iterable<Key>) => void
  /** What was wrong when the witnesses were last read, by device: two running guests on one that is for one alone. */
  #shared: ReadonlyMap<string, string> = new Map()
  /** One allocation at a time, from reading the witnesses to the acknowledged write of the port. */
  readonly #turns = new PQueue({ concurrency: 1 })

  constructor(
    libvirt: LibvirtClient,
    guests: Guests,
    store: Store,
    hostName: string,
    wake: (keys: Iterable<Key>) => void,
  ) {
    this.#libvirt = libvirt
    this.#guests = guests
    this.#store = store
    this.#hostName = hostName
    this.#wake = wake
  }

  /**
   * Chooses a port for `resource` and has `record` write a device down, durably, before anybody else chooses. When `record`
   * rejects nothing is handed out.
   */
  async allocate(
    resource: GuestInterface,
    plug: Plug,
    record: (port: Port) => Promise<void>,
    signal: AbortSignal,
    takenOver?: TakenOver,
  ): Promise<{ port: Port } | { refusal: Refusal }> {
    const forAll = portForAll(plug)
    if (forAll) {
      await record(forAll)
      return { port: forAll }
    }
    return this.#turns.add(async () => {
      const chosen = await this.choose(resource, plug, signal, takenOver)
      if ('port' in chosen) await record(chosen.port)
      return chosen
    })
  }

  /** What `allocate` would hand out now; nothing is written down. */
  async choose(
    resource: GuestInterface,
    plug: Plug,
    signal: AbortSignal,
    takenOver?: TakenOver,
  ): Promise<{ port: Port } | { refusal: Refusal }> {
    const forAll = portForAll(plug)
    if (forAll) return { port: forAll }
    const { uses, links } = await this.view(signal, { takenOver })
    const self = nameOf(resource)
    if (plug.kind === 'fixed') return ownSource(plug.port, resource, uses, self)
    const pool = await this.withVirtualFunctions(plug)
    const waiting = this.#waitingFor(pool.network, self)
    return choosePort(pool, new UsesByDevice(uses), links, {
      self,
      waitingSince: resource.status?.waitingSince,
      waiting,
    })
  }

  /** Reads all witnesses. `without`: leaves out what status records for this interface, to see who else speaks of it. */
  async view(
    signal: AbortSignal,
    { without, takenOver }: { without?: string; takenOver?: TakenOver } = {},
  ): Promise<LedgerView> {
    // The links first: a macvtap that is made while the definitions are read must not look like nobody's.
    const links = await readLinks(signal)
    const domains = await this.#libvirt.listDomains({ signal })
    const read = await Promise.all(domains.map((domain) => this.#guests.read(domain, signal)))
    const guests = read.filter((guest) => guest !== undefined)
    const resources = this.#store.list('GuestInterface')
    const recorded = resources.flatMap((resource) => recordOf(resource, this.#hostName, without))
    const witnesses = guests.map(({ ref, live, saved }) => ({
      name: ref.name,
      uuid: ref.uuid,
      ...witnessOf({ live, saved }, takenOver?.guest === ref.uuid ? takenOver : {}),
    }))
    const uses = usesOf({ guests: witnesses, links, recorded, belonging: resources.map(belongingOf) })
    this.#notice(uses)
    return { uses, links }
  }

  /** Whether an interface has a device here that somebody else could be given too. */
  holdsDevices(): boolean {
    return this.#store.list('GuestInterface').some((resource) => deviceHeldBy(resource) !== undefined)
  }

  /**
   * Which running guests share the device of this port, for people; undefined when all is well. Asks nobody unless the witnesses showed
   * it when they were last read, which each change of a guest brings about.
   */
  async sharedText(port: Port, signal: AbortSignal): Promise<string | undefined> {
    const device = deviceOf(port)
    if (device === undefined || !this.#shared.has(device)) return undefined
    const { uses } = await this.view(signal)
    return sharedText(device, uses)
  }

  #notice(uses: Use[]): void {
    const shared = sharedDevices(uses)
    const changed = [...shared, ...this.#shared].filter(
      ([device]) => shared.get(device) !== this.#shared.get(device),
    )
    this.#shared = shared
    if (changed.length === 0) return
    const devices = new Set(changed.map(([device]) => device))
    const concerned = this.#store.list('GuestInterface').filter((resource) => {
      const device = deviceHeldBy(resource)
      return device !== undefined && devices.has(device)
    })
    this.#wake(
      concerned.map(({ metadata: { namespace, name } }) => ({ kind: 'GuestInterface', namespace, name })),
    )
  }

  /** The device of a port was taken out of its pool: it stays with its user and is not handed out again. */
  async isWithdrawn(port: Port, plug: Plug): Promise<boolean> {
    const device = deviceOf(port)
    if (plug.kind === 'fixed' || device === undefined) return false
    return !(await this.withVirtualFunctions(plug)).devices.includes(device)
  }

  async withVirtualFunctions(plug: PoolPlug): Promise<Pool> {
    if (!plug.pf) return plug
    const functions = await virtualFunctions(plug.pf)
    const names =
      plug.mode === 'hostdev'
        ? functions.map(({ address }) => address)
        : functions.flatMap(({ link }) => link ?? [])
    return { ...plug, devices: [...new Set([...plug.devices, ...names])] }
  }

  #waitingFor(network: string, self: string): { key: string; since: string }[] {
    return this.#store.list('GuestInterface').flatMap((other) => {
      const since = other.status?.waitingSince
      const key = nameOf(other)
      return since &&
        key !== self &&
        other.spec.source.network?.name === network &&
        !other.metadata.deletionTimestamp
        ? [{ key, since }]
        : []
    })
  }
}

/** Such as a bridge: nobody takes it from anybody, and nobody has to wait for a turn. */
function portForAll(plug: Plug): Port | undefined {
  return plug.kind === 'fixed' && deviceOf(plug.port) === undefined ? plug.port : undefined
}

function witnessOf({ live, saved }: Pick<ObservedGuest, 'live' | 'saved'>, marks: Omit<TakenOver, 'guest'>) {
  const ofLive = definitionsOf(live, marks.live)
  return {
    interfaces: [...ofLive, ...definitionsOf(saved, marks.saved)],
    live: ofLive,
    assignedDevices: [...(live?.assignedDevices ?? []), ...(saved?.assignedDevices ?? [])],
  }
}

function definitionsOf(domain: Domain | undefined, mark: AdoptionMark | undefined): InterfaceDefinition[] {
  const interfaces = domain?.interfaces ?? []
  return (mark ? withOwners(interfaces, [mark]) : interfaces).map(({ definition }) => definition)
}

function recordOf(resource: GuestInterface, hostName: string, without: string | undefined) {
  const { port, mac, effective } = resource.status ?? {}
  const key = nameOf(resource)
  if (!port || port.hostName !== hostName || key === without) return []
  return [{ key, port: portFromStatus(port), mac, virtualPortType: effective?.virtualPort?.type }]
}

function deviceHeldBy({ status }: GuestInterface): string | undefined {
  return status?.port && deviceOf(portFromStatus(status.port))
}

function belongingOf(resource: GuestInterface) {
  const uuid = resource.status?.guestUUID
  return { key: nameOf(resource), guest: uuid ? { uuid } : resource.spec.guest }
}

/** A device that the interface names itself is the user's choice; only one that somebody has to himself is refused. */
function ownSource(
  port: Port,
  resource: GuestInterface,
  uses: Use[],
  self: string,
): { port: Port } | { refusal: Refusal } {
  const device = deviceOf(port) as string
  const blocking = blockedBy(device, isExclusive(port, resource.spec.virtualPort?.type), uses, self)
  if (!blocking) return { port }
  return {
    refusal: {
      reason: 'DeviceInUse',
      field: 'source',
      message: `source: ${device} is held by ${blocking.holder.name}. Name another device, or free this one`,
    },
  }
}
