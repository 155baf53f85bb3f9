/** The libvirtd of a lab host, to be stopped, killed and started again; guests outlive it as they do in reality. */
import { access, readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { LabHost } from './host.ts'

export class Libvirtd {
  readonly #host: LabHost

  constructor(host: LabHost) {
    this.#host = host
  }

  /** Pid inside the host. Throws when libvirtd never ran there. */
  async pid(): Promise<number> {
    return Number(await readFile(`${this.#host.root}/run/libvirtd.pid`, 'utf8'))
  }

  /** SIGKILL, in the middle of whatever it is doing; back when the process is gone. */
  async kill9(): Promise<void> {
    await this.#end('KILL')
  }

  /** SIGTERM; back when the process is gone. */
  async stop(): Promise<void> {
    await this.#end('TERM')
  }

  /** Back when it answers: every guest that ran is known to it again. */
  async start(): Promise<void> {
    await this.#host.exec('libvirtd', ['--daemon'])
    await this.#host.virsh('uri')
  }

  async #end(signal: 'KILL' | 'TERM'): Promise<void> {
    const pid = await this.pid()
    await this.#host.exec('kill', [`-${signal}`, String(pid)])
    while (await exists(`${this.#host.root}/proc/${pid}`)) await delay(5)
  }
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  )
}
