/** `patchbay agent --kubeconfig` on a lab host, by the name of its Node. */
import { AgentProcess } from '../lab/agent-process.ts'
import type { LabHost } from '../lab/host.ts'
import type { Access } from './access.ts'

export class ClusterAgent {
  readonly #host: LabHost
  readonly #access: Access
  readonly #process: AgentProcess

  constructor(host: LabHost, access: Access) {
    this.#host = host
    this.#access = access
    this.#process = new AgentProcess(host)
  }

  /** Its log lines since it was started last. */
  get log(): readonly string[] {
    return this.#process.log
  }

  /** As the machine sees it. */
  get pid(): number | undefined {
    return this.#process.pid
  }

  /**
   * Back when it knows what the cluster has and goes to work. `impatient`: it gives up a silent API server after seconds instead of
   * minutes.
   */
  async start({ impatient = false } = {}): Promise<void> {
    const args = impatient
      ? ['test/cluster/impatient-agent.ts', this.#access.kubeconfig, this.#host.name]
      : this.#arguments
    await this.#process.start(args, { NODE_NAME: this.#host.name })
    await this.says('agent runs')
  }

  /** It works until it has logged these words, and is killed then and there; back when it is gone. */
  async diesOn(words: string): Promise<void> {
    const { name } = this.#host
    await this.#process.start(['test/cluster/dying-agent.ts', this.#access.kubeconfig, name, words])
    await this.#process.ended()
    await this.says(words)
  }

  /** `agent --once`: its exit code. */
  async once(): Promise<number | string | null> {
    await this.#process.start([...this.#arguments, '--once'], { NODE_NAME: this.#host.name })
    return this.#process.ended()
  }

  get #arguments(): string[] {
    return ['src/cli/main.ts', 'agent', '--kubeconfig', this.#access.kubeconfig]
  }

  /** Waits until a log line holds this text. Throws with its last words when it ends instead. */
  async says(text: string): Promise<void> {
    if (await this.#process.says(text)) return
    throw new Error(`The agent of ${this.#host.name} ended:\n${this.log.slice(-10).join('\n')}`)
  }

  /** Until `resume` it hears of nothing, and nothing of it is closed. */
  pause(): void {
    this.#process.pause()
  }

  resume(): void {
    this.#process.resume()
  }

  /** SIGKILL; back when it is gone. */
  async kill9(): Promise<void> {
    await this.#process.end('SIGKILL')
  }

  /** SIGTERM; its exit code. */
  async stop(): Promise<number | null> {
    return this.#process.end('SIGTERM')
  }
}
