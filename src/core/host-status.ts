/**
 * What a Host's status has room for. One guest, network or letter too many, and the API server would refuse all of it: nobody
 * would hear of the host's guests any more.
 */
import { type HostStatus, mostInHost } from '../api/host.ts'

/** `leftOut`: what there was no room for, as "3 of 1027 networks"; texts are cut without a word. */
export function fittingHostStatus(status: HostStatus): { status: HostStatus; leftOut: string[] } {
  const leftOut: string[] = []
  const most = <T>(all: T[] | undefined, what: 'guests' | 'networks' | 'pools') => {
    const over = (all?.length ?? 0) - mostInHost[what]
    if (over > 0) leftOut.push(`${over} of ${all!.length} ${what}`)
    return all?.slice(0, mostInHost[what])
  }
  const guests = most(status.guests, 'guests')
  const networks = most(status.networks, 'networks')?.map(({ message, ...network }) => ({
    ...network,
    ...(message !== undefined && { message: message.slice(0, mostInHost.message) }),
  }))
  const pools = most(status.pools, 'pools')?.map(({ devices, ...pool }) => ({
    ...pool,
    devices: devices.map(({ unavailable, ...device }) => ({
      ...device,
      ...(unavailable !== undefined && { unavailable: unavailable.slice(0, mostInHost.unavailable) }),
    })),
  }))
  return {
    status: { ...status, ...(guests && { guests }), ...(networks && { networks }), ...(pools && { pools }) },
    leftOut,
  }
}
