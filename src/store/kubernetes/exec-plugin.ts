/**
 * Credentials from the program that a kubeconfig's user names in `exec` (client.authentication.k8s.io). client-node's reader of
 * those waits without end for one that hangs, and keeps a token that the server takes no more.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { User } from '@kubernetes/client-node/dist/config_types.js'

export interface PluginCredentials {
  token?: string
  /** PEM. */
  cert?: string
  /** PEM. */
  key?: string
}

interface Answer {
  status?: { token?: string; clientCertificateData?: string; clientKeyData?: string } | null
}

/** Milliseconds: nobody is there to type what a plugin may ask for, and requests wait for it. */
const deadlineMs = 10_000
const run = promisify(execFile)

/** Rejects, naming the command, where it gives none within 10 s. */
export async function askPlugin({
  apiVersion,
  command,
  args,
  env,
}: NonNullable<User['exec']>): Promise<PluginCredentials> {
  const given = (env ?? []) as { name: string; value: string }[]
  const info = { apiVersion, kind: 'ExecCredential', spec: { interactive: false } }
  const asking = run(command, args ?? [], {
    env: {
      ...process.env,
      KUBERNETES_EXEC_INFO: JSON.stringify(info),
      ...Object.fromEntries(given.map(({ name, value }) => [name, value])),
    },
    timeout: deadlineMs,
    killSignal: 'SIGKILL',
  })
  asking.child.stdin?.end()
  const { stdout } = await asking.catch((error: Error & { killed?: boolean; stderr?: string }) => {
    const why = error.killed
      ? `no answer within ${deadlineMs / 1_000} s`
      : error.stderr?.trim() || error.message
    throw new Error(`exec plugin ${command}: ${why}`, { cause: error })
  })
  const { token, clientCertificateData: cert, clientKeyData: key } = statusIn(stdout) ?? {}
  if (!token && !(cert && key)) {
    throw new Error(`exec plugin ${command}: answered without a token, and without a certificate and its key`)
  }
  return { ...(token && { token }), ...(cert && key && { cert, key }) }
}

function statusIn(text: string): Answer['status'] {
  try {
    return (JSON.parse(text) as Answer | null)?.status
  } catch {
    return undefined
  }
}
