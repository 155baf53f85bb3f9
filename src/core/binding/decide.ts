/**
 * To which host an interface is bound: from what is known of hosts, guests and rules to what the controller's part of its
 * status is to be. Only ever one step of the way, each safe to repeat.
 *
 * What must stay true: the agent of status.hostName is in charge, and nobody else. It is another one's turn when that one has
 * let go, or when that agent is silent while the guest runs elsewhere.
 */
import type { GuestInterface } from '../../api/guest-interface.ts'
import { namespaceOf } from '../identity.ts'
import { type Check, isUnanswered } from '../interface-status.ts'
import { notOwned } from '../ownership.ts'
import type { Refusal } from '../refusal.ts'
import { notBindable, type Rules, withdrawn } from './permission.ts'
import { type KnownHost, type KnownHosts, placeOf, type Sighting } from './place.ts'

export interface Surroundings extends Rules {
  /** Of every guest that spec.guest or status.guestUUID can mean, on all hosts. */
  sightings: readonly Sighting[]
  hosts: KnownHosts
}

/** The controller's part of a GuestInterface. */
export interface Decision {
  /** Whether the object is to stay until its host has let go of it. */
  finalizer: boolean
  hostName?: string
  nextHostName?: string
  guestUUID?: string
  /** What there is to say of an interface that no agent keeps yet; absent: its agent speaks of it. */
  bound?: Check
  /** What keeps a bound interface from being changed, moved or let go. Its agent leaves everything as it is then. */
  held?: Check
}

/** What stands in the way becomes a Check of the status False. */
export function decide(resource: GuestInterface, surroundings: Surroundings): Decision {
  const home = homeOf(resource, surroundings)
  if (resource.metadata.deletionTimestamp) return letGo(resource, home)
  return home ? keep(resource, home, surroundings) : bind(resource, surroundings)
}

interface Home {
  host: KnownHost
  /** Host and Node are no longer there: nobody is waited for. */
  gone: boolean
  guestUUID?: string
  nextHostName?: string
  /** Its agent has said that it has nothing of the interface. */
  free: boolean
}

/** undefined when it is bound to no host. */
function homeOf({ status }: GuestInterface, { hosts }: Surroundings): Home | undefined {
  const { hostName, guestUUID } = status ?? {}
  if (hostName === undefined) return undefined
  const host = hosts.get(hostName)
  return {
    host: host ?? { name: hostName, labels: {}, silent: true, looked: false },
    gone: host === undefined,
    ...(guestUUID !== undefined && { guestUUID: guestUUID.toLowerCase() }),
    ...(status?.nextHostName !== undefined && { nextHostName: status.nextHostName }),
    free: status?.port?.hostName !== hostName && !isUnanswered(status),
  }
}

function letGo({ status }: GuestInterface, home: Home | undefined): Decision {
  const mayHold = status?.port !== undefined || isUnanswered(status)
  const finalizer = home !== undefined && !home.gone && mayHold
  if (!home) return { finalizer }
  return { finalizer, ...as(home), ...(finalizer && home.host.silent && { held: waitsFor(home.host) }) }
}

function bind(resource: GuestInterface, surroundings: Surroundings): Decision {
  const place = newPlace(resource, undefined, surroundings)
  return isRefusal(place)
    ? { finalizer: false, bound: no(place) }
    : boundTo(place, `Bound to host ${place.hostName}`)
}

function keep(resource: GuestInterface, home: Home, surroundings: Surroundings): Decision {
  if (home.gone) return goOn(resource, home, surroundings)
  const place = findPlace(resource, home, surroundings)
  if (isRefusal(place)) {
    // A guest that is nowhere may turn up again, and its agent says that it isn't here.
    const isNowhere = place.reason === 'GuestNotFound' && isAtHome(resource.spec.hostName, home)
    return stay(home, isNowhere ? undefined : place)
  }
  if (place.hostName !== home.host.name) return move(resource, home, place, surroundings)
  if (place.uuid === home.guestUUID) {
    return stay(home, withdrawn(resource, place, home.host, surroundings))
  }
  const refusal = obstacleAt(place, resource, surroundings)
  if (refusal) return stay(home, refusal)
  return boundTo(place, `Bound to the guest ${place.name} that has taken the other one's place`)
}

/**
 * Its host is gone for good, as far as anybody can tell: it is bound anew where its guest is. Until that is anywhere it stays
 * bound: a Node that is made again, as by a kubelet that registers anew, has its guests with what is plugged into them.
 */
function goOn(resource: GuestInterface, home: Home, surroundings: Surroundings): Decision {
  const place = newPlace(resource, home, surroundings)
  const { name } = home.host
  if (!isRefusal(place)) return boundTo(place, `Host ${name} is gone; bound to host ${place.hostName}`)
  const bound: Check = {
    status: 'Unknown',
    reason: 'HostGone',
    message: `Host ${name} is gone with its Node, and there is no other to go on: ${place.message}`,
  }
  return { ...stay(home), bound }
}

function isAtHome(pin: string | undefined, { host }: Home): boolean {
  return pin === undefined || pin === host.name
}

/** It isn't unbound for want of a place, nor for what an admin took back: that would unplug it from a guest that runs. */
function stay(home: Home, refusal?: Refusal): Decision {
  const { nextHostName: _, ...binding } = as(home)
  return { finalizer: true, ...binding, ...(refusal && { held: no(refusal) }) }
}

function move(resource: GuestInterface, home: Home, place: Sighting, surroundings: Surroundings): Decision {
  const refusal = obstacleAt(place, resource, surroundings)
  if (refusal) return stay(home, refusal)
  const runsThere = place.running && place.uuid === home.guestUUID
  const hasLetGo = home.nextHostName !== undefined && home.free
  if (hasLetGo || (home.host.silent && runsThere)) {
    return boundTo(place, `Moved from host ${home.host.name} to host ${place.hostName}`)
  }
  return {
    finalizer: true,
    ...as(home),
    nextHostName: place.hostName,
    ...(home.host.silent && { held: waitsFor(home.host) }),
  }
}

/** Where it can be bound anew, or why it cannot be anywhere. */
function newPlace(
  resource: GuestInterface,
  home: Home | undefined,
  surroundings: Surroundings,
): Sighting | Refusal {
  const place = findPlace(resource, home, surroundings)
  return isRefusal(place) ? place : (obstacleAt(place, resource, surroundings) ?? place)
}

function findPlace(
  resource: GuestInterface,
  home: Home | undefined,
  surroundings: Surroundings,
): Sighting | Refusal {
  const { spec } = resource
  const { sightings, hosts } = surroundings
  const namespace = namespaceOf(resource)
  return placeOf({
    guest: spec.guest,
    ...(spec.hostName !== undefined && { pin: spec.hostName }),
    ...(home && { bound: as(home) }),
    sightings,
    hosts,
    mayTouch: (sighting) => {
      const host = hosts.get(sighting.hostName)
      return host !== undefined && notOwned(sighting, namespace, host, surroundings.grants) === undefined
    },
  })
}

/** Why the interface cannot be bound there, to that guest. */
function obstacleAt(
  place: Sighting,
  resource: GuestInterface,
  surroundings: Surroundings,
): Refusal | undefined {
  const host = surroundings.hosts.get(place.hostName)!
  const refusal = notBindable(resource, place, host, surroundings)
  if (refusal || !host.silent) return refusal
  return {
    reason: 'AgentSilent',
    message: `Guest ${place.name} is on host ${host.name} as last known, and the agent there is silent. It is bound when that one is heard of again`,
  }
}

function isRefusal(place: Sighting | Refusal): place is Refusal {
  return 'reason' in place
}

function boundTo({ hostName, uuid }: Sighting, message: string): Decision {
  const bound: Check = {
    status: 'Unknown',
    reason: 'Binding',
    message: `${message}; the agent there has not looked at it yet`,
  }
  return { finalizer: true, hostName, guestUUID: uuid, bound }
}

function as({ host, guestUUID, nextHostName }: Home) {
  return {
    hostName: host.name,
    ...(guestUUID !== undefined && { guestUUID }),
    ...(nextHostName !== undefined && { nextHostName }),
  }
}

function no({ reason, message }: Refusal): Check {
  return { status: 'False', reason, message }
}

function waitsFor({ name }: KnownHost): Check {
  return no({
    reason: 'AgentSilent',
    message: `Waits for the agent of host ${name}, which is silent, to let go of the interface. If that host is gone for good, delete its Node`,
  })
}
