/**
 * Where the API server is and who we are there, from a kubeconfig file or from what a pod is given.
 *
 * Of client-node only the readers of kubeconfig entries are imported, by their file: its index and whatever imports its
 * generated models cost an agent 75 MiB (docs/decisions/0011-kubernetes-api.md).
 */
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import {
  type Cluster,
  newClusters,
  newContexts,
  newUsers,
  type User,
} from '@kubernetes/client-node/dist/config_types.js'
import { parse } from 'yaml'
import { askPlugin } from './exec-plugin.ts'

/** What a connection and a request need. */
export interface Credentials {
  tls: {
    ca?: Buffer
    cert?: string | Buffer
    key?: string | Buffer
    rejectUnauthorized?: boolean
    servername?: string
  }
  headers: Record<string, string>
}

export interface Access {
  /** http(s)://HOST:PORT, without a path at its end. */
  server: string
  /** As they are now: files are read and plugins asked anew each time. */
  credentials(): Promise<Credentials>
}

const serviceAccount = '/var/run/secrets/kubernetes.io/serviceaccount'

/** The access that a pod has by its ServiceAccount. Throws outside of a pod. */
export async function accessInCluster(env = process.env, directory = serviceAccount): Promise<Access> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env
  if (!host || !port) {
    throw new Error(
      'this is no pod of a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set. Give --kubeconfig FILE',
    )
  }
  const access: Access = {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    credentials: async () => ({
      tls: { ca: await readFile(`${directory}/ca.crt`) },
      headers: bearer(await readFile(`${directory}/token`, 'utf8')),
    }),
  }
  await access.credentials()
  return access
}

/** The access that the current context of a kubeconfig file gives. Throws, naming the file, where it cannot be used. */
export async function accessFromFile(file: string): Promise<Access> {
  try {
    const access = readKubeconfig(await readFile(file, 'utf8'), dirname(resolve(file)))
    await access.credentials()
    return access
  } catch (error) {
    throw new Error(`${file}: ${whyUnusable(error, file)}`, { cause: error })
  }
}

/** Of the file itself, or of another one that it names. */
function whyUnusable(error: unknown, file: string): string {
  const { code, path, message } = error as NodeJS.ErrnoException
  const what = path === undefined || path === file ? '' : `names ${path}, and `
  if (code === 'ENOENT') return `${what}there is no such file`
  if (code === 'EISDIR') return `${what}that is a directory, not a file`
  if (code === 'EACCES') return `${what}that may not be read`
  return error instanceof Error ? message : String(error)
}

/** `directory`: what paths in it are relative to. */
export function readKubeconfig(text: string, directory: string): Access {
  const config = parse(text)
  if (typeof config !== 'object' || config === null) throw new Error('is not a kubeconfig')
  const current = config['current-context']
  const context = newContexts(config.contexts).find(({ name }) => name === current)
  if (!context)
    throw new Error(`has no context ${JSON.stringify(current ?? '')}, which current-context names`)
  const cluster = newClusters(config.clusters).find(({ name }) => name === context.cluster)
  if (!cluster) throw new Error(`has no cluster ${JSON.stringify(context.cluster)}`)
  // client-node knows no tokenFile.
  const tokenFiles = new Map<string, string | undefined>()
  for (const { name, user } of config.users ?? []) tokenFiles.set(name, user?.tokenFile)
  const user = newUsers(config.users).find(({ name }) => name === context.user)
  if (!user) throw new Error(`has no user ${JSON.stringify(context.user)}`)
  refuseUnsupported(cluster, user)
  const at = (path: string | undefined) => (path ? resolve(directory, path) : undefined)
  return {
    server: cluster.server,
    async credentials() {
      const plugin = user.exec ? await askPlugin(user.exec) : {}
      const token = plugin.token ?? user.token ?? (await fileOr(at(tokenFiles.get(user.name))))?.toString()
      return {
        tls: {
          ca: await fileOr(at(cluster.caFile), cluster.caData),
          cert: plugin.cert ?? (await fileOr(at(user.certFile), user.certData)),
          key: plugin.key ?? (await fileOr(at(user.keyFile), user.keyData)),
          ...(cluster.skipTLSVerify && { rejectUnauthorized: false }),
          ...(cluster.tlsServerName && { servername: cluster.tlsServerName }),
        },
        headers: {
          ...(token && bearer(token)),
          ...(user.impersonateUser && { 'Impersonate-User': user.impersonateUser }),
        },
      }
    },
  }
}

function refuseUnsupported(cluster: Cluster, user: User): void {
  if (!/^https?:$/.test(URL.parse(cluster.server)?.protocol ?? '')) {
    throw new Error(
      `has the server ${JSON.stringify(cluster.server)}, which is no URL such as https://10.0.0.1:6443`,
    )
  }
  const refused = [
    cluster.proxyUrl && 'proxy-url',
    user.authProvider && 'auth-provider',
    (user.username || user.password) && 'username and password',
  ].filter(Boolean)
  if (refused.length > 0) {
    throw new Error(
      `has ${refused.join(' and ')}, which cannot be used here: use a token, a certificate or exec`,
    )
  }
}

async function fileOr(path: string | undefined, base64?: string): Promise<Buffer | undefined> {
  if (path) return readFile(path)
  return base64 ? Buffer.from(base64, 'base64') : undefined
}

function bearer(token: string): Record<string, string> {
  return { Authorization: `Bearer ${token.trim()}` }
}
