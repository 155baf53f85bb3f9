/** Where the operations server listens, as `--listen` says it. */
import { isIP } from 'node:net'

export interface ListenAddress {
  /** An IP address of the host, without brackets. */
  address: string
  port: number
}

/** `ADDRESS:PORT`, an IPv6 address in brackets. Throws with a message for people. */
export function parseListenAddress(text: string): ListenAddress {
  const {
    bracketed,
    plain,
    port = '',
  } = /^(?:\[(?<bracketed>[^\]]*)\]|(?<plain>[^:]*)):(?<port>\d{1,5})$/.exec(text)?.groups ?? {}
  const good = bracketed === undefined ? isIP(plain ?? '') === 4 : isIP(bracketed) === 6
  if (!good || Number(port) < 1 || Number(port) > 65_535) {
    throw new Error(
      `${JSON.stringify(text)} is not ADDRESS:PORT, such as 127.0.0.1:9745, 0.0.0.0:9745 or [::1]:9745 (an IP address and a port of 1 to 65535)`,
    )
  }
  return { address: (bracketed ?? plain)!, port: Number(port) }
}

export function addressText({ address, port }: ListenAddress): string {
  return isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`
}
