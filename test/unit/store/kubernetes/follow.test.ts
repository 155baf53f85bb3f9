import { describe, expect, it } from 'vitest'
import { refuse, sendJson, tell } from './fake-api-server.ts'
import { applies, bound, key, network, nic, open, port, ready } from './open-store.ts'

describe('a Network that vanishes', () => {
  it('stands as one that goes until nothing of it is left here', async () => {
    const { store, watches } = await open([network], applies())
    const lan = { kind: 'Network', name: 'lan' } as const
    await store.writeStatus(lan, { conditions: [ready('True', 'InSync')] })
    tell(watches.networks!, 'DELETED', network)
    await expect.poll(() => store.get('Network', 'lan')?.metadata.deletionTimestamp).toBeDefined()
    await store.release(lan)
    expect(store.get('Network', 'lan')).toBeUndefined()
  })

  it('and waits for other hosts is worked on no more', async () => {
    const going = { ...network, metadata: { ...network.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }
    const { store, watches } = await open([going], applies())
    const lan = { kind: 'Network', name: 'lan' } as const
    await store.writeStatus(lan, { conditions: [ready('False', 'NetworkInUse')] })
    await store.release(lan)
    expect(store.list('Network')).toEqual([])
    tell(watches.networks!, 'DELETED', going)
    tell(watches.networks!, 'ADDED', { ...network, metadata: { ...network.metadata, uid: 'n2' } })
    await expect.poll(() => store.get('Network', 'lan')?.metadata.uid).toBe('n2')
  })

  it('and was never worked on is forgotten', async () => {
    const { store, watches } = await open([network], applies())
    tell(watches.networks!, 'DELETED', network)
    await expect.poll(() => store.get('Network', 'lan')).toBeUndefined()
  })
})

describe('an echo of our own write', () => {
  it('wakes nobody, before or after the answer', async () => {
    const written = bound(101, { port, guestState: 'Running' })
    const gate = Promise.withResolvers<void>()
    const { store, woken, watch } = await open([bound(5)], (_, response) => {
      tell(watch, 'MODIFIED', written)
      void gate.promise.then(() => sendJson(response, written))
    })
    const writing = store.writeStatus(key, { port, guestState: 'Running' })
    await expect.poll(() => nic(store)?.status?.guestState).toBe('Running')
    gate.resolve()
    await writing
    tell(watch, 'MODIFIED', written)
    tell(watch, 'MODIFIED', bound(102, { port, guestState: 'Running' }, { labels: { a: 'b' } }))
    await expect.poll(() => woken).toEqual(['nic'])
    expect(nic(store)?.metadata.labels).toEqual({ a: 'b' })
  })
})

describe('an interface that leaves the watch', () => {
  it('and is gone stands as one that goes until what it holds is released', async () => {
    const { store, writes, watch } = await open([bound(5, { port })], (_, response) =>
      refuse(response, 404, 'NotFound'),
    )
    tell(watch, 'DELETED', bound(6, { port }))
    await expect.poll(() => nic(store)?.metadata.deletionTimestamp).toBeDefined()
    await store.writeStatus(key, { port, guestState: 'Off' })
    expect(nic(store)?.status?.guestState).toBe('Off')
    await store.release(key)
    expect(nic(store)).toBeUndefined()
    expect(writes()).toEqual([])
  })

  it('and is on another host now is let go here, also one to be retained', async () => {
    const elsewhere = bound(6, { hostName: 'def' })
    const { store, watch, writes } = await open([bound(5, { port })], (_, response) =>
      sendJson(response, elsewhere),
    )
    tell(watch, 'DELETED', elsewhere)
    await expect.poll(() => nic(store)?.metadata.deletionTimestamp).toBeDefined()
    expect(nic(store)?.spec.deletionPolicy).toBe('Detach')
    // It comes back before it was let go.
    tell(watch, 'ADDED', bound(7, { port }))
    await expect.poll(() => nic(store)?.metadata.deletionTimestamp).toBeUndefined()
    // By a pass that began before that.
    await store.release(key)
    expect(nic(store)?.status).toMatchObject({ hostName: 'abc', port })
    expect(writes()).toEqual([])
  })

  it('and holds nothing is forgotten', async () => {
    const answered = bound(5, { conditions: [ready('False', 'GuestNotFound')] })
    const { store, watch } = await open([answered], (_, response) =>
      sendJson(response, bound(6, { hostName: 'def' })),
    )
    tell(watch, 'DELETED', bound(6, { hostName: 'def' }))
    await expect.poll(() => nic(store)).toBeUndefined()
  })

  it('and was never answered for is let go here: it may be plugged in', async () => {
    const fresh = bound(5, { conditions: [ready('Unknown', 'Binding')] })
    const { store, watch } = await open([fresh], (_, response) => refuse(response, 404, 'NotFound'))
    tell(watch, 'DELETED', fresh)
    await expect.poll(() => nic(store)?.metadata.deletionTimestamp).toBeDefined()
    await store.release(key)
    expect(nic(store)).toBeUndefined()
  })

  it('stands as it is while nobody answers what became of it', async () => {
    let answers = 0
    const { store, watch } = await open([bound(5, { port })], (_, response) => {
      answers += 1
      if (answers < 3) refuse(response, 500, 'InternalError')
      else sendJson(response, bound(7, { port }))
    })
    tell(watch, 'DELETED', bound(6, { port }))
    await expect.poll(() => nic(store)?.metadata.resourceVersion).toBe('7')
    expect(nic(store)?.metadata.deletionTimestamp).toBeUndefined()
  })

  it('and is made anew under its name waits until the old one is released', async () => {
    const { store, watch, woken } = await open([bound(5, { port })], (_, response) =>
      refuse(response, 404, 'NotFound'),
    )
    tell(watch, 'ADDED', bound(9, {}, { uid: 'u2' }))
    await expect.poll(() => woken).toEqual(['nic'])
    expect(nic(store)?.metadata).toMatchObject({ uid: 'u1', deletionTimestamp: expect.any(String) })
    await store.release(key)
    expect(nic(store)?.metadata.uid).toBe('u2')
    expect(nic(store)?.metadata.deletionTimestamp).toBeUndefined()
  })

  it('and is made anew under its name, and removed before its turn came, leaves nothing', async () => {
    const { store, watch } = await open([bound(5, { port })], (_, response) =>
      refuse(response, 404, 'NotFound'),
    )
    const second = bound(9, {}, { uid: 'u2' })
    tell(watch, 'ADDED', second)
    tell(watch, 'DELETED', second)
    tell(watch, 'ADDED', bound(11, {}, { name: 'last', uid: 'u3' }))
    await expect.poll(() => store.get('GuestInterface', 'last', 'default')).toBeDefined()
    await store.release(key)
    expect(nic(store)).toBeUndefined()
  })
})

describe('a Network that the API server lets in and we do not', () => {
  const twice = { forward: { mode: 'passthrough', interfaces: [{ dev: 'eth0' }, { dev: 'eth0' }] } } as const
  const bad = {
    ...network,
    spec: twice,
    metadata: { ...network.metadata, resourceVersion: '8', generation: 4 },
  } as never

  it('stands as it was last accepted, and says why', async () => {
    const { store, watches } = await open([network], applies())
    tell(watches.networks!, 'MODIFIED', bad)
    const lan = { kind: 'Network', name: 'lan' } as const
    await expect.poll(() => store.rejection(lan)?.message).toMatch(/forward.*is in the list already/)
    expect(store.get('Network', 'lan')).toMatchObject({ spec: network.spec, metadata: { generation: 4 } })
    tell(watches.networks!, 'MODIFIED', {
      ...network,
      metadata: { ...network.metadata, resourceVersion: '9' },
    })
    await expect.poll(() => store.rejection(lan)).toBeUndefined()
  })

  it('is left alone when it was never accepted', async () => {
    const { store } = await open([bad], applies())
    expect(store.get('Network', 'lan')).toBeUndefined()
    expect(store.list('Network')).toEqual([])
    expect(store.problems()).toEqual([expect.objectContaining({ reason: 'InvalidManifest' })])
  })
})
