/** The servers of one cluster's control plane: their files and flags, and when each is ready. */
import { generateKeyPairSync, randomInt, randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import path from 'node:path'
import type { Binary, NodeBinary } from './binaries.ts'
import { Server } from './server.ts'

export interface ControlPlane {
  /** http://ADDRESS:PORT of etcd, for its clients. */
  etcdUrl: string
  etcd: Server
  apiServer: Server
  controllerManager: Server
  /** Of the API server: https://ADDRESS:PORT */
  url: string
  /** PEM, with the authority that signed it; there once the API server is ready. */
  certificate: string
  /** In the group system:masters. */
  adminToken: string
  controllerManagerToken: string
  /** To be written before the controller manager starts. */
  controllerManagerKubeconfig: string
  /** Where Nodes run pods. */
  scheduling?: {
    scheduler: Server
    schedulerToken: string
    /** To be written before the scheduler starts. */
    schedulerKubeconfig: string
    /** Of each Node's kubelet. */
    kubeletTokens: Map<string, string>
  }
}

export interface ControlPlaneOptions {
  binaries: Record<Binary, string> | Record<NodeBinary, string>
  directory: string
  /** Names of the Nodes that kubelets speak for; with them there is a scheduler, and Nodes whose kubelet is silent are given up. */
  kubelets: readonly string[]
}

/** Writes the files into `directory`; nothing is started. */
export function layOutControlPlane({ binaries, directory, kubelets }: ControlPlaneOptions): ControlPlane {
  // Fixed ports on a random loopback address, below the ports that the kernel gives to connections: no race for a port.
  const address = `127.${[1, 1, 1].map(() => randomInt(1, 255)).join('.')}`
  const [clients, peers] = [`http://${address}:12379`, `http://${address}:12380`]
  const port = 16443
  const url = `https://${address}:${port}`
  const at = (...names: string[]) => path.join(directory, ...names)

  const [adminToken, controllerManagerToken] = [randomUUID(), randomUUID()]
  const users = [
    `${adminToken},admin,admin,system:masters`,
    `${controllerManagerToken},system:kube-controller-manager,kube-controller-manager`,
  ]
  const schedulerToken = randomUUID()
  const kubeletTokens = new Map(kubelets.map((name) => [name, randomUUID()]))
  if ('kubelet' in binaries) users.push(`${schedulerToken},system:kube-scheduler,kube-scheduler`)
  for (const [name, token] of kubeletTokens) users.push(`${token},system:node:${name},${name},system:nodes`)
  writeFileSync(at('tokens.csv'), `${users.join('\n')}\n`, { mode: 0o600 })
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const key = privateKey.export({ type: 'sec1', format: 'pem' })
  writeFileSync(at('service-accounts.key'), key, { mode: 0o600 })
  const certificate = at('certificates', 'apiserver.crt')
  const controllerManagerKubeconfig = at('kube-controller-manager.kubeconfig')
  const schedulerKubeconfig = at('kube-scheduler.kubeconfig')
  const answers = async (resource: string) =>
    (await statusOf(url + resource, { token: adminToken, ca: await readFile(certificate, 'utf8') })) === 200

  return {
    etcdUrl: clients!,
    url,
    certificate,
    adminToken,
    controllerManagerToken,
    controllerManagerKubeconfig,
    etcd: new Server({
      binary: binaries.etcd,
      directory,
      flags: [
        `--data-dir=${at('etcd')}`,
        `--listen-client-urls=${clients}`,
        `--advertise-client-urls=${clients}`,
        `--listen-peer-urls=${peers}`,
        `--initial-advertise-peer-urls=${peers}`,
        `--initial-cluster=default=${peers}`,
        // What a test writes need not survive the machine.
        '--unsafe-no-fsync',
        '--log-level=warn',
      ],
      isReady: async () => (await statusOf(`${clients}/health`)) === 200,
    }),
    apiServer: new Server({
      binary: binaries['kube-apiserver'],
      directory,
      flags: [
        `--etcd-servers=${clients}`,
        `--bind-address=${address}`,
        `--advertise-address=${address}`,
        `--secure-port=${port}`,
        // Makes itself a certificate for its address there.
        `--cert-dir=${at('certificates')}`,
        `--token-auth-file=${at('tokens.csv')}`,
        '--service-account-issuer=https://kubernetes.default.svc',
        `--service-account-signing-key-file=${at('service-accounts.key')}`,
        `--service-account-key-file=${at('service-accounts.key')}`,
        '--authorization-mode=Node,RBAC',
        '--enable-admission-plugins=NodeRestriction',
        '--service-cluster-ip-range=10.96.0.0/16',
        // Nobody asks for the service `kubernetes`, and its endpoint must not be a loopback address.
        '--endpoint-reconciler-type=none',
      ],
      isReady: () => answers('/readyz'),
    }),
    controllerManager: new Server({
      binary: binaries['kube-controller-manager'],
      directory,
      flags: [
        `--kubeconfig=${controllerManagerKubeconfig}`,
        '--use-service-account-credentials=true',
        `--root-ca-file=${certificate}`,
        '--leader-elect=false',
        // It starts some 40 controllers, each with a token of its own; the default of 20 calls a second makes that take long.
        '--kube-api-qps=1000',
        '--kube-api-burst=1000',
        // Serves nothing.
        '--secure-port=0',
        // Where no kubelet speaks for the hosts, these would give them up.
        ...(kubelets.length > 0
          ? []
          : ['--controllers=*,-node-lifecycle-controller,-taint-eviction-controller']),
      ],
      isReady: () => answers('/api/v1/namespaces/default/serviceaccounts/default'),
    }),
    ...('kubelet' in binaries && {
      scheduling: {
        scheduler: new Server({
          binary: binaries['kube-scheduler'],
          directory,
          flags: [`--kubeconfig=${schedulerKubeconfig}`, '--leader-elect=false', '--secure-port=0'],
          // It serves nothing; whoever waits for a pod waits for it.
          isReady: async () => true,
        }),
        schedulerToken,
        schedulerKubeconfig,
        kubeletTokens,
      },
    }),
  }
}

/** HTTP status of a GET. Throws when nobody answers within a second. */
async function statusOf(url: string, { token, ca }: { token?: string; ca?: string } = {}): Promise<number> {
  const answer = Promise.withResolvers<number>()
  const get = url.startsWith('https:') ? requestHttps : requestHttp
  const options = {
    ca,
    agent: false,
    timeout: 1_000,
    ...(token && { headers: { authorization: `Bearer ${token}` } }),
  }
  const request = get(url, options, (response) => {
    response.resume()
    answer.resolve(response.statusCode!)
  })
  request.on('timeout', () => request.destroy(new Error(`${url} is silent`)))
  request.on('error', answer.reject)
  request.end()
  return answer.promise
}
