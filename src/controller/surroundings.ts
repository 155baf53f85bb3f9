/** What the binding of an interface is decided upon, looked up in what is known of the cluster. */
import type { GuestGrant } from '../api/guest-grant.ts'
import type { GuestInterface } from '../api/guest-interface.ts'
import type { Host } from '../api/host.ts'
import type { Surroundings } from '../core/binding/decide.ts'
import type { KnownHost, KnownHosts, Sighting } from '../core/binding/place.ts'
import { namespaceOf } from '../core/identity.ts'
import { networkNameOf } from '../core/resolve/applicable.ts'
import type { ControllerContext } from './context.ts'

export function surroundingsOf(resource: GuestInterface, context: ControllerContext): Surroundings {
  const { store } = context
  const wanted = resource.spec.source.network?.name
  const sightings = sightingsOf(resource, context)
  return {
    sightings,
    hosts: knownHosts(context),
    grants: grantsOf(sightings, context),
    networks: store.list('Network').filter((network) => networkNameOf(network) === wanted),
    namespaceLabels: store.get('Namespace', namespaceOf(resource))?.metadata.labels ?? {},
  }
}

function sightingsOf({ spec, status }: GuestInterface, { store }: ControllerContext): Sighting[] {
  const { name } = spec.guest
  const uuids = [spec.guest.uuid, status?.guestUUID].flatMap((uuid) => uuid?.toLowerCase() ?? [])
  const hosts = new Set<Host>([
    ...(name === undefined ? [] : store.having('Host', 'guestName', name)),
    ...uuids.flatMap((uuid) => store.having('Host', 'guestUUID', uuid)),
  ])
  return [...hosts].flatMap(({ metadata, status: { guests = [] } = {} }) =>
    guests
      .filter((guest) => guest.name === name || uuids.includes(guest.uuid.toLowerCase()))
      .map((guest) => ({ ...guest, uuid: guest.uuid.toLowerCase(), hostName: metadata.name })),
  )
}

/** All that can name one of these guests. */
function grantsOf(guests: readonly Sighting[], { store }: ControllerContext): GuestGrant[] {
  const names = new Set(guests.map(({ name }) => name))
  const uuids = new Set(guests.map(({ uuid }) => uuid))
  return [
    ...new Set([
      ...store.having('GuestGrant', 'byPrefix', 'true'),
      ...[...names].flatMap((name) => store.having('GuestGrant', 'guestName', name)),
      ...[...uuids].flatMap((uuid) => store.having('GuestGrant', 'guestUUID', uuid)),
    ]),
  ]
}

/** A Host that somebody deleted comes again as long as its Node is there. */
function knownHosts(context: ControllerContext): KnownHosts {
  const { store, agentIsSilent, hostIsGone } = context
  const known = ({ metadata: { name, labels = {} }, status }: Host): KnownHost => ({
    name,
    labels,
    silent: agentIsSilent(name),
    looked: status?.guests !== undefined,
  })
  return {
    get: (name) => {
      const host = store.get('Host', name)
      if (host) return known(host)
      const labels = store.get('Node', name)?.metadata.labels ?? {}
      return hostIsGone(name) ? undefined : { name, labels, silent: agentIsSilent(name), looked: false }
    },
    values: () => store.list('Host').map(known),
  }
}
