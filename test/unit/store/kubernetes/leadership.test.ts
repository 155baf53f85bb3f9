import { afterEach, describe, expect, it } from 'vitest'
import { ApiClient } from '../../../../src/store/kubernetes/api-client.ts'
import { Leadership, NotLeading } from '../../../../src/store/kubernetes/leadership.ts'
import { LeaseServer } from './kept-lease.ts'

/** As short as they can be where other work runs on the machine. */
const timing = { leaseSeconds: 2, deadlineMs: 1_000, renewMs: 100, lookMs: 50 }

/** A second is short where other work runs on the machine. */
const eventually = <T>(read: () => T) => expect.poll(read, { timeout: 10_000 })

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()))
})

async function serve(): Promise<LeaseServer> {
  const server = await LeaseServer.start()
  ends.push(() => server.stop())
  return server
}

/** A replica whose work is to wait for the end of its term. */
function run(server: LeaseServer, identity: string) {
  const client = new ApiClient(server.access())
  const silent = () => {}
  const log = { info: silent, warn: silent, error: silent }
  const leadership = new Leadership({ client, identity, log, timing })
  const stop = new AbortController()
  const terms: { ended: boolean }[] = []
  const work = async (signal: AbortSignal) => {
    const term = { ended: false }
    terms.push(term)
    if (!signal.aborted)
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    term.ended = true
  }
  const running = leadership.run(work, stop.signal)
  const end = async () => {
    stop.abort()
    await running
    client.close()
  }
  ends.push(end)
  return { leadership, terms, end }
}

const holder = ({ lease }: LeaseServer) => lease?.spec.holderIdentity

it('takes a Lease that nobody has made yet, and renews it', async () => {
  const server = await serve()
  const { leadership } = run(server, 'a')
  await eventually(() => leadership.isLeading).toBe(true)
  expect(server.lease?.spec).toMatchObject({
    holderIdentity: 'a',
    leaseDurationSeconds: 2,
    leaseTransitions: 0,
  })
  const { renewTime, acquireTime } = server.lease!.spec
  await eventually(() => server.lease?.spec.renewTime).not.toBe(renewTime)
  expect(server.lease?.spec.acquireTime).toBe(acquireTime)
  expect(leadership.term().aborted).toBe(false)
})

it('gives it up when it is told to stop, after its work has ended, and another takes it', async () => {
  const server = await serve()
  const a = run(server, 'a')
  await eventually(() => a.leadership.isLeading).toBe(true)
  const b = run(server, 'b')
  await a.end()
  expect(a.terms).toEqual([{ ended: true }])
  expect(() => a.leadership.term()).toThrow(NotLeading)
  await eventually(() => b.leadership.isLeading).toBe(true)
  expect(server.lease?.spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 })
})

describe('a Lease of somebody else', () => {
  it('is left alone as long as it changes before our eyes, whatever times stand in it', async () => {
    const server = await serve()
    let renewals = 0
    const spec = { holderIdentity: 'x', leaseDurationSeconds: 2, renewTime: '2001-01-01T00:00:00.000000Z' }
    server.put({ ...spec, renewals })
    const { leadership } = run(server, 'a')
    // For longer than it lasts.
    await new Promise<void>((resolve) => {
      const renewing = setInterval(() => {
        server.put({ ...spec, renewals: ++renewals })
        if (renewals < 25) return
        clearInterval(renewing)
        resolve()
      }, 100)
    })
    expect(holder(server)).toBe('x')
    // It is not renewed any more.
    await eventually(() => leadership.isLeading).toBe(true)
    expect(holder(server)).toBe('a')
  })

  it('is not taken where another was quicker', async () => {
    const server = await serve()
    server.put({ holderIdentity: '', leaseDurationSeconds: 1 })
    server.fault = { code: 409, reason: 'Conflict' }
    const { leadership, terms } = run(server, 'a')
    await eventually(() => server.writes.length).toBeGreaterThan(1)
    expect(leadership.isLeading).toBe(false)
    expect(terms).toEqual([])
  })
})

describe('a term ends', () => {
  it('when somebody else has the Lease', async () => {
    const server = await serve()
    const { leadership, terms } = run(server, 'a')
    await eventually(() => leadership.isLeading).toBe(true)
    const term = leadership.term()
    server.put({ holderIdentity: 'x', leaseDurationSeconds: 600 })
    await eventually(() => term.aborted).toBe(true)
    expect(terms).toEqual([{ ended: true }])
    expect(holder(server)).toBe('x')
  })

  it.each<[string, LeaseServer['fault']]>([
    ['says nothing', 'silent'],
    ['refuses', { code: 500, reason: 'InternalError' }],
  ])('when it cannot be renewed, because the server %s; the next begins when it can', async (_, fault) => {
    const server = await serve()
    const { leadership, terms } = run(server, 'a')
    await eventually(() => leadership.isLeading).toBe(true)
    const term = leadership.term()
    server.fault = fault
    await eventually(() => term.aborted).toBe(true)
    expect(() => leadership.term()).toThrow(NotLeading)
    server.fault = undefined
    await eventually(() => leadership.isLeading).toBe(true)
    expect(terms).toEqual([{ ended: true }, { ended: false }])
  })

  it('also for a process that stood still, before it does anything else', async () => {
    const server = await serve()
    const { leadership } = run(server, 'a')
    await eventually(() => leadership.isLeading).toBe(true)
    // As SIGSTOP does: no timer runs and nothing is read meanwhile.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, timing.deadlineMs + 10)
    expect(leadership.isLeading).toBe(false)
    expect(() => leadership.term()).toThrow(NotLeading)
  })

  it('not by an answer that was lost', async () => {
    const server = await serve()
    const { leadership, terms } = run(server, 'a')
    await eventually(() => leadership.isLeading).toBe(true)
    // Somebody wrote it, as it seems, and it was ourselves.
    server.put({ ...server.lease!.spec })
    const { renewTime } = server.lease!.spec
    await eventually(() => server.lease?.spec.renewTime).not.toBe(renewTime)
    expect(terms).toEqual([{ ended: false }])
  })
})
