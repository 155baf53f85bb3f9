/** Remembers what a dnsmasq was restarted for: should that be of no use, guests are not to feel it again and again. */
export class RestartedDnsmasqs {
  readonly #reasons = new Map<string, string>()

  /** Whether there is a reason to restart it that it was not restarted for. */
  isNew(network: string, reasons: readonly string[]): boolean {
    const text = reasons.join('\n')
    if (text === '') this.#reasons.delete(network)
    return text !== '' && this.#reasons.get(network) !== text
  }

  remember(network: string, reasons: readonly string[]): void {
    this.#reasons.set(network, reasons.join('\n'))
  }
}
