/** Where the guest of an interface is, by what the hosts last told of their guests. */
import type { GuestRef } from '../../api/guest-interface.ts'
import type { HostIdentity } from '../host-selector.ts'
import type { Refusal } from '../refusal.ts'
import { some } from '../some-names.ts'

/** A guest on a host. */
export interface Sighting {
  hostName: string
  name: string
  /** In small letters. */
  uuid: string
  running: boolean
}

/** A host as the controller knows it: there is a Host of that name. */
export interface KnownHost extends HostIdentity {
  /** Its agent has not been heard of for longer than its Lease lasts: its guests are as last known. */
  silent: boolean
  /** Its agent has told of its guests. */
  looked: boolean
}

/** By their names, all of them: one that isn't here is gone for good. */
export interface KnownHosts {
  get(name: string): KnownHost | undefined
  values(): Iterable<KnownHost>
}

export interface Search {
  guest: GuestRef
  /** spec.hostName */
  pin?: string
  /** Where it is bound now, and to which guest. */
  bound?: { hostName: string; guestUUID?: string }
  /** Of every guest that `guest` or `bound` can mean. */
  sightings: readonly Sighting[]
  hosts: KnownHosts
  /** Whether the interface may touch it: what somebody else has under the same name must not be in its way. */
  mayTouch: (sighting: Sighting) => boolean
}

/**
 * The one place where the interface can be, or why there is not exactly one. A guest that is bound is known by its UUID as long
 * as any host has it. Of several places of one guest those where it runs are meant, of these the ones whose agents answer; the
 * host to which it is bound comes before others then, which holds it there while a migration has the guest on both.
 */
export function placeOf(search: Search): Sighting | Refusal {
  const meant = meantBy(search)
  const guests = [...Map.groupBy(meant, ({ uuid }) => uuid).values()]
  const own = guests.filter((places) => places.some(search.mayTouch))
  const [places, ...others] = own.length > 0 ? own : guests
  if (places === undefined) return notFound(search)
  const isSilent = ({ hostName }: Sighting) => search.hosts.get(hostName)?.silent ?? true
  const running = places.filter((place) => place.running)
  const answering = running.filter((place) => !isSilent(place))
  const best = answering.length > 0 ? answering : running.length > 0 ? running : places
  const home = best.find(({ hostName }) => hostName === search.bound?.hostName)
  const [place, ...more] = home ? [home] : best
  if (others.length > 0 && own.length > 0) return ambiguous([...own.values()].flat(), 'different guests')
  return more.length > 0
    ? ambiguous(best, best[0]!.running ? 'running' : 'defined, and running on none')
    : place!
}

function meantBy({ guest, pin, bound, sightings }: Search): Sighting[] {
  const allowed = sightings.filter(({ hostName }) => pin === undefined || hostName === pin)
  const same = allowed.filter(({ uuid }) => uuid === bound?.guestUUID)
  return same.length > 0 ? same : allowed.filter((each) => isMeant(each, guest))
}

function isMeant(sighting: Sighting, { name, uuid }: GuestRef): boolean {
  return uuid === undefined ? sighting.name === name : sighting.uuid === uuid.toLowerCase()
}

function ambiguous(places: readonly Sighting[], how: string): Refusal {
  const [{ name }] = places as [Sighting]
  const where = some(places.map(({ hostName }) => hostName))
  return {
    reason: 'GuestAmbiguous',
    field: 'guest',
    message: `guest: guest ${name} is on more than one host (${how}): ${where}. Set spec.hostName to the one that is meant, or leave one`,
  }
}

function notFound({ guest: { name, uuid }, pin, sightings, hosts }: Search): Refusal {
  const guest = name ?? uuid
  const refusal = (text: string): Refusal => ({
    reason: 'GuestNotFound',
    field: 'guest',
    message: `${text}. Define it, or correct ${pin === undefined ? 'spec.guest' : 'spec.hostName'}`,
  })
  if (pin !== undefined) {
    const host = hosts.get(pin)
    if (!host) return refusal(`spec.hostName pins it to host ${pin}, and there is no such host`)
    const elsewhere = some(sightings.map(({ hostName }) => hostName))
    const where = elsewhere ? `; it is on ${elsewhere}` : ''
    return refusal(`spec.hostName pins it to host ${pin}, where no guest ${guest} is${knownAs(host)}${where}`)
  }
  const looked = [...hosts.values()].filter((host) => host.looked)
  if (looked.length === 0) return refusal(`No guest ${guest}: no host has told of its guests yet`)
  const silent = looked.filter((host) => host.silent).map((host) => host.name)
  const many = looked.length === 1 ? `host ${looked[0]!.name}` : `any of ${looked.length} hosts`
  const stale = silent.length > 0 ? `; as last known where the agent is silent: ${some(silent)}` : ''
  return refusal(`No guest ${guest} on ${many}${stale}`)
}

function knownAs({ looked, silent }: KnownHost): string {
  if (!looked) return ' as far as is known: its agent has not told of its guests yet'
  return silent ? ' as last known: its agent is silent' : ''
}
