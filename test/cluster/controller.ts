/** `patchbay controller --kubeconfig`, as a process of the machine: a cluster of the tests is on its loopback. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Access } from './access.ts'
import type { Cluster } from './cluster.ts'

const repository = path.join(import.meta.dirname, '../..')

/** The namespaces in which the leader's Lease and those of the agents are, as deploy/ makes them. */
export async function makeNamespaces(cluster: Cluster): Promise<void> {
  const namespaces = ['patchbay-system', 'patchbay-agents'].map((name) => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name },
  }))
  await cluster.admin.kubectlWith(namespaces, 'apply', '--server-side', '-f-')
}

export class ClusterController {
  readonly #access: Access
  readonly #args: readonly string[]
  #running: { child: ChildProcess; log: string[] } | undefined

  /** `args`: more of the command line. It ends with the process that starts it. */
  constructor(access: Access, ...args: string[]) {
    this.#access = access
    this.#args = args
  }

  /** Its log lines since it was started last. */
  get log(): readonly string[] {
    return this.#running?.log ?? []
  }

  get pid(): number | undefined {
    return this.#running?.child.pid
  }

  /** Back when it knows the cluster; it need not lead: for that, `says('leads')`. */
  async start(): Promise<void> {
    const main = path.join(repository, 'src/cli/main.ts')
    const args = [main, 'controller', '--kubeconfig', this.#access.kubeconfig, ...this.#args]
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', process.execPath, ...args], {
      cwd: repository,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const log: string[] = []
    let rest = ''
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop()!
      log.push(...lines)
    })
    this.#running = { child, log }
    await this.says('controller runs')
  }

  /** Waits until a log line holds this text. Throws with its last words when it ends instead. */
  async says(text: string): Promise<void> {
    while (!this.log.some((line) => line.includes(text))) {
      if (this.#hasEnded) throw new Error(`The controller ended:\n${this.log.slice(-10).join('\n')}`)
      await delay(10)
    }
  }

  /** Such as SIGSTOP. */
  signal(signal: NodeJS.Signals): void {
    this.#running!.child.kill(signal)
  }

  /** SIGKILL; back when it is gone. */
  async kill9(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** SIGTERM; its exit code. */
  async stop(): Promise<number | null> {
    return this.#end('SIGTERM')
  }

  get #hasEnded(): boolean {
    const child = this.#running?.child
    return !child || child.exitCode !== null || child.signalCode !== null
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const child = this.#running?.child
    if (!child) return null
    if (!this.#hasEnded) {
      const exited = once(child, 'exit')
      child.kill(signal)
      await exited
    }
    return child.exitCode
  }
}
