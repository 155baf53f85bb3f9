/** libvirt's events as small typed objects, and the bounded queue between the socket and whoever listens. */
import { type Infer, int32, option, struct, type XdrType } from '@stellar/js-xdr'
import type { CallLimits, Connection } from './connection.ts'
import { isLibvirtError } from './error.ts'
import type { Frame } from './frame.ts'
import { type Driver, domain, network, nodeDevice, procedures } from './procedures.ts'
import { text } from './xdr.ts'

export type LibvirtEvent =
  | {
      kind: 'domain'
      event: DomainChange | 'device-added' | 'device-removed' | 'device-removal-failed' | 'metadata-changed'
      uuid: string
      name: string
      /** Of the device, for the events about one. */
      alias?: string
    }
  | { kind: 'network'; event: NetworkChange; uuid: string; name: string }
  | { kind: 'node-device'; event: NodeDeviceChange; name: string }
  /** Events were dropped: whatever they would have told has to be read afresh. */
  | { kind: 'overflow' }

/** The numbers on the wire are the indexes. A newer libvirt's further ones are `changed`. */
const domainChanges = [
  'defined',
  'undefined',
  'started',
  'suspended',
  'resumed',
  'stopped',
  'shutdown',
  'pmsuspended',
  'crashed',
] as const
const networkChanges = ['defined', 'undefined', 'started', 'stopped'] as const
const nodeDeviceChanges = ['created', 'deleted', 'defined', 'undefined'] as const
type DomainChange = (typeof domainChanges)[number] | 'changed'
type NetworkChange = (typeof networkChanges)[number] | 'changed'
type NodeDeviceChange = (typeof nodeDeviceChanges)[number] | 'changed'

const int = int32()
const domainLifecycle = struct('domain lifecycle', { callback: int, domain, event: int, detail: int })
const domainDevice = struct('device of a domain', { callback: int, domain, alias: text })
const domainMetadata = struct('domain metadata', { callback: int, domain, type: int, uri: option(text) })
const networkLifecycle = struct('network lifecycle', { callback: int, network, event: int, detail: int })
const nodeDeviceLifecycle = struct('node device lifecycle', {
  callback: int,
  device: nodeDevice,
  event: int,
  detail: int,
})

function reading<T>(body: XdrType<T>, toEvent: (message: T) => LibvirtEvent) {
  return (bytes: Uint8Array): LibvirtEvent => toEvent(body.decode(bytes))
}

function deviceEvent(event: 'device-added' | 'device-removed' | 'device-removal-failed') {
  return reading(domainDevice, ({ domain: { uuid, name }, alias }) => {
    return { kind: 'domain', event, uuid, name, alias }
  })
}

/** By the number of the message on the wire. */
const messages: Readonly<Record<number, (body: Uint8Array) => LibvirtEvent>> = {
  // DOMAIN_EVENT_CALLBACK_LIFECYCLE, _DEVICE_REMOVED, _DEVICE_ADDED, _DEVICE_REMOVAL_FAILED, _METADATA_CHANGE
  318: reading(domainLifecycle, ({ domain: { uuid, name }, event }) => {
    return { kind: 'domain', event: domainChanges[event] ?? 'changed', uuid, name }
  }),
  333: deviceEvent('device-removed'),
  354: deviceEvent('device-added'),
  367: deviceEvent('device-removal-failed'),
  379: reading(domainMetadata, ({ domain: { uuid, name } }: Infer<typeof domainMetadata>) => {
    return { kind: 'domain', event: 'metadata-changed', uuid, name }
  }),
  // NETWORK_EVENT_LIFECYCLE
  315: reading(networkLifecycle, ({ network: { uuid, name }, event }) => {
    return { kind: 'network', event: networkChanges[event] ?? 'changed', uuid, name }
  }),
  // NODE_DEVICE_EVENT_LIFECYCLE
  376: reading(nodeDeviceLifecycle, ({ device: { name }, event }) => {
    return { kind: 'node-device', event: nodeDeviceChanges[event] ?? 'changed', name }
  }),
}

/** The event in a frame; undefined for one that we don't know. What cannot be read counts as lost: an overflow. */
export function eventFromFrame(frame: Frame): LibvirtEvent | undefined {
  try {
    return messages[frame.procedure]?.(frame.body)
  } catch {
    return { kind: 'overflow' }
  }
}

/** VIR_DOMAIN_EVENT_ID_LIFECYCLE, _DEVICE_REMOVED, _DEVICE_ADDED, _DEVICE_REMOVAL_FAILED, _METADATA_CHANGE */
const domainEvents = [0, 15, 19, 22, 23]
/** VIR_NETWORK_EVENT_ID_LIFECYCLE and VIR_NODE_DEVICE_EVENT_ID_LIFECYCLE */
const lifecycle = 0

/** Asks for all events of these drivers. A driver that this libvirt is built or run without has none to tell. */
export async function watchEvents(
  connection: Connection,
  drivers: readonly Driver[],
  limits: CallLimits,
): Promise<void> {
  const asked: Promise<unknown>[] = []
  if (drivers.includes('domain')) {
    for (const event of domainEvents) {
      asked.push(connection.call(procedures.watchDomains, { event, domain: null }, limits))
    }
  }
  if (drivers.includes('network')) {
    asked.push(connection.call(procedures.watchNetworks, { event: lifecycle, network: null }, limits))
  }
  if (drivers.includes('node-device')) {
    asked.push(connection.call(procedures.watchNodeDevices, { event: lifecycle, device: null }, limits))
  }
  for (const result of await Promise.allSettled(asked)) {
    if (result.status === 'rejected' && !isLibvirtError(result.reason, 'VIR_ERR_NO_SUPPORT'))
      throw result.reason
  }
}

/**
 * Hands events on in slices, so that a storm of them neither keeps replies waiting nor grows without bound: a full
 * queue is dropped as a whole and one overflow takes its place.
 */
export class EventQueue {
  readonly #limit: number
  readonly #slice = 256
  readonly #deliver: (event: LibvirtEvent) => void
  #events: LibvirtEvent[] = []
  #scheduled = false

  constructor(deliver: (event: LibvirtEvent) => void, limit = 10_000) {
    this.#deliver = deliver
    this.#limit = limit
  }

  push(event: LibvirtEvent): void {
    if (this.#events.length >= this.#limit) this.#events = [{ kind: 'overflow' }]
    // An overflow says all that what comes behind it could say.
    if (this.#events[0]?.kind === 'overflow') return
    this.#events.push(event)
    this.#schedule()
  }

  /** Forgets what waits: the connection is gone, and everything is read afresh when it is back. */
  clear(): void {
    this.#events = []
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      const slice = this.#events.splice(0, this.#slice)
      if (this.#events.length > 0) this.#schedule()
      for (const event of slice) this.#deliver(event)
    })
  }
}
