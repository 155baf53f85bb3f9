import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { accessFromFile, accessInCluster } from '../../../../src/store/kubernetes/access.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'patchbay-access-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const file = () => join(directory, 'kubeconfig')

function write(user: object, cluster: object = {}, rest: object = {}): void {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: 'https://10.0.0.1:6443/', ...cluster } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
    ...rest,
  }
  writeFileSync(file(), JSON.stringify(config))
}

it('takes server, authority and token from the current context', async () => {
  write({ token: 'secret' }, { 'certificate-authority-data': Buffer.from('CA').toString('base64') })
  const access = await accessFromFile(file())
  expect(access.server).toBe('https://10.0.0.1:6443')
  const { tls, headers } = await access.credentials()
  expect(String(tls.ca)).toBe('CA')
  expect(headers).toEqual({ Authorization: 'Bearer secret' })
})

it('takes files from beside the kubeconfig, and reads them anew each time', async () => {
  for (const name of ['ca', 'cert', 'key', 'token']) writeFileSync(join(directory, name), `${name} 1\n`)
  write(
    { tokenFile: 'token', 'client-certificate': 'cert', 'client-key': 'key' },
    { 'certificate-authority': 'ca', 'tls-server-name': 'kubernetes' },
  )
  const access = await accessFromFile(file())
  const { tls, headers } = await access.credentials()
  expect([tls.ca, tls.cert, tls.key].map(String)).toEqual(['ca 1\n', 'cert 1\n', 'key 1\n'])
  expect(tls.servername).toBe('kubernetes')
  expect(headers.Authorization).toBe('Bearer token 1')
  writeFileSync(join(directory, 'token'), 'token 2\n')
  expect((await access.credentials()).headers.Authorization).toBe('Bearer token 2')
})

/** A plugin that is this script, and answers with what it calls `status`. */
function writePlugin(script: string): void {
  const answer = '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":%s}'
  const args = ['-c', `${script}; printf '${answer}' "$status"`]
  write({ exec: { command: 'sh', args, env: [{ name: 'NAME', value: 'plugin' }] } })
}

it('asks an exec plugin anew each time, since the server may take its last token no more', async () => {
  const count = join(directory, 'count')
  writePlugin(`echo x >> ${count}; status="{\\"token\\":\\"$NAME-$(wc -l < ${count})\\"}"`)
  const access = await accessFromFile(file())
  expect((await access.credentials()).headers).toEqual({ Authorization: 'Bearer plugin-2' })
  expect((await access.credentials()).headers).toEqual({ Authorization: 'Bearer plugin-3' })
})

it('takes a certificate from an exec plugin', async () => {
  writePlugin(`status='{"clientCertificateData":"cert","clientKeyData":"key"}'`)
  const { tls, headers } = await (await accessFromFile(file())).credentials()
  expect(tls).toMatchObject({ cert: 'cert', key: 'key' })
  expect(headers).toEqual({})
})

it.each([
  ['a context that is not there', {}, {}, { 'current-context': 'y' }, /has no context "y"/],
  ['no context at all', {}, {}, { 'current-context': undefined }, /has no context ""/],
  ['a cluster that is not there', {}, {}, { clusters: [] }, /has no cluster "c"/],
  ['a user that is not there', {}, {}, { users: [] }, /has no user "u"/],
  ['a proxy', {}, { 'proxy-url': 'http://proxy' }, {}, /has proxy-url, which cannot be used here/],
  ['an auth provider', { 'auth-provider': { name: 'oidc' } }, {}, {}, /has auth-provider, which/],
  ['a password', { username: 'a', password: 'b' }, {}, {}, /has username and password, which/],
  [
    'a token file that is not there',
    { tokenFile: 'none' },
    {},
    {},
    /names .*\/none, and there is no such file/,
  ],
  ['a server that is no URL', {}, { server: 'api.example' }, {}, /has the server "api.example", which is no/],
  ['a plugin that fails', { exec: { command: 'false' } }, {}, {}, /exec plugin false: /],
  ['a plugin that is not there', { exec: { command: 'no-such' } }, {}, {}, /exec plugin no-such: .*ENOENT/],
])('refuses %s, and names the file', async (_, user, cluster, rest, message) => {
  write(user, cluster, rest)
  const answer = accessFromFile(file())
  await expect(answer).rejects.toThrow(message)
  await expect(answer).rejects.toThrow(file())
})

it.each(['{}', 'null', '{"status":null}', '{"status":{}}', 'hello'])(
  'takes no plugin that answers %s',
  async (answer) => {
    write({ exec: { command: 'echo', args: [answer] } })
    await expect(accessFromFile(file())).rejects.toThrow(
      /kubeconfig: exec plugin echo: answered without a token/,
    )
  },
)

it.each([
  ['', /is not a kubeconfig/],
  ['a: [', /kubeconfig: /],
])('refuses the text %j', async (text, message) => {
  writeFileSync(file(), text)
  await expect(accessFromFile(file())).rejects.toThrow(message)
})

it('a pod has its ServiceAccount, at an IPv6 address too', async () => {
  mkdirSync(join(directory, 'account'))
  writeFileSync(join(directory, 'account/ca.crt'), 'CA')
  writeFileSync(join(directory, 'account/token'), 'secret\n')
  const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' }
  const access = await accessInCluster(env, join(directory, 'account'))
  expect(access.server).toBe('https://[fd00::1]:443')
  expect((await access.credentials()).headers).toEqual({ Authorization: 'Bearer secret' })
})

it('what is no pod is told so', async () => {
  await expect(accessInCluster({}, directory)).rejects.toThrow(
    /this is no pod of a cluster.*Give --kubeconfig FILE/,
  )
})
