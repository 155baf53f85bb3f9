/** Somebody's access to the cluster: a kubeconfig file, and kubectl and the client library with it. */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { KubeConfig } from '@kubernetes/client-node'
import { type ExecaError, execa } from 'execa'

export interface AccessOptions {
  kubectl: string
  /** The file to write; kubectl's cache goes beside it. */
  kubeconfig: string
  server: string
  /** PEM. */
  certificateAuthority: string
  token: string
}

export class Access {
  /** Path of the file. */
  readonly kubeconfig: string
  readonly #kubectl: string
  readonly #cache: string

  constructor({ kubectl, kubeconfig, server, certificateAuthority, token }: AccessOptions) {
    this.kubeconfig = kubeconfig
    this.#kubectl = kubectl
    this.#cache = path.join(path.dirname(kubeconfig), 'kubectl-cache')
    const authority = Buffer.from(certificateAuthority).toString('base64')
    const name = 'patchbay-test'
    // JSON is YAML.
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name, cluster: { server, 'certificate-authority-data': authority } }],
      users: [{ name, user: { token } }],
      contexts: [{ name, context: { cluster: name, user: name, namespace: 'default' } }],
      'current-context': name,
    }
    writeFileSync(this.kubeconfig, JSON.stringify(config, undefined, 2), { mode: 0o600 })
  }

  /** `kubectl ARGS`, giving what it prints; throws with what it says on standard error. */
  async kubectl(...args: string[]): Promise<string> {
    return this.#run(args)
  }

  /** `kubectl ARGS` with these objects as a List on standard input: for apply, create and replace with `-f -`. */
  async kubectlWith(objects: readonly object[], ...args: string[]): Promise<string> {
    return this.#run(args, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }))
  }

  /** What a command says that is refused; throws when it is not. */
  async refusal(command: Promise<string>): Promise<string> {
    let output: string
    try {
      output = await command
    } catch (error) {
      return String((error as ExecaError).stderr)
    }
    throw new Error(`kubectl was expected to be refused, and said: ${output}`)
  }

  /** For client-node: `config.makeApiClient(CustomObjectsApi)`. */
  get config(): KubeConfig {
    const config = new KubeConfig()
    config.loadFromFile(this.kubeconfig)
    return config
  }

  async #run(args: string[], input = ''): Promise<string> {
    const result = await execa(this.#kubectl, [`--cache-dir=${this.#cache}`, ...args], {
      input,
      env: { KUBECONFIG: this.kubeconfig },
    })
    return result.stdout
  }
}
