/** Tells a dead peer from a silent one: pings after each interval of silence, gives up when nobody answers. */

/** Milliseconds of silence before a ping, and how many pings without an answer mean that the peer is dead. */
export interface KeepaliveOptions {
  interval: number
  count: number
}

/** libvirt's own: a dead peer is noticed after 30 s. */
export const libvirtKeepalive: KeepaliveOptions = { interval: 5_000, count: 5 }

export class Keepalive {
  #heard = false
  #unanswered = 0
  #timer: NodeJS.Timeout | undefined

  /** Anything at all came from the peer. */
  heard(): void {
    this.#heard = true
  }

  start({ interval, count }: KeepaliveOptions, ping: () => void, dead: (reason: Error) => void): void {
    this.#timer = setInterval(() => {
      if (this.#heard) {
        this.#heard = false
        this.#unanswered = 0
      } else if (this.#unanswered === count) {
        dead(new Error(`libvirt has not answered ${count} pings, one every ${interval} ms`))
      } else {
        this.#unanswered += 1
        ping()
      }
    }, interval)
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
