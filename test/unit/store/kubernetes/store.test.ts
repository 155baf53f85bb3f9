import { describe, expect, it } from 'vitest'
import { StaleObject } from '../../../../src/store/store.ts'
import { refuse, tell } from './fake-api-server.ts'
import { applies, bound, key, network, nic, open, port, ready } from './open-store.ts'

describe('status', () => {
  it('is applied without the fields of the controller, and what was written is what is known', async () => {
    const { store, writes } = await open([bound(5)], applies())
    const conditions = [ready('True', 'InSync')]
    await store.writeStatus(key, { hostName: 'abc', nextHostName: 'def', guestUUID: 'x', port, conditions })
    const [write] = writes()
    expect(write!.url.pathname).toBe(
      '/apis/patchbay.dev/v1alpha1/namespaces/default/guestinterfaces/nic/status',
    )
    expect(Object.fromEntries(write!.url.searchParams)).toEqual({
      fieldManager: 'patchbay-agent',
      fieldValidation: 'Ignore',
      force: 'true',
    })
    expect(write!.headers['content-type']).toBe('application/apply-patch+yaml')
    expect(JSON.parse(write!.body)).toEqual({
      apiVersion: 'patchbay.dev/v1alpha1',
      kind: 'GuestInterface',
      metadata: { name: 'nic', namespace: 'default', uid: 'u1', resourceVersion: '5' },
      status: { port, conditions },
    })
    expect(nic(store)?.status).toMatchObject({ hostName: 'abc', port, conditions })
  })

  it('is not written when it is there already, in whatever order the server keeps conditions', async () => {
    const conditions = [ready('True', 'InSync'), { ...ready('True', 'GuestFound'), type: 'Bound' }]
    const foreign = { ...ready('True', 'Fine'), type: 'SomebodyElses' }
    const { store, writes } = await open(
      [bound(5, { port, conditions: [...conditions, foreign] })],
      applies(),
    )
    await store.writeStatus(key, { hostName: 'abc', port, conditions: conditions.toReversed() })
    expect(writes()).toEqual([])
  })

  it('names a version only where it sets a port', async () => {
    const { store, writes } = await open([bound(5, { port })], applies(101, { port }))
    await store.writeStatus(key, { port, guestState: 'Off' })
    await store.writeStatus(key, { guestState: 'Off' })
    for (const { body } of writes()) expect(JSON.parse(body).metadata).not.toHaveProperty('resourceVersion')
    expect(writes()).toHaveLength(2)
  })

  it('names a version too where the interface moves: it may be another agent’s by now', async () => {
    const { store, writes } = await open([bound(5, { port, nextHostName: 'def' })], applies(101))
    await store.writeStatus(key, { guestState: 'Off' })
    expect(JSON.parse(writes()[0]!.body).metadata.resourceVersion).toBe('5')
  })

  it('leaves the conditions of the controller alone, and looks again where it holds the interface', async () => {
    const duplicate = { ...ready('True', 'MacDuplicate'), type: 'MacDuplicate' }
    const conditions = [ready('True', 'InSync')]
    const { store, woken, writes, watch } = await open([bound(5, { port, conditions })], applies())
    const held = { ...ready('True', 'NotOwned'), type: 'Held' }
    tell(watch, 'MODIFIED', bound(6, { port, conditions: [...conditions, duplicate] }))
    tell(watch, 'MODIFIED', bound(7, { port, conditions: [...conditions, duplicate, held] }))
    await expect.poll(() => woken).toEqual(['nic'])
    await store.writeStatus(key, { port, conditions })
    expect(writes()).toEqual([])
  })

  it('of a port that was chosen for an object that has changed since is not written', async () => {
    const { store, woken, writes, watch } = await open([bound(5)], applies())
    tell(watch, 'MODIFIED', bound(6, { nextHostName: 'def' }))
    await expect.poll(() => woken).toEqual(['nic'])
    await expect(store.writeStatus(key, { port }, true, '5')).rejects.toBeInstanceOf(StaleObject)
    expect(writes()).toEqual([])
    // Read again, it is the newest.
    await store.writeStatus(key, { port }, true, nic(store)?.metadata.resourceVersion)
    expect(writes()).toHaveLength(1)
  })

  it('says that the object is to be read again when the server knows of a change that we do not', async () => {
    const { store } = await open([bound(5)], (_, response) => refuse(response, 409, 'Conflict'))
    await expect(store.writeStatus(key, { port }, true, '5')).rejects.toBeInstanceOf(StaleObject)
    expect(nic(store)?.status?.port).toBeUndefined()
  })

  it.each([
    ['refuses what is not valid', 422, 'Invalid', 'terminal'],
    ['has lost its etcd', 500, 'InternalError', 'retryable'],
    ['gives us no right', 403, 'Forbidden', 'retryable'],
  ])('rejects when the server %s', async (_, code, reason, sort) => {
    const { store } = await open([bound(5)], (_asked, response) => refuse(response, code, reason))
    await expect(store.writeStatus(key, { port })).rejects.toMatchObject({ status: code, reason, sort })
  })

  it('rejects when no answer comes', async () => {
    const { store } = await open([bound(5)], () => {})
    await expect(store.writeStatus(key, { port })).rejects.toThrow(/no answer within 200 ms/)
  })

  it('without a port that was not answered may have been taken: the next is written even if it is as known', async () => {
    let isAnswered = false
    const { store, writes } = await open([bound(5, { port })], (asked, response) => {
      if (isAnswered) applies(101, { port })(asked, response)
      else response.destroy()
    })
    await expect(store.writeStatus(key, { port, guestState: 'Off' })).rejects.toThrow()
    expect(store.isBehind(key)).toBe(false)
    await expect(store.writeStatus(key, {})).rejects.toThrow()
    expect(store.isBehind(key)).toBe(true)
    isAnswered = true
    const before = writes().length
    await store.writeStatus(key, { port })
    expect(store.isBehind(key)).toBe(false)
    await store.writeStatus(key, { port })
    expect(writes()).toHaveLength(before + 1)
  })

  it('of a Network stays in memory: every host has one of its own', async () => {
    const { store, writes } = await open([network], applies())
    expect(store.get('Network', 'lan')?.status).toBeUndefined()
    const status = { observedGeneration: 3, conditions: [ready('True', 'Accepted')] }
    await store.writeStatus({ kind: 'Network', name: 'lan' }, status)
    expect(store.list('Network').map((each) => each.status)).toEqual([status])
    expect(writes()).toEqual([])
  })

  it('of a Host that the controller has not made yet is nothing to fail about', async () => {
    const { store, writes } = await open([], applies())
    await store.writeStatus({ kind: 'Host', name: 'abc' }, {})
    expect(writes()).toEqual([])
  })
})

it('the port of an interface that goes is said to be free by one write', async () => {
  const going = bound(5, { port, guestState: 'Running' }, { deletionTimestamp: '2026-01-01T00:00:00Z' })
  const { store, writes } = await open([going], applies())
  await store.release(key)
  expect(writes().map(({ body }) => JSON.parse(body).status)).toEqual([{ guestState: 'Running' }])
  // The server has it until the controller takes its finalizer away; here nobody works on it any more.
  expect(nic(store)).toBeUndefined()
  expect(store.list('GuestInterface')).toEqual([])
  await store.release(key)
  expect(writes()).toHaveLength(1)
})

it('a token that has expired is read anew, and the call sent again', async () => {
  let token = 'old'
  const { store, writes } = await open(
    [bound(5)],
    (asked, response) => {
      if (asked.headers.authorization === 'Bearer new') return applies()(asked, response)
      token = 'new'
      return refuse(response, 401, 'Unauthorized')
    },
    () => token,
  )
  await store.writeStatus(key, { port })
  expect(writes().map(({ headers }) => headers.authorization)).toEqual(['Bearer old', 'Bearer new'])
})

it('a token that stays expired is no reason to ask without end', async () => {
  const { store, writes } = await open([bound(5)], (_, response) => refuse(response, 401, 'Unauthorized'))
  await expect(store.writeStatus(key, { port })).rejects.toMatchObject({ status: 401 })
  expect(writes()).toHaveLength(1)
})

it('a write is sent again when the server asks to wait, and rejects when it goes on asking', async () => {
  let asks = 1
  const { store, writes } = await open([bound(5)], (asked, response) => {
    if (asks-- > 0) refuse(response, 429, 'TooManyRequests', { 'retry-after': '0' })
    else applies()(asked, response)
  })
  await store.writeStatus(key, { port })
  expect(writes()).toHaveLength(2)
  asks = 100
  await expect(store.writeStatus(key, { port, guestState: 'Off' })).rejects.toMatchObject({ status: 429 })
  expect(writes()).toHaveLength(6)
})

describe('events', () => {
  it('are written when Ready turns, and hold up nobody when they cannot be', async () => {
    let refused = 0
    const { store, events } = await open([bound(5)], (asked, response) => {
      if (asked.method === 'POST') {
        refused += 1
        refuse(response, 403, 'Forbidden')
      } else applies(100 + refused)(asked, response)
    })
    await store.writeStatus(key, { port, conditions: [ready('False', 'GuestNotFound')] })
    await expect.poll(() => refused).toBe(1)
    expect(events()).toEqual([
      expect.objectContaining({
        type: 'Warning',
        reason: 'GuestNotFound',
        note: 'it is GuestNotFound',
        reportingController: 'patchbay.dev/agent',
        reportingInstance: 'abc',
        regarding: expect.objectContaining({ kind: 'GuestInterface', name: 'nic', uid: 'u1' }),
      }),
    ])
  })
})
