import type { Command } from './change.ts'
import { type DhcpHost, marksOf } from './dhcp-host-marks.ts'

/** libvirt's list, with each host found by what it is known by. */
export class HostList {
  readonly #hosts = new Map<number, DhcpHost>()
  readonly #places = new Map<string, Set<number>>()
  #first = 0
  #last = 0

  constructor(hosts: readonly DhcpHost[]) {
    for (const host of hosts) this.#put(this.#last++, host)
  }

  /** The first that shares anything with `host`, and its place. */
  hit(host: DhcpHost): { at: number; host: DhcpHost } | undefined {
    return this.#firstOf(marksOf(host))
  }

  withIp(ip: string): DhcpHost | undefined {
    return this.#firstOf(marksOf({ ip }))?.host
  }

  /** Nothing happens when libvirt would refuse. */
  carryOut(command: Command, entry: DhcpHost): void {
    const found = command === 'delete' ? this.#firstOf(marksOf({ ip: entry.ip })) : this.hit(entry)
    if (command === 'add-first') this.#put(--this.#first, entry)
    else if (command === 'add-last') this.#put(this.#last++, entry)
    else if (found) {
      this.#hosts.delete(found.at)
      for (const mark of marksOf(found.host)) this.#places.get(mark)?.delete(found.at)
      if (command === 'modify') this.#put(found.at, entry)
    }
  }

  #put(at: number, host: DhcpHost): void {
    this.#hosts.set(at, host)
    for (const mark of marksOf(host)) {
      const places = this.#places.get(mark)
      if (places) places.add(at)
      else this.#places.set(mark, new Set([at]))
    }
  }

  #firstOf(marks: readonly string[]): { at: number; host: DhcpHost } | undefined {
    let at = Number.POSITIVE_INFINITY
    for (const mark of marks) {
      for (const place of this.#places.get(mark) ?? []) at = Math.min(at, place)
    }
    const host = this.#hosts.get(at)
    return host && { at, host }
  }
}
