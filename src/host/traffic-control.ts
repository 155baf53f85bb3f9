/** What traffic control shows of a link's rates, and taking away what a change that failed left of them. */
import { runTool } from './tool.ts'

export interface Rates {
  /** Sent through the link by the host: KiB/s of its htb class; absent where it has none. libvirt writes 1 for 1,000 bytes here. */
  sent?: number
  /** Received from the link by the host: KiB/s that its policer lets through; absent where it has none. */
  received?: number
  /** What a rate is made of stands on the link, whether or not it works. */
  qdiscs: ('root' | 'ingress')[]
}

/**
 * `tc qdisc show dev DEVICE; tc class show dev DEVICE; tc filter show dev DEVICE parent ffff:`, in one process. Throws a HostError,
 * also when there is no such link.
 */
export async function readRates(device: string, signal: AbortSignal): Promise<Rates> {
  const commands = [
    `qdisc show dev ${device}`,
    `class show dev ${device}`,
    `filter show dev ${device} parent ffff:`,
  ]
  const { stdout } = await runTool('tc', ['-batch', '-'], commands.join('\n'), signal)
  const sent = rateIn(stdout, /^class htb \S+ (?:root|parent \S+) .*?rate (\S+)/m)
  const received = rateIn(stdout, /\bpolice \S+ rate (\S+)/)
  return {
    ...(sent !== undefined && { sent }),
    ...(received !== undefined && { received }),
    qdiscs: [
      ...(/^qdisc htb \S+ root/m.test(stdout) ? (['root'] as const) : []),
      ...(/^qdisc ingress /m.test(stdout) ? (['ingress'] as const) : []),
    ],
  }
}

/** `tc qdisc delete dev DEVICE root; tc qdisc delete dev DEVICE ingress`, as far as they are there. Throws a HostError. */
export async function removeRates(device: string, signal: AbortSignal): Promise<void> {
  const { qdiscs } = await readRates(device, signal)
  for (const place of qdiscs) await runTool('tc', ['qdisc', 'delete', 'dev', device, place], '', signal)
}

const units: Record<string, number> = { bit: 1, Kbit: 1e3, Mbit: 1e6, Gbit: 1e9, Tbit: 1e12 }

/** tc prints 800Kbit for what libvirt wrote as 100kbps. */
function rateIn(shown: string, pattern: RegExp): number | undefined {
  const [, number, unit] = /^([\d.]+)(\w+)$/.exec(pattern.exec(shown)?.[1] ?? '') ?? []
  return number === undefined ? undefined : (Number(number) * (units[unit ?? ''] ?? Number.NaN)) / 8_000
}
