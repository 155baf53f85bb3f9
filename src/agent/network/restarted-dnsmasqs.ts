/** Remembers what a dnsmasq was restarted for: should that be of no use, guests are not to feel it again and again. */
export class RestartedDnsmasqs {
  readonly #reasons = new Map<string, string>()

  /** Whether there is a reason to restart it that was none before; from then on it was one. */
  isNew(network: string, reasons: readonly string[]): boolean {
    const text = reasons.join('\n')
    if (text === '') {
      this.#reasons.delete(network)
      return false
    }
    if (this.#reasons.get(network) === text) return false
    this.#reasons.set(network, text)
    return true
  }
}
