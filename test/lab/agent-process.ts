/** An agent's process on a lab host: started, watched, stopped, killed and started again. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { LabHost } from './host.ts'

export class AgentProcess {
  readonly #host: LabHost
  #running: { pid: number; child: ChildProcess; log: string[] } | undefined

  constructor(host: LabHost) {
    this.#host = host
  }

  /** Its log lines since it was started last. */
  get log(): readonly string[] {
    return this.#running?.log ?? []
  }

  get alive(): boolean {
    const child = this.#running?.child
    return child !== undefined && child.exitCode === null && child.signalCode === null
  }

  /** Of the process that was started last, as the machine sees it. */
  get pid(): number | undefined {
    return this.#running?.pid
  }

  /** `node ARGUMENTS`; back when the process is there, long before it has done anything. */
  async start(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<void> {
    const { pid, child } = await this.#host.spawn(process.execPath, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env,
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

  /** Waits until a log line holds this text, or it has ended. Says whether it does. */
  async says(text: string): Promise<boolean> {
    for (;;) {
      const { alive } = this
      if (this.log.some((line) => line.includes(text))) return true
      if (!alive) return false
      await delay(10)
    }
  }

  /** Takes it off the processor (SIGSTOP): it hears of nothing, and nothing of it is closed. */
  pause(): void {
    process.kill(this.#running!.pid, 'SIGSTOP')
  }

  resume(): void {
    const { pid, child } = this.#running!
    process.kill(pid, 'SIGCONT')
    // nsenter stops itself with the process it waits for.
    child.kill('SIGCONT')
  }

  /** Sends the signal; its exit code when it is gone. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    if (!this.#running || !this.alive) return this.#running?.child.exitCode ?? null
    const { pid, child } = this.#running
    const exited = once(child, 'exit')
    process.kill(pid, signal)
    await exited
    return child.exitCode
  }

  /** Waits until it ends by itself: its exit code, or the signal that ended it. */
  async ended(): Promise<number | string | null> {
    const { child } = this.#running!
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    return child.exitCode ?? child.signalCode
  }
}
