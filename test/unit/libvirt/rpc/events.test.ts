import { int32, option, struct } from '@stellar/js-xdr'
import { describe, expect, test } from 'vitest'
import { EventQueue, eventFromFrame, type LibvirtEvent } from '../../../../src/libvirt/rpc/events.ts'
import { FrameReader } from '../../../../src/libvirt/rpc/frame.ts'
import { domain, network, nodeDevice } from '../../../../src/libvirt/rpc/procedures.ts'
import { text } from '../../../../src/libvirt/rpc/xdr.ts'
import { eventFrame, rawFrame } from './peer.ts'

const int = int32()
const callback = 3
const uuid = '09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f'
const vm1 = { name: 'vm1', uuid, id: 7 }
const who = { uuid, name: 'vm1' }

function decode(bytes: Buffer): LibvirtEvent | undefined {
  let event: LibvirtEvent | undefined
  new FrameReader((frame) => {
    event = eventFromFrame(frame)
  }).push(bytes)
  return event
}

const lifecycle = struct('', { callback: int, domain, event: int, detail: int })
const device = struct('', { callback: int, domain, alias: text })
const metadata = struct('', { callback: int, domain, type: int, uri: option(text) })
const ofNetwork = struct('', { callback: int, network, event: int, detail: int })
const ofNodeDevice = struct('', { callback: int, device: nodeDevice, event: int, detail: int })
const domainChange = (event: number) =>
  eventFrame(318, lifecycle, { callback, domain: vm1, event, detail: 0 })
const networkChange = (event: number) =>
  eventFrame(315, ofNetwork, { callback, network: who, event, detail: 0 })
const deviceChange = (number: number) => eventFrame(number, device, { callback, domain: vm1, alias: 'net0' })

test.each<[string, Buffer, LibvirtEvent | undefined]>([
  ['defined', domainChange(0), { kind: 'domain', event: 'defined', ...who }],
  ['started', domainChange(2), { kind: 'domain', event: 'started', ...who }],
  ['stopped', domainChange(5), { kind: 'domain', event: 'stopped', ...who }],
  ['crashed', domainChange(8), { kind: 'domain', event: 'crashed', ...who }],
  ['a change of a later libvirt', domainChange(99), { kind: 'domain', event: 'changed', ...who }],
  ['removed', deviceChange(333), { kind: 'domain', event: 'device-removed', alias: 'net0', ...who }],
  ['added', deviceChange(354), { kind: 'domain', event: 'device-added', alias: 'net0', ...who }],
  [
    'removal failed',
    deviceChange(367),
    { kind: 'domain', event: 'device-removal-failed', alias: 'net0', ...who },
  ],
  [
    'metadata',
    eventFrame(379, metadata, { callback, domain: vm1, type: 2, uri: 'urn:x' }),
    { kind: 'domain', event: 'metadata-changed', ...who },
  ],
  ['network started', networkChange(2), { kind: 'network', event: 'started', ...who }],
  ['network stopped', networkChange(3), { kind: 'network', event: 'stopped', ...who }],
  [
    'node device',
    eventFrame(376, ofNodeDevice, { callback, device: { name: 'net_eth0' }, event: 1, detail: 0 }),
    { kind: 'node-device', event: 'deleted', name: 'net_eth0' },
  ],
  ['an event that nobody asked for', rawFrame({ procedure: 1000, type: 2 }), undefined],
  [
    'an event that cannot be read counts as lost',
    rawFrame({ procedure: 318, type: 2 }, Buffer.alloc(9)),
    { kind: 'overflow' },
  ],
])('%s', (_, bytes, event) => {
  expect(decode(bytes)).toEqual(event)
})

describe('the queue', () => {
  const events = (count: number): LibvirtEvent[] =>
    Array.from({ length: count }, (_, i) => ({ kind: 'node-device', event: 'created', name: String(i) }))

  /** Everything that the queue hands on until it is empty. */
  async function drained(queue: EventQueue, received: LibvirtEvent[]): Promise<LibvirtEvent[]> {
    const end: LibvirtEvent = { kind: 'node-device', event: 'deleted', name: 'end' }
    while (received.length === 0) await new Promise(setImmediate)
    queue.push(end)
    while (received.at(-1) !== end) await new Promise(setImmediate)
    return received.slice(0, -1)
  }

  test('keeps the order', async () => {
    const received: LibvirtEvent[] = []
    const queue = new EventQueue((event) => received.push(event), 10_000)
    for (const event of events(10_000)) queue.push(event)
    expect(received).toEqual([])
    expect(await drained(queue, received)).toEqual(events(10_000))
  })

  test('one more than the limit drops all for a single overflow', async () => {
    const received: LibvirtEvent[] = []
    const queue = new EventQueue((event) => received.push(event), 100)
    for (const event of events(250)) queue.push(event)
    expect(await drained(queue, received)).toEqual([{ kind: 'overflow' }])
  })

  test('hands on what comes after an overflow', async () => {
    const received: LibvirtEvent[] = []
    const queue = new EventQueue((event) => received.push(event), 2)
    for (const event of events(3)) queue.push(event)
    while (received.length === 0) await new Promise(setImmediate)
    queue.push(events(1)[0]!)
    expect(await drained(queue, received)).toEqual([{ kind: 'overflow' }, events(1)[0]])
  })

  test('lets others have their turn in a storm', async () => {
    const received: LibvirtEvent[] = []
    const queue = new EventQueue((event) => received.push(event), 10_000)
    for (const event of events(5_000)) queue.push(event)
    await new Promise(setImmediate)
    expect(received.length).toBeLessThan(5_000)
  })
})
