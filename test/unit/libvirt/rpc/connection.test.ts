import { array, int32, string, struct, uint32 } from '@stellar/js-xdr'
import { describe, expect, test } from 'vitest'
import { Connection, MAX_IN_FLIGHT } from '../../../../src/libvirt/rpc/connection.ts'
import type { LibvirtError } from '../../../../src/libvirt/rpc/error.ts'
import type { Frame } from '../../../../src/libvirt/rpc/frame.ts'
import { KEEPALIVE_PROGRAM, procedures } from '../../../../src/libvirt/rpc/procedures.ts'
import { afterHandshake, answerHandshake, type Behaviour, Peer, rawFrame } from './peer.ts'

const { authList, authPolkit, domainXML, libVersion, listDomains, nodeDeviceParent, open, updateDevice } =
  procedures
const domain = { name: 'vm1', uuid: '09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f', id: 1 }
const update = { domain, xml: '<interface/>', flags: 1 }
const uri = 'test:///default'
const long = { deadline: 60_000 }

/** A connection, past its handshake, to a peer that behaves like this. */
async function connect(behaviour: Behaviour, options: { onEvent?: (frame: Frame) => void } = {}) {
  const stack = new AsyncDisposableStack()
  const peer = stack.use(await Peer.start(afterHandshake(behaviour)))
  const connection = await Connection.open({ path: peer.path, uri, ...options })
  stack.defer(() => connection.close())
  const calls = () => peer.connections[0]!.calls.slice(3) // auth, feature, open
  return { peer, connection, calls, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

/** What a promise is rejected with. */
async function failure(promise: Promise<unknown>): Promise<LibvirtError> {
  try {
    await promise
  } catch (error) {
    return error as LibvirtError
  }
  throw new Error('it was not rejected')
}

const silence: Behaviour = () => undefined

describe('connecting', () => {
  test('asks for authentication, keepalive and the driver, in libvirt’s order', async () => {
    await using peer = await Peer.start((call, connection) => void answerHandshake(call, connection))
    const connection = await Connection.open({ path: peer.path, uri })
    const { calls } = peer.connections[0]!
    expect(calls.map((call) => call.procedure)).toEqual([66, 60, 1])
    expect(open.args.decode(calls[2]!.body)).toEqual({ name: 'test:///default', flags: 0 })
    connection.close()
  })

  test.each([
    { types: [0], asksPolkit: false },
    { types: [], asksPolkit: false },
    { types: [1, 0], asksPolkit: false },
    { types: [2], asksPolkit: true },
    { types: [1, 2], asksPolkit: true },
  ])('authentication of types $types', async ({ types, asksPolkit }) => {
    await using peer = await Peer.start((call, connection) => {
      if (call.procedure === authList.number) connection.reply(call, authList.result, { types })
      else if (call.procedure === authPolkit.number)
        connection.reply(call, authPolkit.result, { complete: 1 })
      else answerHandshake(call, connection)
    })
    const connection = await Connection.open({ path: peer.path, uri })
    expect(peer.connections[0]!.calls.some((call) => call.procedure === authPolkit.number)).toBe(asksPolkit)
    connection.close()
  })

  test.each([
    { what: 'only SASL is offered', types: [1], polkit: undefined, code: 'NO_USABLE_AUTH' },
    { what: 'polkit says no', types: [2], polkit: 45, code: 'VIR_ERR_AUTH_FAILED' },
    { what: 'polkit does not finish', types: [2], polkit: 0, code: 'NO_USABLE_AUTH' },
  ])('$what: terminal, and the connection is closed', async ({ types, polkit, code }) => {
    await using peer = await Peer.start((call, connection) => {
      if (call.procedure === authList.number) connection.reply(call, authList.result, { types })
      else if (polkit) connection.replyError(call, polkit, 'authentication failed')
      else connection.reply(call, authPolkit.result, { complete: 0 })
    })
    expect(await failure(Connection.open({ path: peer.path, uri }))).toMatchObject({ code, sort: 'terminal' })
    await peer.until(() => peer.connections[0]!.socket.destroyed)
  })

  test('nobody listens: retryable, naming the socket and why', async () => {
    expect(await failure(Connection.open({ path: '/nowhere/libvirt-sock', uri }))).toMatchObject({
      code: 'NOT_CONNECTED',
      sort: 'retryable',
      message: 'cannot connect to libvirt at /nowhere/libvirt-sock: no such file or directory',
    })
  })

  test('an abort ends it', async () => {
    await using peer = await Peer.start(silence)
    const aborting = new AbortController()
    const opening = failure(Connection.open({ path: peer.path, uri }, aborting.signal))
    await peer.until(() => peer.connections[0]?.calls.length === 1)
    aborting.abort(new Error('enough'))
    expect(await opening).toMatchObject({ code: 'ABORTED', cause: { message: 'enough' } })
    expect((await failure(Connection.open({ path: peer.path, uri }, aborting.signal))).code).toBe(
      'NOT_CONNECTED',
    )
  })
})

describe('calls', () => {
  test('replies find their calls by serial, in whatever order they come', async () => {
    const held: Frame[] = []
    await using connected = await connect((call, peer) => {
      held.push(call)
      if (held.length < 3) return
      for (const one of held.reverse()) {
        const { domain } = domainXML.args.decode(one.body)
        peer.reply(one, domainXML.result, { xml: `<${domain.name}/>` })
      }
    })
    const { connection } = connected
    const names = ['a', 'b', 'c']
    const answers = names.map((name) =>
      connection.call(domainXML, { domain: { ...domain, name }, flags: 0 }, long),
    )
    expect((await Promise.all(answers)).map(({ xml }) => xml)).toEqual(['<a/>', '<b/>', '<c/>'])
  })

  test('at most four are under way; the others follow in their order', async () => {
    let free = () => {}
    const opened = new Promise<void>((resolve) => {
      free = resolve
    })
    let most = 0
    let underWay = 0
    await using connected = await connect(async (call, peer) => {
      underWay += 1
      most = Math.max(most, underWay)
      await opened
      underWay -= 1
      peer.reply(call, updateDevice.result, {})
    })
    const { connection, calls, peer } = connected
    const all = Array.from({ length: 20 }, (_, i) =>
      connection.call(updateDevice, { ...update, xml: String(i) }, long),
    )
    await peer.until(() => calls().length === MAX_IN_FLIGHT)
    free()
    await Promise.all(all)
    expect(most).toBe(MAX_IN_FLIGHT)
    expect(calls().map((call) => updateDevice.args.decode(call.body).xml)).toEqual(
      all.map((_, i) => String(i)),
    )
  })

  test('an error has libvirt’s code, message and the procedure', async () => {
    await using connected = await connect((call, peer) => peer.replyError(call, 42, 'no domain'))
    expect(await failure(connected.connection.call(updateDevice, update, long))).toMatchObject({
      code: 'VIR_ERR_NO_DOMAIN',
      domain: 'VIR_FROM_QEMU',
      message: 'no domain',
      sort: 'terminal',
      procedure: 'DOMAIN_UPDATE_DEVICE_FLAGS',
    })
  })

  test('what cannot be encoded is refused and nothing is sent', async () => {
    await using connected = await connect((call, peer) =>
      peer.reply(call, libVersion.result, { version: 1n }),
    )
    const { connection, calls } = connected
    const hostile = { ...update, xml: '<a>\0</a>' }
    expect(await failure(connection.call(updateDevice, hostile, long))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      sort: 'terminal',
    })
    await connection.call(libVersion, {}, long)
    expect(calls().map((call) => call.procedure)).toEqual([libVersion.number])
  })

  test('a nil pointer is null', async () => {
    await using connected = await connect((call, peer) =>
      peer.reply(call, nodeDeviceParent.result, { parent: null }),
    )
    expect(await connected.connection.call(nodeDeviceParent, { name: 'computer' }, long)).toEqual({
      parent: null,
    })
  })

  test('libvirt’s pings are answered', async () => {
    await using connected = await connect(silence)
    const peer = connected.peer.connections[0]!
    peer.socket.write(rawFrame({ program: KEEPALIVE_PROGRAM, procedure: 1, type: 2 }))
    await connected.peer.until(() => peer.keepalive.length > 0)
    expect(peer.keepalive[0]).toMatchObject({ procedure: 2, type: 2, serial: 0, status: 0 })
  })
})

describe('a deadline', () => {
  const soon = { deadline: 20 }

  test('of a read that was sent: retryable', async () => {
    await using connected = await connect(silence)
    expect(await failure(connected.connection.call(domainXML, { domain, flags: 0 }, soon))).toMatchObject({
      code: 'DEADLINE_PASSED',
      sort: 'retryable',
    })
  })

  test('of a write that was sent: interrupted, since it may have happened', async () => {
    await using connected = await connect(silence)
    expect(await failure(connected.connection.call(updateDevice, update, soon))).toMatchObject({
      code: 'DEADLINE_PASSED',
      sort: 'interrupted',
      message: expect.stringContaining('may have happened'),
    })
  })

  test('of a write that was not sent yet: retryable, and it is never sent', async () => {
    const held: Frame[] = []
    await using connected = await connect((call) => void held.push(call))
    const { connection, peer, calls } = connected
    const stuck = Array.from({ length: MAX_IN_FLIGHT }, () => connection.call(updateDevice, update, long))
    const late = await failure(connection.call(updateDevice, { ...update, xml: 'late' }, soon))
    expect(late).toMatchObject({
      code: 'DEADLINE_PASSED',
      sort: 'retryable',
      message: expect.stringContaining('not sent'),
    })
    const last = connection.call(updateDevice, { ...update, xml: 'last' }, long)
    for (const call of held) peer.connections[0]!.reply(call, updateDevice.result, {})
    await Promise.all(stuck)
    await peer.until(() => calls().length === MAX_IN_FLIGHT + 1)
    peer.connections[0]!.reply(held.at(-1)!, updateDevice.result, {})
    await last
    expect(updateDevice.args.decode(calls().at(-1)!.body).xml).toBe('last')
  })

  test('gives the place free only when the late reply comes, which nobody hears', async () => {
    const held: Frame[] = []
    await using connected = await connect((call) => void held.push(call))
    const { connection, peer, calls } = connected
    const given = Array.from({ length: MAX_IN_FLIGHT }, () =>
      failure(connection.call(updateDevice, update, soon)),
    )
    await Promise.all(given)
    const next = connection.call(libVersion, {}, long)
    // A ping goes past the queue: when its answer is here, the call would have been here too.
    peer.connections[0]!.socket.write(rawFrame({ program: KEEPALIVE_PROGRAM, procedure: 1, type: 2 }))
    await peer.until(() => peer.connections[0]!.keepalive.length > 0)
    expect(calls().length).toBe(MAX_IN_FLIGHT)
    peer.connections[0]!.reply(held[0]!, updateDevice.result, {})
    await peer.until(() => calls().length === MAX_IN_FLIGHT + 1)
    peer.connections[0]!.reply(calls().at(-1)!, libVersion.result, { version: 9_000_000n })
    expect(await next).toEqual({ version: 9_000_000n })
  })
})

describe('an abort', () => {
  test('rejects every call under its signal, sent or not, with one listener on it', async () => {
    await using connected = await connect(silence)
    const { connection, peer, calls } = connected
    const aborting = new AbortController()
    const { signal } = aborting
    let listeners = 0
    const add = signal.addEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners += 1
      add(...args)
    }
    const mine = Array.from({ length: 30 }, () =>
      failure(connection.call(updateDevice, update, { ...long, signal })),
    )
    await peer.until(() => calls().length === MAX_IN_FLIGHT)
    aborting.abort(new Error('shutting down'))
    const errors = await Promise.all(mine)
    expect(listeners).toBe(1)
    expect(errors.map((error) => error.code)).toEqual(mine.map(() => 'ABORTED'))
    expect(errors.map((error) => error.message.includes('may have happened'))).toEqual(
      mine.map((_, i) => i < MAX_IN_FLIGHT),
    )
    expect(errors[0]).toMatchObject({ sort: 'interrupted', cause: { message: 'shutting down' } })
    expect((await failure(connection.call(libVersion, {}, { ...long, signal }))).code).toBe('ABORTED')
  })
})

describe('a lost connection', () => {
  test('fails every waiter as interrupted, and later calls at once as retryable', async () => {
    await using connected = await connect(silence)
    const { connection, peer, calls } = connected
    const waiting = Array.from({ length: 6 }, () => failure(connection.call(updateDevice, update, long)))
    const reading = failure(connection.call(libVersion, {}, long))
    await peer.until(() => calls().length === MAX_IN_FLIGHT)
    peer.connections[0]!.socket.destroy()
    for (const error of [...(await Promise.all(waiting)), await reading]) {
      expect(error).toMatchObject({ code: 'CONNECTION_LOST', sort: 'interrupted' })
    }
    expect((await connection.closed).message).toContain('closed')
    expect(await failure(connection.call(libVersion, {}, long))).toMatchObject({
      code: 'NOT_CONNECTED',
      sort: 'retryable',
    })
  })

  test('a peer that answers no ping is dead', async () => {
    await using peer = await Peer.start((call, connection) => void answerHandshake(call, connection))
    const connection = await Connection.open({ path: peer.path, uri, keepalive: { interval: 10, count: 3 } })
    const waiting = failure(connection.call(updateDevice, update, long))
    expect(await waiting).toMatchObject({
      code: 'CONNECTION_LOST',
      message: expect.stringContaining('3 pings'),
    })
    expect(peer.connections[0]!.keepalive.map((frame) => frame.procedure)).toEqual([1, 1, 1])
  })

  test('a peer that says anything lives', async () => {
    await using peer = await Peer.start((call, connection) => {
      if (answerHandshake(call, connection)) return
      const talking = setInterval(() => {
        connection.socket.write(rawFrame({ program: KEEPALIVE_PROGRAM, procedure: 2, type: 2 }))
      }, 2)
      setTimeout(() => {
        clearInterval(talking)
        connection.reply(call, updateDevice.result, {})
      }, 150)
    })
    const connection = await Connection.open({ path: peer.path, uri, keepalive: { interval: 25, count: 1 } })
    await connection.call(updateDevice, update, long)
    connection.close()
  })
})

describe('a hostile answer', () => {
  const xml = (value: string) =>
    struct('reply', { xml: string(100_000_000) }).encode({ xml: Buffer.from(value) })
  const huge = uint32().encode(0xffff_fff0)

  test.each<
    [
      string,
      typeof domainXML | typeof listDomains | typeof updateDevice,
      Buffer | Uint8Array,
      string,
      number?,
    ]
  >([
    [
      'a string longer than its frame',
      domainXML,
      Buffer.concat([uint32().encode(4_000_000), Buffer.from('abcd')]),
      'incomplete',
    ],
    ['a string longer than libvirt’s limit', domainXML, xml('x'.repeat(4_194_305)), 'at most 4194304'],
    ['a length near 2^32', domainXML, huge, 'at most 4194304'],
    ['text that is not UTF-8', domainXML, Buffer.from('00000004fffefdfc', 'hex'), 'not UTF-8'],
    ['trailing bytes', domainXML, Buffer.concat([xml('<domain/>'), Buffer.alloc(4)]), 'trailing'],
    ['nothing at all', domainXML, Buffer.alloc(0), 'incomplete'],
    ['a list longer than its limit', listDomains, uint32().encode(16_385), 'exceeds maximum'],
    ['a list longer than its frame', listDomains, uint32().encode(16_384), 'exceeds remaining'],
    ['a list of garbage', listDomains, array(int32(), 100).encode([9, 9, 9]), 'incomplete'],
    ['an error that is none', domainXML, Buffer.from('abc'), 'incomplete', 1],
    [
      'a pointer that is neither there nor nil',
      domainXML,
      Buffer.from('000000010000000100000007', 'hex'),
      'bool',
      1,
    ],
  ])('%s fails the call alone', async (_, procedure, body, message, status = 0) => {
    await using connected = await connect((call, { socket, reply }) => {
      void reply
      if (call.procedure === libVersion.number) {
        socket.write(
          rawFrame(
            { procedure: call.procedure, serial: call.serial },
            libVersion.result.encode({ version: 9n }),
          ),
        )
      } else {
        socket.write(rawFrame({ procedure: call.procedure, serial: call.serial, status }, body))
      }
    })
    const { connection } = connected
    const call =
      procedure === listDomains
        ? connection.call(listDomains, { needResults: 1, flags: 0 }, long)
        : connection.call(domainXML, { domain, flags: 0 }, long)
    expect(await failure(call)).toMatchObject({
      code: 'MALFORMED_REPLY',
      sort: 'terminal',
      message: expect.stringContaining(message),
    })
    expect(await connection.call(libVersion, {}, long)).toEqual({ version: 9n })
  })

  test('of a write is interrupted, since it may have happened', async () => {
    await using connected = await connect((call, { socket }) => {
      socket.write(rawFrame({ procedure: call.procedure, serial: call.serial }, Buffer.alloc(4)))
    })
    expect(await failure(connected.connection.call(updateDevice, update, long))).toMatchObject({
      code: 'MALFORMED_REPLY',
      sort: 'interrupted',
    })
  })

  test.each<[string, (call: Frame) => Buffer, string]>([
    ['a serial that nobody used', (call) => rawFrame({ ...head(call), serial: 4711 }), 'call 4711'],
    ['another procedure', (call) => rawFrame({ ...head(call), procedure: 1 }), 'procedure 1 '],
    ['another program', (call) => rawFrame({ ...head(call), program: 0x2000_8087 }), 'program 0x20008087'],
    ['another version', (call) => rawFrame({ ...head(call), version: 2 }), 'version 2'],
    ['a status that is none', (call) => rawFrame({ ...head(call), status: 7 }), 'status 7'],
    ['a stream’s status', (call) => rawFrame({ ...head(call), status: 2 }), 'status 2'],
    ['a call', (call) => rawFrame({ ...head(call), type: 0 }), 'type 0'],
    ['a stream', (call) => rawFrame({ ...head(call), type: 3 }), 'type 3'],
    ['a frame too short', () => Buffer.from('0000001b', 'hex'), '27 bytes'],
    ['a frame too long', () => Buffer.from('02000005', 'hex'), '33554437 bytes'],
    ['HTTP', () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), 'bytes'],
  ])('%s closes the connection', async (_, hostile, message) => {
    await using connected = await connect((call, { socket }) => void socket.write(hostile(call)))
    const { connection } = connected
    expect(await failure(connection.call(updateDevice, update, long))).toMatchObject({
      code: 'CONNECTION_LOST',
      sort: 'interrupted',
      message: expect.stringContaining(message),
    })
    expect((await connection.closed).name).toBe('FrameError')
  })

  test('the same reply twice closes the connection', async () => {
    await using connected = await connect((call, peer) => {
      peer.reply(call, updateDevice.result, {})
      peer.reply(call, updateDevice.result, {})
    })
    await connected.connection.call(updateDevice, update, long)
    expect((await connected.connection.closed).message).toContain('not under way')
  })
})

function head(call: Frame) {
  return { procedure: call.procedure, serial: call.serial }
}
