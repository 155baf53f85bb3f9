/** What a DNS server in a lab host answers. */
import path from 'node:path'
import type { LabHost } from './host.ts'

/** Each method asks once, from the host itself, and gives what was answered in order; nothing for an unknown name. */
export class LabDns {
  readonly #host: LabHost
  readonly #server: string

  constructor(host: LabHost, server: string) {
    this.#host = host
    this.#server = server
  }

  /** Type A: addresses. */
  a(name: string) {
    return this.#ask('A', name)
  }

  /** Type TXT: texts. */
  txt(name: string) {
    return this.#ask('TXT', name)
  }

  /** Type SRV: as `PRIORITY WEIGHT PORT TARGET`. */
  srv(name: string) {
    return this.#ask('SRV', name)
  }

  /** Type PTR, by the address: names. */
  ptr(address: string) {
    return this.#ask('PTR', address)
  }

  async #ask(type: string, name: string): Promise<string[]> {
    const script = path.join(import.meta.dirname, 'ask-dns.ts')
    const { stdout } = await this.#host.exec(process.execPath, [script, this.#server, type, name])
    return JSON.parse(String(stdout)) as string[]
  }
}
