/** Whether a Network or a PortGroup holds on this host. */
import type { Network } from '../../api/network.ts'
import type { PortGroup } from '../../api/port-group.ts'
import { labelsOf, selects } from '../../core/host-selector.ts'
import type { Context } from '../context.ts'

export function selectsHost(resource: Network | PortGroup, { host }: Pick<Context, 'host'>): boolean {
  return selects(resource.spec.hostSelector, labelsOf(host))
}
