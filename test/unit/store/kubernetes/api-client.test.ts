import { expect, it } from 'vitest'
import { ApiClient } from '../../../../src/store/kubernetes/api-client.ts'
import { FakeApiServer, refuse, sendJson } from './fake-api-server.ts'

it('credentials that cannot be read now stand as they were read last, until the server takes them no more', async () => {
  let taken = 'Bearer one'
  const server = await FakeApiServer.start(({ headers }, response) =>
    headers.authorization === taken ? sendJson(response, {}) : refuse(response, 401, 'Unauthorized'),
  )
  let token: string | undefined = 'one'
  const access = server.access(() => {
    if (token === undefined) throw new Error('there is no such file')
    return token
  })
  const client = new ApiClient(access, { credentialsMs: -1 })
  const ask = () => client.json({ method: 'GET', path: '/' })
  await ask()
  token = undefined
  await ask()
  taken = 'Bearer two'
  await expect(ask()).rejects.toThrow('there is no such file')
  token = 'two'
  await ask()
  client.close()
  await server.stop()
})
