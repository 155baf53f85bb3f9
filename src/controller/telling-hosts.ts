/** The hosts of the cluster with what they last told of their networks. */
import type { TellingHost } from '../core/network/over-hosts.ts'
import type { ControllerContext } from './context.ts'

export function tellingHosts({ store, agentIsSilent }: ControllerContext): TellingHost[] {
  return store.list('Host').map(({ metadata: { name, labels = {} }, status }) => ({
    name,
    labels,
    silent: agentIsSilent(name),
    ...(status?.networks && { networks: status.networks }),
  }))
}
