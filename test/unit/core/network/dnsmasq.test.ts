import { describe, expect, it } from 'vitest'
import type { NetworkSettings } from '../../../../src/core/network/definition.ts'
import { dnsmasqProblems, needsDnsmasq } from '../../../../src/core/network/dnsmasq.ts'

const network = (settings: NetworkSettings) => ({ name: 'lan', settings, portGroups: [] })
const ip = { address: '10.0.0.1', prefix: 24 }
const dhcp = { ranges: [{ start: '10.0.0.10', end: '10.0.0.20' }] }

it.each<[NetworkSettings, boolean]>([
  [{}, false],
  [{ ips: [ip] }, true],
  [{ ips: [ip], dns: { enable: false } }, false],
  [{ ips: [{ ...ip, dhcp }], dns: { enable: false } }, true],
  [{ ips: [{ ...ip, tftp: { root: '/srv' } }], dns: { enable: false } }, true],
  [{ forward: { mode: 'open' }, ips: [ip] }, true],
  [{ forward: { mode: 'bridge' }, bridge: { name: 'br0' } }, false],
])('needsDnsmasq of %j is %s', (settings, needs) => {
  expect(needsDnsmasq(network(settings))).toBe(needs)
})

describe('dnsmasqProblems', () => {
  const live = network({
    ips: [
      { ...ip, dhcp: { ...dhcp, hosts: [{ ip: '10.0.0.5', mac: '52:54:00:00:00:01', name: 'a' }] } },
      { address: 'fd00::1', prefix: 64, dhcp: { hosts: [{ ip: 'fd00::5', id: '00:01' }] } },
    ],
    dns: { hosts: [{ ip: '10.0.0.9', hostnames: ['x', 'y'] }], txts: [{ name: 't', value: 'v' }] },
  })
  const files = {
    conf: 'dhcp-range=10.0.0.10,10.0.0.20,255.255.255.0\ndhcp-range=fd00::1,static,64\ntxt-record=t,v\n',
    hosts: '52:54:00:00:00:01,10.0.0.5,a\nid:00:01,[fd00::5]\n',
    addnHosts: '10.0.0.9\tx\ty\t\n',
  }

  it('none where it was told all', () => {
    expect(dnsmasqProblems(live, files)).toEqual([])
  })

  it.each<[Partial<typeof files>, string[]]>([
    [{ hosts: '52:54:00:00:00:01,10.0.0.5,a\n' }, ['dnsmasq was not told DHCP host fd00::5']],
    [{ hosts: `${files.hosts}52:54:00:00:00:02,10.0.0.6,3600\n` }, ['dnsmasq still has DHCP host 10.0.0.6']],
    [{ addnHosts: '' }, ['dnsmasq was not told DNS host 10.0.0.9']],
    [
      { conf: 'txt-record=t,v\n' },
      [
        'dnsmasq was not told DHCP range 10.0.0.10-10.0.0.20',
        'dnsmasq was not told to serve the DHCP hosts of fd00::1',
      ],
    ],
    [
      { conf: files.conf.replace('txt-record=t,v', '').replace('static', 'ra-only') },
      ['dnsmasq was not told to serve the DHCP hosts of fd00::1', 'dnsmasq was not told TXT record t'],
    ],
  ])('%j', (wrong, problems) => {
    expect(dnsmasqProblems(live, { ...files, ...wrong })).toEqual(problems)
  })
})
