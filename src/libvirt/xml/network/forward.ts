/** libvirt's `forward` and `bridge` elements of a network <-> Forward and Bridge. */
import type { Forward } from '../../../api/network-forward.ts'
import type { NetworkSettings } from '../../../core/network/definition.ts'
import {
  attribute,
  type Codec,
  child,
  integer,
  oneOf,
  onOff,
  pciAddress,
  shape,
  tagged,
  text,
  yesNo,
} from '../codec.ts'
import { attributeOr, entries, whole } from './codec.ts'

const modes = oneOf('nat', 'route', 'open', 'bridge', 'private', 'vepa', 'passthrough', 'hostdev')

export const forwardInterface = whole({ dev: attribute('dev', text) }, ['dev'])

const nat = shape<NonNullable<Forward['nat']>>({
  addresses: entries(
    'address',
    whole({ start: attribute('start', text), end: attribute('end', text) }, ['start', 'end']),
  ),
  ports: child(
    'port',
    whole({ start: attribute('start', integer), end: attribute('end', integer) }, ['start', 'end']),
  ),
  ipv6: attribute('ipv6', yesNo),
})

const written = whole<Forward>(
  {
    // An absent mode is nat.
    mode: attributeOr('mode', modes, 'nat'),
    dev: attribute('dev', text),
    managed: attribute('managed', yesNo),
    driver: child('driver', attribute('name', oneOf('vfio'))),
    interfaces: entries('interface', forwardInterface, ({ dev }) => dev),
    pf: child('pf', whole({ dev: attribute('dev', text) }, ['dev'])),
    addresses: entries('address', tagged('type', 'pci', pciAddress)),
    nat: child('nat', nat),
  },
  ['mode'],
)

export const forward: Codec<Forward> = {
  read(from) {
    const read = written.read(from)
    if (read?.pf === undefined) return read
    // The definition of an active network lists the functions that libvirt found there.
    const { dev: _dev, interfaces: _interfaces, addresses: _addresses, ...rest } = read
    return rest
  },
  write: written.write.bind(written),
}

export const bridge = shape<NonNullable<NetworkSettings['bridge']>>({
  name: attribute('name', text),
  zone: attribute('zone', text),
  stp: attribute('stp', onOff),
  delay: attribute('delay', integer),
  macTableManager: attribute('macTableManager', oneOf('kernel', 'libvirt')),
})
