/** Whether the kernel limits the rates of a tap or macvtap as the settings say. */
import type { Bandwidth } from '../../api/settings.ts'
import type { Port } from '../../core/port.ts'
import { readRates } from '../../host/traffic-control.ts'

/** tc rounds what it shows. */
const TOLERANCE = 0.02

/** What is wrong, in sentences. */
export async function verifyRates(
  device: string,
  { inbound, outbound }: Bandwidth,
  kind: Port['kind'],
  signal: AbortSignal,
): Promise<string[]> {
  const { sent, received } = await readRates(device, signal)
  // The host sends into a tap what the guest gets; through a macvtap it sends what comes from the guest.
  const [toGuest, fromGuest] = kind === 'direct' ? [received, sent] : [sent, received]
  return [
    differing(device, 'towards the guest', toGuest, inbound?.average),
    differing(device, 'from the guest', fromGuest, outbound?.average),
  ].flatMap((problem) => problem ?? [])
}

function differing(device: string, way: string, shown: number | undefined, wanted: number | undefined) {
  if (shown === wanted) return undefined
  if (shown && wanted && Math.abs(shown / wanted - 1) < TOLERANCE) return undefined
  const text = (rate: number | undefined) => (rate === undefined ? 'no limit' : `${rate} KiB/s`)
  return `${device} has ${text(shown)} ${way}, not ${text(wanted)}`
}
