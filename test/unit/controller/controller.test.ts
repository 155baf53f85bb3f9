import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import { expect, it } from 'vitest'
import type { Host } from '../../../src/api/host.ts'
import { runController } from '../../../src/controller/controller.ts'
import { ApiClient } from '../../../src/store/kubernetes/api-client.ts'
import {
  bookmark,
  FakeApiServer,
  isWatch,
  page,
  refuse,
  sendJson,
  tell,
} from '../store/kubernetes/fake-api-server.ts'
import { bound, port, ready } from '../store/kubernetes/open-store.ts'

const held = { ...ready('True', 'AgentSilent'), type: 'Held' }
/** It is deleted, and waits for its agent. */
const nic = bound(
  5,
  { port, conditions: [held] },
  {
    deletionTimestamp: '2026-01-01T00:00:00Z',
    finalizers: ['patchbay.dev/port'],
    managedFields: [
      {
        manager: 'patchbay-controller',
        operation: 'Apply',
        subresource: 'status',
        fieldsV1: {
          'f:status': { 'f:hostName': {}, 'f:guestUUID': {}, 'f:conditions': { 'k:{"type":"Held"}': {} } },
        },
      },
    ],
  },
)
const host: Host = {
  apiVersion: 'patchbay.dev/v1alpha1',
  kind: 'Host',
  metadata: { name: 'abc', uid: 'h1', resourceVersion: '6' },
  spec: {},
  status: { guests: [], conditions: [ready('Unknown', 'AgentSilent')] },
}
const ofAgent = {
  metadata: { name: 'abc', uid: 'l1', resourceVersion: '7' },
  spec: { leaseDurationSeconds: 1, renewTime: '2026-01-01T00:00:00.000000Z' },
}
const ofLeader = {
  metadata: { name: 'patchbay-controller', resourceVersion: '8' },
  spec: { holderIdentity: 'one that was killed', leaseDurationSeconds: 2 },
}

it('knows who is silent before it decides anything by that: the leader before it had said so', async () => {
  const objects: Record<string, object[]> = {
    guestinterfaces: [nic],
    hosts: [host],
    leases: [ofAgent],
    nodes: [{ metadata: { name: 'abc', uid: 'n1', resourceVersion: '4' } }],
  }
  let [asked, version] = [0, 100]
  const server = await FakeApiServer.start((call, response) => {
    const { method, url, body } = call
    const name = url.pathname.split('/').at(-1)!
    if (isWatch(call)) tell(response, 'BOOKMARK', bookmark(100))
    else if (url.searchParams.has('limit')) sendJson(response, page(100, objects[name] ?? []))
    else if (name === 'patchbay-controller')
      sendJson(response, method === 'GET' ? ofLeader : JSON.parse(body))
    else if (method === 'GET' && url.pathname.endsWith('/leases/abc')) {
      asked += 1
      void delay(300).then(() => sendJson(response, ofAgent))
    } else if (url.pathname.endsWith('/status')) {
      const known = url.pathname.includes('/hosts/') ? host : nic
      const { status } = JSON.parse(body)
      const metadata = { ...known.metadata, resourceVersion: String(++version) }
      sendJson(response, { ...known, metadata, status: { ...known.status, ...status } })
    } else refuse(response, 404, 'NotFound')
  })
  const stop = new AbortController()
  const running = runController(
    {
      openClient: () => new ApiClient(server.access()),
      identity: 'this one',
      signal: stop.signal,
      leadershipTiming: { leaseSeconds: 2, deadlineMs: 1_000, renewMs: 100, lookMs: 50 },
    },
    pino({ level: 'silent' }),
  )
  const said = () =>
    server.asked
      .filter(({ method, url }) => method === 'PATCH' && url.pathname.endsWith('/nic/status'))
      .map(({ body }) => JSON.parse(body).status.conditions.map(({ type }: { type: string }) => type))
  // Its message is another one: that is written anew.
  await expect.poll(() => said().flat(), { timeout: 10_000 }).toContain('Held')
  expect(said()).toEqual([['Held']])
  expect(asked).toBe(1)
  stop.abort()
  await running
  await server.stop()
})
