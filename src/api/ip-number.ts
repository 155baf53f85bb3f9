/** IP addresses as numbers, to compare them and to tell networks from hosts. */
import { isIPv4 } from 'node:net'

/** 32 bits for IPv4, 128 for IPv6. */
export const bitsOf = (address: string): number => (isIPv4(address) ? 32 : 128)

/** The number of a valid address, as `names.ts` lets through. */
export function ipNumber(address: string): bigint {
  if (isIPv4(address)) return join(address.split('.').map(Number), 8n)
  const dotted = /[0-9.]+$/.exec(address)?.[0] ?? ''
  const hex = isIPv4(dotted) ? address.slice(0, -dotted.length) + asGroups(dotted) : address
  const [head = '', tail] = hex.split('::')
  const groups = (text: string) => (text === '' ? [] : text.split(':'))
  const zeros = tail === undefined ? 0 : 8 - groups(head).length - groups(tail).length
  const all = [...groups(head), ...Array<string>(zeros).fill('0'), ...groups(tail ?? '')]
  return join(
    all.map((group) => Number.parseInt(group, 16)),
    16n,
  )
}

function join(parts: number[], bits: bigint): bigint {
  return parts.reduce((number, part) => (number << bits) | BigInt(part), 0n)
}

/** The last two groups of an IPv6 address that ends in IPv4's notation. */
function asGroups(dotted: string): string {
  const number = Number(ipNumber(dotted))
  return `${(number >>> 16).toString(16)}:${(number & 0xffff).toString(16)}`
}

/** Length of the network part that a netmask stands for; undefined when its ones don't come first. */
export function prefixOfNetmask(netmask: string): number | undefined {
  const ones = ipNumber(netmask).toString(2)
  const prefix = ones.lastIndexOf('1') + 1
  if (netmask === '0.0.0.0') return 0
  return ones.length === 32 && !ones.slice(0, prefix).includes('0') ? prefix : undefined
}

/** The part of an address that its network does not fix. */
export function hostPart(address: string, prefix: number): bigint {
  return ipNumber(address) & hostMask(address, prefix)
}

/** All host bits of a network set. */
export function hostMask(address: string, prefix: number): bigint {
  return (1n << BigInt(bitsOf(address) - prefix)) - 1n
}

export function inNetwork(address: string, network: string, prefix: number): boolean {
  const shift = BigInt(bitsOf(network) - prefix)
  return bitsOf(address) === bitsOf(network) && ipNumber(address) >> shift === ipNumber(network) >> shift
}
