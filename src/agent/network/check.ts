/** What a Network or a PortGroup comes to on this host. Networks that libvirt makes are not kept by this version, and say so. */
import type { Network } from '../../api/network.ts'
import type { PortGroup } from '../../api/port-group.ts'
import { networkNameOf, networksOn, portGroupConflict } from '../../core/applicable.ts'
import { labelsOf, selects } from '../../core/host-selector.ts'
import type { Check } from '../../core/interface-status.ts'
import type { Context } from '../context.ts'

type Surroundings = Pick<Context, 'host' | 'store'>

export function checkResource(resource: Network | PortGroup, context: Surroundings): Check {
  const { host } = context
  if (!selects(resource.spec.hostSelector, labelsOf(host))) {
    return accepted(`Does not select host ${host.name}`)
  }
  return resource.kind === 'Network' ? checkNetwork(resource, context) : checkPortGroup(resource, context)
}

function checkNetwork(network: Network, { host, store }: Surroundings): Check {
  const same = networksOn(networkNameOf(network), host, store.list('Network'))
  if (same.length > 1) {
    const names = same.map(({ metadata }) => metadata.name).sort()
    const message = `${networkNameOf(network)} is on host ${host.name} more than one Network: ${names.join(', ')}. Leave one, or tell them apart by hostSelector`
    return { status: 'False', reason: 'NetworkAmbiguous', message }
  }
  const mode = network.spec.forward?.mode ?? 'none'
  if (['none', 'nat', 'route', 'open'].includes(mode)) {
    const message = `forward.mode: this version does not define networks of mode ${mode}. Interfaces can use one that libvirt has already`
    return { status: 'False', reason: 'ForwardModeNotSupported', message }
  }
  return accepted(`In force on host ${host.name}`)
}

function checkPortGroup(portGroup: PortGroup, { host, store }: Surroundings): Check {
  const conflict = portGroupConflict(portGroup, host, store.list('PortGroup'))
  return conflict
    ? { status: 'False', reason: conflict.reason, message: conflict.message }
    : accepted(`In force on host ${host.name}`)
}

function accepted(message: string): Check {
  return { status: 'True', reason: 'Accepted', message }
}
