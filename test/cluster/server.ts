/** One process of the control plane, to be killed and started again. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

export interface ServerOptions {
  binary: string
  flags: string[]
  /** Where its log goes, into a file named after the binary. */
  directory: string
  /** Whether it answers; may throw while it doesn't. */
  isReady(): Promise<boolean>
}

/** ms. A busy machine of two cores takes a tenth of it. */
const longestStart = 60_000

export class Server {
  readonly name: string
  readonly log: string
  readonly #options: ServerOptions
  #child: ChildProcess | undefined

  constructor(options: ServerOptions) {
    this.name = path.basename(options.binary)
    this.log = path.join(options.directory, `${this.name}.log`)
    this.#options = options
  }

  /** Back when it is ready. Throws with the end of its log when it ends instead, or is not ready after a minute. */
  async start(): Promise<void> {
    if (this.#alive) throw new Error(`${this.name} runs already.`)
    const { binary, flags, isReady } = this.#options
    const log = openSync(this.log, 'a')
    // setpriv --pdeathsig KILL: the kernel ends it with us, whatever ends us. In a session of its own, so that Ctrl-C
    // reaches the test alone.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', binary, ...flags], {
      detached: true,
      stdio: ['ignore', log, log],
    })
    closeSync(log)
    this.#child = child
    await once(child, 'spawn')
    child.unref()
    const end = Date.now() + longestStart
    while (!(await isReady().catch(() => false))) {
      if (!this.#alive || Date.now() > end) {
        const state = this.#alive
          ? 'is not ready after a minute'
          : `ended (${child.exitCode ?? child.signalCode})`
        await this.kill9()
        throw new Error(`${this.name} ${state}. Its log ends:\n${await this.#lastLines()}`)
      }
      await delay(20)
    }
  }

  /** SIGKILL; back when the process is gone. */
  async kill9(): Promise<void> {
    const child = this.#child
    if (child === undefined || !this.#alive) return
    child.ref()
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }

  /** Of the process that was started last. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  get #alive(): boolean {
    const child = this.#child
    return child !== undefined && child.exitCode === null && child.signalCode === null
  }

  async #lastLines(): Promise<string> {
    return (await readFile(this.log, 'utf8')).trimEnd().split('\n').slice(-15).join('\n')
  }
}
