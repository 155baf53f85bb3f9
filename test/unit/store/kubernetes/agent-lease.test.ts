import { afterEach, expect, it } from 'vitest'
import { AgentLease } from '../../../../src/store/kubernetes/agent-lease.ts'
import { ApiClient } from '../../../../src/store/kubernetes/api-client.ts'
import { LeaseServer } from './kept-lease.ts'

/** A second is short where other work runs on the machine. */
const eventually = <T>(read: () => T) => expect.poll(read, { timeout: 10_000 })

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()))
})

/** `spec`: of the Lease that the controller has made. */
async function run(spec?: Record<string, unknown>) {
  const server = await LeaseServer.start()
  if (spec) server.put(spec)
  const client = new ApiClient(server.access())
  const said: string[] = []
  const say = (_: object, message: string) => void said.push(message)
  let held = 0
  const lease = new AgentLease({
    client,
    hostName: 'abc',
    log: { info: say, warn: say, error: say },
    onHeld: () => {
      held += 1
    },
  })
  const ending = new AbortController()
  const running = lease.run(ending.signal)
  ends.push(async () => {
    ending.abort()
    await running
    client.close()
    await server.stop()
  })
  return { server, lease, said, held: () => held }
}

const renewals = (server: LeaseServer) => server.writes.map(({ body }) => JSON.parse(body).spec.renewTime)

it('is renewed as often as its duration asks for, by who holds it', async () => {
  const { server, lease, held } = await run({ leaseDurationSeconds: 1 })
  await eventually(() => renewals(server).length).toBeGreaterThan(3)
  expect(new Set(renewals(server)).size).toBe(renewals(server).length)
  const [write] = server.writes
  expect(write!.method).toBe('PATCH')
  expect(write!.url.pathname).toBe('/apis/coordination.k8s.io/v1/namespaces/patchbay-agents/leases/abc')
  expect(write!.headers['content-type']).toBe('application/merge-patch+json')
  expect(server.lease?.spec).toMatchObject({
    leaseDurationSeconds: 1,
    holderIdentity: expect.stringMatching(/^abc_[0-9a-f]{8}$/),
  })
  expect(lease.isHeld).toBe(true)
  expect(held()).toBe(1)
})

it('is waited for in silence', async () => {
  const { server, lease, said, held } = await run()
  await eventually(() => server.writes.length).toBe(1)
  expect(lease.isHeld).toBe(false)
  server.put({ leaseDurationSeconds: 40 })
  await eventually(() => lease.isHeld).toBe(true)
  expect(server.writes).toHaveLength(2)
  expect(held()).toBe(1)
  expect(said).toEqual([])
})

it('that cannot be renewed is not held for longer than it lasts, and tells so once', async () => {
  const { server, lease, said, held } = await run({ leaseDurationSeconds: 1 })
  await eventually(() => lease.isHeld).toBe(true)
  server.fault = { code: 500, reason: 'InternalError' }
  const before = server.writes.length
  await eventually(() => lease.isHeld).toBe(false)
  await eventually(() => server.writes.length).toBeGreaterThan(before + 3)
  expect(said).toEqual(['cannot renew its Lease, will try again'])
  server.fault = undefined
  await eventually(() => lease.isHeld).toBe(true)
  expect(held()).toBe(2)
  await eventually(() => said.length).toBe(2)
  expect(said[1]).toBe('renews its Lease again')
})
