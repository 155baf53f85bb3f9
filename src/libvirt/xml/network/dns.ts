/** libvirt's `dns` element of a network <-> Dns. */
import type { Dns } from '../../../api/network-dns.ts'
import type { SectionEntry } from '../../../core/network/plan/change.ts'
import { attribute, integer, shape, text, yesNo } from '../codec.ts'
import { content, entries, whole } from './codec.ts'

export const dnsTxt = whole<SectionEntry['dns-txt']>(
  { name: attribute('name', text), value: attribute('value', text) },
  ['name', 'value'],
)

export const dnsHost = whole<SectionEntry['dns-host']>(
  { ip: attribute('ip', text), hostnames: entries('hostname', content) },
  ['ip', 'hostnames'],
)

export const dnsSrv = whole<SectionEntry['dns-srv']>(
  {
    service: attribute('service', text),
    protocol: attribute('protocol', text),
    domain: attribute('domain', text),
    target: attribute('target', text),
    port: attribute('port', integer),
    priority: attribute('priority', integer),
    weight: attribute('weight', integer),
  },
  ['service', 'protocol'],
)

export const dns = shape<Dns>({
  enable: attribute('enable', yesNo),
  forwardPlainNames: attribute('forwardPlainNames', yesNo),
  forwarders: entries(
    'forwarder',
    shape<NonNullable<Dns['forwarders']>[number]>({
      addr: attribute('addr', text),
      domain: attribute('domain', text),
    }),
  ),
  txts: entries('txt', dnsTxt, ({ name }) => name),
  hosts: entries('host', dnsHost, ({ ip }) => ip),
  srvs: entries('srv', dnsSrv),
})
