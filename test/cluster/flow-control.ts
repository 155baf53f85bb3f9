/** Has the API server refuse an agent's requests by its own flow control: 429, with a time to wait. */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { setTimeout as delay } from 'node:timers/promises'
import type { Cluster } from './cluster.ts'

export interface ShutOptions {
  cluster: Cluster
  /** Path of the agent's kubeconfig, which names a file for its token. */
  kubeconfig: string
  group: string
  /** A write in the group that the agent has the right to, which is never done. */
  write: { method: 'POST' | 'PATCH'; path: string; contentType: string }
}

/** Back when no request of agents for the group is let through any more. Gives what lets them in again. */
export async function shut({ cluster, kubeconfig, group, write }: ShutOptions): Promise<() => Promise<void>> {
  const name = flowSchemaOf(group)
  const apiVersion = 'flowcontrol.apiserver.k8s.io/v1'
  const limited = {
    nominalConcurrencyShares: 0,
    lendablePercent: 0,
    borrowingLimitPercent: 0,
    limitResponse: { type: 'Reject' },
  }
  const serviceAccount = { name: 'patchbay-agent', namespace: 'patchbay-system' }
  const resourceRules = [
    { verbs: ['*'], apiGroups: [group], resources: ['*'], clusterScope: true, namespaces: ['*'] },
  ]
  const schema = {
    priorityLevelConfiguration: { name },
    matchingPrecedence: 2,
    rules: [{ subjects: [{ kind: 'ServiceAccount', serviceAccount }], resourceRules }],
  }
  await cluster.admin.kubectlWith(
    [
      {
        apiVersion,
        kind: 'PriorityLevelConfiguration',
        metadata: { name },
        spec: { type: 'Limited', limited },
      },
      { apiVersion, kind: 'FlowSchema', metadata: { name }, spec: schema },
    ],
    'apply',
    '-f-',
  )
  const send: Send = async (method, headers = {}) => {
    const { clusters, users } = JSON.parse(await readFile(kubeconfig, 'utf8'))
    const sent = request(cluster.url + write.path, {
      method,
      agent: false,
      ca: Buffer.from(clusters[0].cluster['certificate-authority-data'], 'base64'),
      headers: { ...headers, authorization: `Bearer ${await readFile(users[0].user.tokenFile, 'utf8')}` },
    })
    return sent.on('error', () => {})
  }
  const ending = new AbortController()
  const occupied = occupy(
    () => send(write.method, { 'content-type': write.contentType, ...endless }),
    ending.signal,
  )
  while ((await statusOf(await send('GET'))) !== 429) await delay(50)
  return async () => {
    ending.abort()
    await occupied
    await cluster.kubectl('delete', 'flowschema', name, '--ignore-not-found')
  }
}

/** Of what is shut, as the API server's metrics name it. */
export function flowSchemaOf(group: string): string {
  return `shut-${group}`
}

/** A request in the agent's name, not yet ended. */
type Send = (method: string, headers?: object) => Promise<ClientRequest>

/** More than ever comes. */
const endless = { 'content-length': 1_000 }

/** The API server lets one request through even where none may pass: this one, which never ends. */
async function occupy(send: () => Promise<ClientRequest>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const held = await send()
    held.write('{')
    held.on('response', (response) => response.resume())
    const end = () => held.destroy()
    signal.addEventListener('abort', end)
    await new Promise((resolve) => held.on('close', resolve))
    signal.removeEventListener('abort', end)
  }
}

async function statusOf(sent: ClientRequest): Promise<number | undefined> {
  sent.end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  response.resume()
  return response.statusCode
}
