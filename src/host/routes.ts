/** The host's IPv4 routes to particular networks. */
import type { HostRoute } from '../core/network/address-in-use.ts'
import { askIp } from './ip.ts'

/** Those of the main table, the default one left out. `ip route show table main`. Throws a HostError when ip is missing or fails. */
export async function readRoutes(signal: AbortSignal): Promise<HostRoute[]> {
  const [routes] = await askIp(['route show table main'], signal)
  return (routes as { dst: string; dev?: string }[]).flatMap(({ dst, dev }) =>
    dst !== 'default' && dev !== undefined ? [{ to: dst, dev }] : [],
  )
}
