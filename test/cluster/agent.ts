/** `patchbay agent --kubeconfig` on a lab host, to be stopped, killed and started again. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { LabHost } from '../lab/host.ts'
import type { Access } from './access.ts'

export class ClusterAgent {
  readonly #host: LabHost
  readonly #access: Access
  #running: { pid: number; child: ChildProcess; log: string[] } | undefined

  constructor(host: LabHost, access: Access) {
    this.#host = host
    this.#access = access
  }

  /** Its log lines since it was started last. */
  get log(): readonly string[] {
    return this.#running?.log ?? []
  }

  /** As the machine sees it. */
  get pid(): number | undefined {
    return this.#running?.pid
  }

  /** Back when the process is there; see `up`. */
  async start(): Promise<void> {
    const { kubeconfig } = this.#access
    const args = ['src/cli/main.ts', 'agent', '--kubeconfig', kubeconfig]
    const { pid, child } = await this.#host.spawn(process.execPath, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { NODE_NAME: this.#host.name },
    })
    const log: string[] = []
    child.stderr!.setEncoding('utf8')
    let rest = ''
    child.stderr!.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop()!
      log.push(...lines)
    })
    this.#running = { pid, child, log }
  }

  /** Waits until it knows what the cluster has and goes to work. Throws with its last words when it ends instead. */
  async up(): Promise<void> {
    await this.says('agent runs')
  }

  /** Waits until a log line holds this text. */
  async says(text: string): Promise<void> {
    while (!this.log.some((line) => line.includes(text))) {
      if (!this.#alive) throw new Error(`The agent ended:\n${this.log.slice(-10).join('\n')}`)
      await delay(10)
    }
  }

  /** SIGKILL; back when it is gone. */
  async kill9(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** SIGTERM; its exit code. */
  async stop(): Promise<number | null> {
    return this.#end('SIGTERM')
  }

  get #alive(): boolean {
    const child = this.#running?.child
    return child !== undefined && child.exitCode === null && child.signalCode === null
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    if (!this.#running || !this.#alive) return this.#running?.child.exitCode ?? null
    const { pid, child } = this.#running
    const exited = once(child, 'exit')
    process.kill(pid, signal)
    await exited
    return child.exitCode
  }
}
