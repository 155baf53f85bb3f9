import { describe, expect, test } from 'vitest'
import { readWrittenGuest } from '../../../../src/libvirt/xml/guest-interfaces.ts'

const guest = (interfaces: string) =>
  readWrittenGuest(`<?xml version="1.0"?>
<!-- <interface type='bridge'/> -->
<domain type="qemu">
  <name> web </name>
  <metadata><app:note xmlns:app="urn:x"><interface type="bridge"/></app:note></metadata>
  <devices>${interfaces}</devices>
</domain>`)

test('interfaces as people write them, and none that only look like some', () => {
  expect(
    guest(`
    <interface type="network">
      <mac address="52:54:00:AA:BB:CC"/> <!-- the only one -->
      <source network="default" portgroup="sales"/>
      <model type="virtio"/>
    </interface>
    <hostdev mode="capabilities" type="net"><source><interface>eth0</interface></source></hostdev>`),
  ).toEqual({
    name: 'web',
    running: false,
    interfaces: [
      {
        label: '52:54:00:AA:BB:CC',
        definition: {
          port: { kind: 'network', network: 'default' },
          portGroup: 'sales',
          settings: { mac: '52:54:00:aa:bb:cc', model: 'virtio' },
        },
        inexpressible: [],
      },
    ],
  })
})

test('what libvirt adds to a running guest by itself is nothing to be said', () => {
  const [direct, network] = guest(`
    <interface type='direct' trustGuestRxFilters='no'>
      <mac address='52:54:00:00:00:01'/>
      <source network='pool' portid='6d0f2c1e-8a43-4b57-9b1d-3f5e7a20c964' dev='eth1' mode='bridge'/>
      <target dev='macvtap0'/>
      <alias name='net0'/>
      <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>
    </interface>
    <interface type='network'>
      <source network='default' portid='6d0f2c1e-8a43-4b57-9b1d-3f5e7a20c965' bridge='virbr0'/>
      <vlan trunk='no'><tag id='7'/></vlan>
      <target dev='vnet0'/>
      <link state='up'/>
    </interface>`).interfaces
  expect(direct).toMatchObject({ inexpressible: [], definition: { network: 'pool' } })
  expect(network).toMatchObject({ inexpressible: [], label: 'number 2' })
})

describe('what a GuestInterface has no word for is named, all of it', () => {
  const cases: [string, string, string[]][] = [
    [
      'a kind of source',
      "<interface type='mcast'><source address='230.0.0.1' port='5'/></interface>",
      ["type='mcast'"],
    ],
    ['a source without its device', "<interface type='bridge'/>", ["type='bridge'"]],
    [
      'elements',
      "<interface type='user'><backend type='passt'/><ip address='10.0.0.1' prefix='24'/><teaming type='persistent'/></interface>",
      ['backend@type', 'ip@address', 'ip@prefix', 'teaming@type'],
    ],
    ['an element without attributes', "<interface type='user'><tune/></interface>", ['tune']],
    [
      'attributes',
      "<interface type='bridge'><source bridge='br0'/><target dev='tap0' managed='no'/><driver name='vhost' foo='1'/><boot order='1' loadparm='2'/></interface>",
      ['target@managed', 'driver@foo', 'boot@loadparm'],
    ],
    [
      'values',
      "<interface type='bridge'><source bridge='br0'/><link state='sideways'/><vlan><tag id='7'/><tag id='many'/></vlan></interface>",
      ['vlan/tag@id', 'link@state'],
    ],
    [
      'another kind of address',
      "<interface type='user'><address type='ccw' cssid='0xfe'/></interface>",
      ['address@type', 'address@cssid'],
    ],
    [
      'a value that libvirt hands on without escaping it',
      "<interface type='bridge'><source bridge='br0'/><virtualport type='openvswitch'><parameters profileid='a&lt;b'/></virtualport></interface>",
      ['virtualPort.profileID'],
    ],
    ['text', "<interface type='user'>hello</interface>", ['interface']],
  ]
  test.each(cases)('%s', (_, xml, places) => {
    const [found] = guest(xml).interfaces
    expect(found!.inexpressible.map((reason) => /^[\w/@.]+(='\w+')?/.exec(reason)?.[0]).sort()).toEqual(
      places.sort(),
    )
  })
})

test.each([
  ['<network/>', /<domain> expected, not <network>/],
  ['<domain><devices/></domain>', /it has no <name>/],
  ['<domain>', /line 1/],
])('%s is no guest', (xml, message) => expect(() => readWrittenGuest(xml)).toThrow(message))
