import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { InterfaceSettings } from '../../../../src/api/settings.ts'
import type { InterfaceDefinition } from '../../../../src/core/definition.ts'
import type { Port } from '../../../../src/core/port.ts'
import {
  buildXml,
  element,
  parseXml,
  type XmlElement,
  XmlError,
} from '../../../../src/libvirt/xml/document.ts'
import { readInterface, renderInterface } from '../../../../src/libvirt/xml/interface.ts'
import { definitions } from './definitions.ts'

const bridge: Port = { kind: 'bridge', bridge: 'br0' }

describe('every interface', () => {
  test('is read as it was written', () => {
    fc.assert(
      fc.property(definitions, (definition) => {
        expect(readInterface(renderInterface(definition))).toEqual(definition)
      }),
    )
  })

  test('becomes any other, but for what libvirt chooses and nobody says', () => {
    fc.assert(
      fc.property(definitions, definitions, (before, after) => {
        const { mac, model, address } = before.settings
        const chosen = JSON.parse(JSON.stringify({ mac, model, address }))
        const alias = after.alias ?? before.alias
        expect(readInterface(renderInterface(after, renderInterface(before)))).toEqual({
          ...after,
          ...(alias !== undefined && { alias }),
          settings: { ...chosen, ...after.settings },
        })
      }),
    )
  })

  test('stays to the letter when it is written as it is', () => {
    fc.assert(
      fc.property(definitions, (definition) => {
        const xml = renderInterface(definition)
        expect(renderInterface(definition, xml)).toBe(xml)
      }),
    )
  })
})

/** Elements of libvirt's names with attributes and children that make sense or don't. */
const nonsense = (() => {
  const names = [
    'source',
    'mac',
    'vlan',
    'tag',
    'virtualport',
    'parameters',
    'bandwidth',
    'inbound',
    'driver',
    'host',
    'rx',
    'frames',
    'coalesce',
    'address',
    'parameter',
    'filterref',
    'rom',
    'unknown',
  ]
  const attributes = fc.dictionary(
    fc.constantFrom(
      'type',
      'dev',
      'mode',
      'name',
      'bridge',
      'id',
      'average',
      'domain',
      'bus',
      'slot',
      'function',
      'path',
      'value',
      'max',
      'managed',
      'order',
    ),
    fc.constantFrom(
      '',
      'yes',
      'on',
      '0x1f',
      '-1',
      '99999999999999999999',
      'pci',
      'unix',
      'constructor',
      '__proto__',
      'direct',
      'eth0',
    ),
    { noNullPrototype: true },
  )
  const { node } = fc.letrec<{ node: XmlElement }>((tie) => ({
    node: fc.record({
      name: fc.constantFrom(...names),
      attributes,
      children: fc.oneof(
        { maxDepth: 4 },
        fc.constant<XmlElement[]>([]),
        fc.array(tie('node'), { maxLength: 6 }),
      ),
    }),
  }))
  const kind = fc.constantFrom(
    'network',
    'bridge',
    'direct',
    'hostdev',
    'vhostuser',
    'vdpa',
    'user',
    'mcast',
    'toString',
  )
  return fc
    .record({ kind, attributes, children: fc.array(node, { maxLength: 12 }) })
    .map(({ kind, attributes, children }) => element('interface', { ...attributes, type: kind }, children))
})()

test('what nobody understands is neither an error nor lost', () => {
  fc.assert(
    fc.property(nonsense, (tree) => {
      const xml = buildXml(tree)
      const definition = readInterface(xml)
      if (definition === undefined) return
      expect(readInterface(renderInterface(definition, xml))).toEqual(definition)
      expect(countOf(parseXml(renderInterface(definition, xml)), 'unknown')).toBe(countOf(tree, 'unknown'))
    }),
    { numRuns: 500 },
  )
})

const countOf = (tree: XmlElement, name: string): number => buildXml(tree).split(`<${name}`).length - 1

describe('reading', () => {
  test.each<[string, string, InterfaceDefinition | undefined]>([
    [
      "libvirt's bridge of a network, live",
      "<interface type='network'><source network='lab' portgroup='a' portid='x' bridge='virbr0'/><target dev='vnet3'/></interface>",
      {
        port: { kind: 'network', network: 'lab', bridge: 'virbr0' },
        portGroup: 'a',
        portId: 'x',
        device: 'vnet3',
        settings: {},
      },
    ],
    [
      "a bridge that libvirt's network names, live",
      "<interface type='bridge'><source network='lab' portid='x' bridge='br0'/><target dev='vnet3'/></interface>",
      { port: bridge, network: 'lab', portId: 'x', device: 'vnet3', settings: {} },
    ],
    [
      'a device that libvirt took from a pool, live',
      "<interface type='direct'><source network='pool' portid='x' dev='eth1' mode='passthrough'/><target dev='macvtap0'/></interface>",
      {
        port: { kind: 'direct', dev: 'eth1', mode: 'passthrough' },
        network: 'pool',
        portId: 'x',
        device: 'macvtap0',
        settings: {},
      },
    ],
    [
      'other spellings of the same',
      "<interface type='hostdev' managed='no'><mac address='52:54:00:AB:CD:EF'/><source><address type='pci' domain='0' bus='3' slot='0x10' function='0x1'/></source></interface>",
      { port: { kind: 'hostdev', address: '0000:03:10.1' }, settings: { mac: '52:54:00:ab:cd:ef' } },
    ],
    [
      'no address of another bus',
      "<interface type='user'><address type='ccw' cssid='0xfe' ssid='0x0' devno='0x0001'/></interface>",
      { port: { kind: 'user' }, settings: {} },
    ],
    [
      "no driver of libvirt's own choice",
      "<interface type='hostdev' managed='yes'><driver name='vfio'/><source><address type='pci' domain='0x0000' bus='0x03' slot='0x10' function='0x1'/></source></interface>",
      { port: { kind: 'hostdev', address: '0000:03:10.1', managed: true }, settings: {} },
    ],
    [
      'an interface type that the model has no word for',
      "<interface type='mcast'><source address='230.0.0.1' port='5558'/></interface>",
      undefined,
    ],
    [
      'a USB function',
      "<interface type='hostdev'><source><address type='usb' bus='1' device='2'/></source></interface>",
      undefined,
    ],
    ['a bridge without a name', "<interface type='bridge'/>", undefined],
    ['no type', '<interface/>', undefined],
  ])('%s', (_, xml, expected) => {
    expect(readInterface(xml)).toEqual(expected)
  })

  test.each([
    ['<domain/>', '<interface> expected, not <domain>'],
    ["<interface type='user'>", "Unclosed tag 'interface'"],
  ])('refuses %s', (xml, message) => {
    expect(() => readInterface(xml)).toThrow(message)
  })
})

test('a new interface stands in the order in which libvirt prints', () => {
  const settings: InterfaceSettings = {
    address: '0000:00:03.0',
    bootOrder: 2,
    link: { state: 'down' },
    mac: '52:54:00:00:00:01',
    model: 'virtio',
    trustGuestRxFilters: true,
    virtualPort: { type: 'openvswitch', interfaceID: '09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f' },
    vlan: { tags: [{ id: 42 }] },
  }
  expect(
    renderInterface({ port: bridge, settings, alias: 'ua-patchbay-default_x' }),
  ).toBe(`<interface type='bridge' trustGuestRxFilters='yes'>
  <mac address='52:54:00:00:00:01'/>
  <source bridge='br0'/>
  <vlan>
    <tag id='42'/>
  </vlan>
  <virtualport type='openvswitch'>
    <parameters interfaceid='09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f'/>
  </virtualport>
  <model type='virtio'/>
  <link state='down'/>
  <boot order='2'/>
  <alias name='ua-patchbay-default_x'/>
  <address type='pci' domain='0x0000' bus='0x00' slot='0x03' function='0x0'/>
</interface>`)
})

describe('changing', () => {
  const base = `<interface type='direct' future='1'>
  <mac address='52:54:00:AB:CD:EF' type='static'/>
  <source network='pool' portid='x' dev='eth1' mode='bridge' future='2'/>
  <!-- by hand -->
  <bandwidth>
    <inbound average='0x10' peak='7' future='3'/>
    <outbound average='5'/>
  </bandwidth>
  <target dev='macvtap0' managed='no'/>
  <model type='virtio'/>
  <driver name='vhost' queues='4'>
    <host csum='off' mrg_rxbuf='off'/>
  </driver>
  <backend tap='/dev/net/tun'/>
  <future/>
  <alias name='net0'/>
  <address type='pci' domain='0x0000' bus='0x00' slot='0x03' function='0x0' multifunction='on'/>
</interface>`
  const observed = readInterface(base)!

  /** The lines that a change takes away and puts in. */
  function changeOf(definition: InterfaceDefinition): { gone: string[]; come: string[] } {
    const [before, after] = [base, renderInterface(definition, base)].map((xml) =>
      xml.split('\n').map((line) => line.trim()),
    )
    return {
      gone: before!.filter((line) => !after!.includes(line)),
      come: after!.filter((line) => !before!.includes(line)),
    }
  }
  const withSettings = (settings: InterfaceSettings) =>
    changeOf({ ...observed, settings: { ...observed.settings, ...settings } })

  test.each<[string, InterfaceSettings, string[], string[]]>([
    ['nothing', {}, [], []],
    ['the link', { link: { state: 'down' } }, [], ["<link state='down'/>"]],
    [
      'one rate',
      { bandwidth: { inbound: { average: 16, peak: 8 }, outbound: { average: 5 } } },
      ["<inbound average='0x10' peak='7' future='3'/>"],
      ["<inbound average='0x10' peak='8' future='3'/>"],
    ],
    ['one direction', { bandwidth: { inbound: { average: 16, peak: 7 } } }, ["<outbound average='5'/>"], []],
    [
      'the driver away, but not what is not ours of it',
      { driver: undefined },
      ["<driver name='vhost' queues='4'>", "<host csum='off' mrg_rxbuf='off'/>"],
      ['<driver>', "<host mrg_rxbuf='off'/>"],
    ],
    [
      'the address, but not what else it says',
      { address: '0000:01:00.0' },
      ["<address type='pci' domain='0x0000' bus='0x00' slot='0x03' function='0x0' multifunction='on'/>"],
      ["<address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0' multifunction='on'/>"],
    ],
    [
      'what libvirt chooses, said by nobody',
      { mac: undefined, model: undefined, address: undefined },
      [],
      [],
    ],
  ])('%s', (_, settings, gone, come) => {
    expect(withSettings(settings)).toEqual({ gone, come })
  })

  test('the port takes its whole source with it, and nothing else', () => {
    expect(changeOf({ ...observed, network: undefined, portId: undefined, port: bridge })).toEqual({
      gone: [
        "<interface type='direct' future='1'>",
        "<source network='pool' portid='x' dev='eth1' mode='bridge' future='2'/>",
      ],
      come: ["<interface type='bridge' future='1'>", "<source bridge='br0'/>"],
    })
  })

  test('a port that is the same keeps what libvirt says of it', () => {
    expect(changeOf({ ...observed, network: undefined, portId: undefined })).toEqual({ gone: [], come: [] })
  })
})

describe('what libvirt would print without escaping, or drop, is refused', () => {
  test.each<[string, InterfaceSettings]>([
    ['virtualPort.profileID', { virtualPort: { type: 'openvswitch', profileID: "'/></interface>" } }],
    ['filter.name', { filter: { name: "x'/><hostdev a='" } }],
    ['the name of a filter.parameters', { filter: { name: 'x', parameters: { 'I-P': '1' } } }],
    ['the value of a filter.parameters', { filter: { name: 'x', parameters: { IP: '10.0.0.1 ' } } }],
  ])('%s', (what, settings) => {
    expect(() => renderInterface({ port: bridge, settings })).toThrow(XmlError)
    expect(() => renderInterface({ port: bridge, settings })).toThrow(what)
  })
})
