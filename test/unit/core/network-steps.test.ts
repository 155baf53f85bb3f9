import { expect, it } from 'vitest'
import type { NetworkSettings } from '../../../src/core/network-definition.ts'
import { networkStepText, planNetworkSteps } from '../../../src/core/network-steps.ts'

const net = (settings: NetworkSettings) => ({
  name: 'lan',
  settings: { bridge: { name: 'br1' }, ...settings },
  portGroups: [],
})
const range = (last: number) => ({ start: '10.1.0.10', end: `10.1.0.${last}` })
const lan = (last: number, dns?: NetworkSettings['dns']) =>
  net({ ips: [{ address: '10.1.0.1', prefix: 24, dhcp: { ranges: [range(last)] } }], ...(dns && { dns }) })

const stepsFrom = (live: ReturnType<typeof net>, wanted: ReturnType<typeof net>) =>
  planNetworkSteps({ saved: wanted, live, autostart: true, dnsmasqDied: true }, wanted, {
    onRestartRequired: 'Refuse',
    canModifyDns: false,
  }).steps.map(networkStepText)

const revival = [
  'Update live: add-last dns.txts[patchbay.invalid]',
  'Update live: delete dns.txts[patchbay.invalid]',
]

it('a dnsmasq that died is started behind what may have killed it, and by that if it can be', () => {
  expect(stepsFrom(lan(20), lan(20))).toEqual(revival)
  const box = { hosts: [{ ip: '10.1.0.9', hostnames: ['box'] }] }
  expect(stepsFrom(lan(20), lan(20, box))).toEqual(['Update live: add-last dns.hosts[10.1.0.9]', ...revival])
  expect(stepsFrom(lan(20), lan(30))).toEqual([
    'Update live: delete ips[0].dhcp.ranges[10.1.0.10-10.1.0.20]',
    'Update live: add-last ips[0].dhcp.ranges[10.1.0.10-10.1.0.30]',
  ])
})
