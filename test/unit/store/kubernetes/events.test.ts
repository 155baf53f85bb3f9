import { afterEach, expect, it } from 'vitest'
import { ApiClient } from '../../../../src/store/kubernetes/api-client.ts'
import { EventWriter } from '../../../../src/store/kubernetes/events.ts'
import { type Answer, FakeApiServer, refuse, sendJson } from './fake-api-server.ts'
import { bound } from './open-store.ts'

const servers: FakeApiServer[] = []
afterEach(() => Promise.all(servers.splice(0).map((server) => server.stop())))

async function open(answer: Answer) {
  const server = await FakeApiServer.start(answer)
  servers.push(server)
  const warnings: string[] = []
  const reporter = { controller: 'patchbay.dev/agent', instance: 'abc' } as const
  const log = { info() {}, warn: (_: object, message: string) => void warnings.push(message), error() {} }
  const events = new EventWriter(new ApiClient(server.access()), reporter, log)
  const tell = (note: string) => events.tell(bound(5), { type: 'Normal', reason: 'InSync', note })
  const sent = () => server.asked.map(({ body }) => JSON.parse(body))
  return { tell, sent, warnings }
}

it('a server that is away is told later, each event once, in their order', async () => {
  let asked = 0
  const taken: string[] = []
  const { tell, sent, warnings } = await open(({ body }, response) => {
    const { metadata, note } = JSON.parse(body)
    asked += 1
    // The first is taken, and its answer is lost.
    if (asked === 1) {
      taken.push(metadata.name)
      return response.destroy()
    }
    if (asked === 2) return refuse(response, 500, 'InternalError')
    if (taken.includes(metadata.name)) return refuse(response, 409, 'AlreadyExists')
    taken.push(metadata.name)
    return sendJson(response, { note })
  })
  tell('one')
  tell('two')
  await expect.poll(() => taken).toHaveLength(2)
  expect(sent().map(({ note }) => note)).toEqual(['one', 'one', 'one', 'two'])
  expect(warnings).toEqual(['cannot write event, will try again'])
})

it('one that the server judges and refuses holds up no other', async () => {
  const { tell, sent, warnings } = await open(({ body }, response) => {
    if (JSON.parse(body).note === 'one') refuse(response, 403, 'Forbidden')
    else sendJson(response, {})
  })
  tell('one')
  tell('two')
  await expect.poll(() => sent().map(({ note }) => note)).toEqual(['one', 'two'])
  expect(warnings).toEqual(['event was not taken'])
})

it('of more than 1,000 the newest are kept', async () => {
  let isBack = false
  const { tell, sent } = await open((_, response) => {
    if (isBack) sendJson(response, {})
    else refuse(response, 500, 'InternalError')
  })
  for (let n = 1; n <= 1_100; n++) tell(String(n))
  await expect.poll(() => sent().length).toBe(1)
  isBack = true
  const notes = () => [...new Set(sent().map(({ note }) => note))].slice(0, 4)
  await expect.poll(notes, { timeout: 10_000 }).toEqual(['1', '101', '102', '103'])
})

it('where many come at once the first are sent, and the others little by little', async () => {
  const { tell, sent } = await open((_, response) => sendJson(response, {}))
  for (let n = 1; n <= 30; n++) tell(String(n))
  const began = performance.now()
  await expect.poll(() => sent().length, { timeout: 10_000 }).toBe(15)
  expect(performance.now() - began).toBeGreaterThan(300)
})
