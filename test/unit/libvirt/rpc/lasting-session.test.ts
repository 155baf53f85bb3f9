import { int32, struct } from '@stellar/js-xdr'
import { describe, expect, test } from 'vitest'
import { LibvirtClient } from '../../../../src/libvirt/client.ts'
import { type Driver, domain, procedures } from '../../../../src/libvirt/rpc/procedures.ts'
import { afterHandshake, answerHandshake, eventFrame, Peer, type PeerConnection } from './peer.ts'

const {
  libVersion,
  listDomains,
  listNetworks,
  listNodeDevices,
  networkDestroy,
  networkUpdate,
  open,
  supportsFeature,
  updateDevice,
} = procedures
const net1 = { name: 'net1', uuid: '09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f' }
const vm1 = { ...net1, name: 'vm1', id: 1 }
const both = { live: true, saved: true }

const answerAll = afterHandshake((call, connection) => {
  switch (call.procedure) {
    case listDomains.number:
      return connection.reply(call, listDomains.result, { domains: [vm1], count: 1 })
    case listNetworks.number:
      return connection.reply(call, listNetworks.result, { networks: [net1], count: 1 })
    case listNodeDevices.number:
      return connection.reply(call, listNodeDevices.result, { devices: [{ name: 'computer' }], count: 1 })
    case libVersion.number:
      return connection.reply(call, libVersion.result, { version: 9_000_000n })
    default:
      return connection.reply(call, updateDevice.result, {})
  }
})

async function connected(socket: string, stack: AsyncDisposableStack): Promise<LibvirtClient> {
  const client = new LibvirtClient({ socket })
  stack.defer(() => client.close())
  await client.connect()
  return client
}

/** The procedures that each of a peer's connections was asked for. */
const asked = (peer: Peer) => peer.connections.map(({ calls }) => calls.map((call) => call.procedure))

describe('one daemon for everything', () => {
  test('has three connections: events, reads and writes', async () => {
    await using stack = new AsyncDisposableStack()
    const peer = stack.use(await Peer.start(answerAll))
    const client = await connected(peer.path, stack)
    expect(await client.listDomains()).toEqual([vm1])
    expect(await client.listNetworks()).toEqual([net1])
    expect(await client.listNodeDevices()).toEqual(['computer'])
    await client.updateDevice(vm1, '<interface/>', both)
    await client.networkDestroy(net1)
    const opening = [66, 60, 1]
    expect(asked(peer)).toEqual([
      [...opening, 316, 316, 316, 316, 316, 313, 374],
      [...opening, supportsFeature.number, listDomains.number, listNetworks.number, listNodeDevices.number],
      [...opening, updateDevice.number, networkDestroy.number],
    ])
    expect(open.args.decode(peer.connections[0]!.calls[2]!.body).name).toBe('qemu:///system')
  })

  test('is found in a directory too', async () => {
    await using stack = new AsyncDisposableStack()
    const peer = stack.use(await Peer.start(answerAll))
    const client = await connected(peer.directory, stack)
    expect(await client.listDomains()).toEqual([vm1])
  })
})

test('modular daemons: every call goes to the daemon of its driver', async () => {
  await using stack = new AsyncDisposableStack()
  const qemu = stack.use(await Peer.start(answerAll, 'virtqemud-sock'))
  const network = stack.use(await Peer.start(answerAll, 'virtnetworkd-sock', qemu.directory))
  const nodeDevice = stack.use(await Peer.start(answerAll, 'virtnodedevd-sock', qemu.directory))
  const client = await connected(qemu.directory, stack)
  await client.listDomains()
  await client.listNetworks()
  await client.listNodeDevices()
  await client.networkDestroy(net1)
  const uris = [qemu, network, nodeDevice].map(
    (peer) => open.args.decode(peer.connections[0]!.calls[2]!.body).name,
  )
  expect(uris).toEqual(['qemu:///system', 'network:///system', 'nodedev:///system'])
  const numbers = (driver: Driver) =>
    Object.values(procedures).flatMap((one) => (one.driver === driver ? [one.number] : []))
  const others = [network, nodeDevice].flatMap((peer) =>
    asked(peer)
      .flat()
      .filter((number) => number > 2),
  )
  expect(others.filter((number) => numbers('domain').includes(number) && ![66, 60].includes(number))).toEqual(
    [],
  )
  expect(asked(qemu).flat()).not.toContain(listNetworks.number)
  expect(asked(network).flat()).toEqual(
    expect.arrayContaining([313, listNetworks.number, networkDestroy.number]),
  )
  expect(asked(nodeDevice).flat()).toEqual(expect.arrayContaining([374, listNodeDevices.number]))
})

describe('libvirt comes and goes', () => {
  test('the client connects again by itself, tells so, and fails calls at once meanwhile', async () => {
    await using stack = new AsyncDisposableStack()
    const peer = stack.use(await Peer.start(answerAll))
    const client = await connected(peer.path, stack)
    const lost = new Promise<Error>((resolve) => client.onDisconnected(resolve))
    await peer.stop()
    expect((await lost).message).toContain('closed')
    expect(client.connected).toBe(false)
    await expect(client.listDomains()).rejects.toMatchObject({
      code: 'NOT_CONNECTED',
      sort: 'retryable',
      procedure: 'CONNECT_LIST_ALL_DOMAINS',
    })
    const back = new Promise<void>((resolve) => client.onConnected(resolve))
    await peer.listen()
    await back
    expect(client.connected).toBe(true)
    expect(client.failure).toBeUndefined()
    expect(await client.listDomains()).toEqual([vm1])
  })

  test('it waits for a libvirt that is not there yet, and says why', async () => {
    await using stack = new AsyncDisposableStack()
    const peer = stack.use(await Peer.start(answerAll))
    await peer.stop()
    const client = new LibvirtClient({ socket: peer.path })
    stack.defer(() => client.close())
    const connecting = client.connect()
    while (!client.failure) await new Promise(setImmediate)
    expect(client.failure).toMatchObject({
      code: 'NOT_CONNECTED',
      message: expect.stringContaining(peer.path),
    })
    await peer.listen()
    await connecting
    expect(client.connected).toBe(true)
  })

  test('one connection lost is all lost: writes fail as interrupted', async () => {
    await using stack = new AsyncDisposableStack()
    const peer = stack.use(
      await Peer.start((call, connection) => {
        if (call.procedure !== updateDevice.number) answerAll(call, connection)
      }),
    )
    const client = await connected(peer.path, stack)
    const writing = expect(client.updateDevice(vm1, '<interface/>', both)).rejects.toMatchObject({
      sort: 'interrupted',
    })
    await peer.until(() => peer.connections[2]!.calls.length === 4)
    peer.connections[0]!.socket.destroy() // events
    await writing
    await peer.until(() => peer.connections.slice(0, 3).every(({ socket }) => socket.destroyed))
  })

  test('a signal ends the waiting, with the last failure as the cause', async () => {
    const client = new LibvirtClient({ socket: '/nowhere' })
    const aborting = new AbortController()
    const connecting = client.connect(aborting.signal)
    const rejected = expect(connecting).rejects.toMatchObject({
      code: 'NOT_CONNECTED',
      message: expect.stringContaining('/nowhere'),
    })
    while (!client.failure) await new Promise(setImmediate)
    aborting.abort()
    await rejected
    await client.close()
  })

  test('the signal means nothing once connected; close ends it for good', async () => {
    await using stack = new AsyncDisposableStack()
    const peer = stack.use(await Peer.start(answerAll))
    const client = new LibvirtClient({ socket: peer.path })
    const aborting = new AbortController()
    await client.connect(aborting.signal)
    aborting.abort()
    expect(await client.listDomains()).toEqual([vm1])
    await client.close()
    await peer.until(() => peer.connections.every(({ socket }) => socket.destroyed))
    expect(client.connected).toBe(false)
    await expect(client.listDomains()).rejects.toMatchObject({ code: 'NOT_CONNECTED' })
    expect(peer.connections.length).toBe(3)
  })
})

describe('events', () => {
  const lifecycle = struct('', { callback: int32(), domain, event: int32(), detail: int32() })
  const started = eventFrame(318, lifecycle, { callback: 0, domain: vm1, event: 2, detail: 0 })

  test('reach the listeners until they stop listening', async () => {
    await using stack = new AsyncDisposableStack()
    const peer = stack.use(await Peer.start(answerAll))
    const client = await connected(peer.path, stack)
    const received: unknown[] = []
    const stop = client.onEvent((event) => received.push(event))
    const seen = new Promise((resolve) => client.onEvent(resolve))
    peer.connections[0]!.socket.write(started)
    await seen
    stop()
    const again = new Promise((resolve) => client.onEvent(resolve))
    peer.connections[0]!.socket.write(started)
    await again
    expect(received).toEqual([{ kind: 'domain', event: 'started', uuid: vm1.uuid, name: 'vm1' }])
  })

  test('a storm is read all the time and becomes one overflow', async () => {
    await using stack = new AsyncDisposableStack()
    const peer = stack.use(await Peer.start(answerAll))
    const client = await connected(peer.path, stack)
    const overflow = new Promise<void>((resolve) => {
      client.onEvent(({ kind }) => {
        if (kind === 'overflow') resolve()
      })
    })
    const storm = Buffer.concat(Array.from({ length: 100_000 }, () => started))
    await new Promise<void>((resolve) => void peer.connections[0]!.socket.write(storm, () => resolve()))
    await overflow
    expect(await client.listDomains()).toEqual([vm1])
  })

  test('a driver that libvirt runs without is no reason not to connect; any other refusal is', async () => {
    await using stack = new AsyncDisposableStack()
    const refusing =
      (code: number) => (call: Parameters<typeof answerAll>[0], connection: PeerConnection) => {
        if (call.procedure === 374) connection.replyError(call, code, 'no')
        else answerHandshake(call, connection)
      }
    const without = stack.use(await Peer.start(refusing(3)))
    await connected(without.path, stack)
    const denied = stack.use(await Peer.start(refusing(88)))
    const client = new LibvirtClient({ socket: denied.path })
    stack.defer(() => client.close())
    const connecting = client.connect()
    connecting.catch(() => undefined)
    while (!client.failure) await new Promise(setImmediate)
    expect(client.failure).toMatchObject({ code: 'VIR_ERR_ACCESS_DENIED' })
  })
})

test.each([
  { supported: 1, command: 2, section: 4 },
  { supported: 0, command: 4, section: 2 },
])('a network update to a server whose feature 16 is $supported', async ({ supported, command, section }) => {
  await using stack = new AsyncDisposableStack()
  const peer = stack.use(
    await Peer.start((call, connection) => {
      const feature =
        call.procedure === supportsFeature.number && supportsFeature.args.decode(call.body).feature
      if (feature === 16) connection.reply(call, supportsFeature.result, { supported })
      else answerAll(call, connection)
    }),
  )
  const client = await connected(peer.path, stack)
  const update = { command: 'delete', section: 'ip-dhcp-host', parentIndex: 0, xml: '<host/>' } as const
  await client.networkUpdate(net1, update, both)
  const sent = networkUpdate.args.decode(peer.connections[2]!.calls.at(-1)!.body)
  expect(sent).toMatchObject({ command, section, parentIndex: 0, xml: '<host/>', flags: 3 })
})

test('a change of neither definition is refused, since libvirt would take it for whichever is there', async () => {
  await using stack = new AsyncDisposableStack()
  const peer = stack.use(await Peer.start(answerAll))
  const client = await connected(peer.path, stack)
  await expect(client.updateDevice(vm1, '<interface/>', { live: false, saved: false })).rejects.toMatchObject(
    {
      code: 'INVALID_ARGUMENT',
    },
  )
})
