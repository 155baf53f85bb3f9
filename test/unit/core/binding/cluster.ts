/** What the tests of binding start from: hosts, what is on them, and an interface. */
import type { Condition } from '../../../../src/api/conditions.ts'
import type { GuestGrant, GuestGrantSpec } from '../../../../src/api/guest-grant.ts'
import type { GuestInterface, GuestInterfaceSpec, PortStatus } from '../../../../src/api/guest-interface.ts'
import { apiVersion } from '../../../../src/api/resource.ts'
import type { Decision, Surroundings } from '../../../../src/core/binding/decide.ts'
import type { KnownHost, Sighting } from '../../../../src/core/binding/place.ts'
import { guestInterface } from '../manifests.ts'

export const one = '11111111-1111-4111-8111-111111111111'
export const two = '22222222-2222-4222-8222-222222222222'

export function host(name: string, more: Partial<KnownHost> = {}): KnownHost {
  return { name, labels: {}, silent: false, looked: true, ...more }
}

export function runs(hostName: string, more: Partial<Sighting> = {}): Sighting {
  return { hostName, name: 'vm1', uuid: one, running: true, ...more }
}

export function isOff(hostName: string, more: Partial<Sighting> = {}): Sighting {
  return runs(hostName, { running: false, ...more })
}

export function grant(spec: Partial<GuestGrantSpec> = {}): GuestGrant {
  return {
    apiVersion,
    kind: 'GuestGrant',
    metadata: { name: 'grant' },
    spec: { namespace: 'default', guests: [{ name: 'vm1' }], ...spec },
  }
}

/** Hosts abc, def and ghi, all of whose agents answer, and vm1 granted to the namespace. */
export function cluster(
  sightings: Sighting[],
  more: Partial<Surroundings> & { silent?: string[]; gone?: string[] } = {},
): Surroundings {
  const { silent = [], gone = [], ...rest } = more
  const names = ['abc', 'def', 'ghi'].filter((name) => !gone.includes(name))
  return {
    sightings,
    hosts: new Map(names.map((name) => [name, host(name, { silent: silent.includes(name) })])),
    grants: [grant()],
    networks: [],
    namespaceLabels: {},
    ...rest,
  }
}

export function unbound(spec: Partial<GuestInterfaceSpec> = {}): GuestInterface {
  return guestInterface(spec)
}

export function bound(
  status: {
    hostName?: string
    nextHostName?: string
    port?: boolean | string
    ready?: Condition['status']
  } = {},
  spec: Partial<GuestInterfaceSpec> = {},
): GuestInterface {
  const { hostName = 'abc', nextHostName, port = true, ready = port ? 'True' : 'False' } = status
  return {
    ...guestInterface(spec),
    status: {
      hostName,
      guestUUID: one,
      ...(nextHostName && { nextHostName }),
      ...(port && { port: portOn(port === true ? hostName : port) }),
      conditions: [readyIs(ready)],
    },
  }
}

export function readyIs(status: Condition['status']): Condition {
  const reason = { True: 'InSync', False: 'Moving', Unknown: 'Binding' }[status]
  return { type: 'Ready', status, reason, message: '', lastTransitionTime: '2026-01-01T00:00:00Z' }
}

export function going(resource: GuestInterface): GuestInterface {
  return { ...resource, metadata: { ...resource.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }
}

export function portOn(hostName: string): PortStatus {
  return { kind: 'bridge', name: 'br0', hostName, bridge: 'br0' }
}

/** `abc`, `abc > def` for a move, `-` for nowhere; then what is said: `Binding`, or `!REASON` of what holds it. */
export function text({ hostName, nextHostName, bound: said, held, finalizer }: Decision): string {
  const where = hostName ? [hostName, ...(nextHostName ? ['>', nextHostName] : [])].join(' ') : '-'
  const words = [where, said?.reason, held && `!${held.reason}`, !finalizer && 'free']
  return words.filter(Boolean).join(' ')
}
