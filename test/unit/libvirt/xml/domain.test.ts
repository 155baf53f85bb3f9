import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { buildXml, element, XmlError } from '../../../../src/libvirt/xml/document.ts'
import {
  freePciePorts,
  isPciAddressTaken,
  readDomain,
  takeSamePciAddresses,
} from '../../../../src/libvirt/xml/domain.ts'
import { renderInterface } from '../../../../src/libvirt/xml/interface.ts'
import { definitions } from './definitions.ts'

const uuid = '09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f'

function domain({ name = 'vm1', attributes = "type='qemu'", head = '', os = '', devices = '' }): string {
  return `<domain ${attributes}>
  <name>${name}</name>
  <uuid>${uuid}</uuid>
  ${head}
  <os firmware='efi'>
    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
    ${os}
  </os>
  <devices>
    ${devices}
  </devices>
</domain>
`
}
const bridge = "<interface type='bridge'>\n      <source bridge='br0'/>\n    </interface>"

describe('readDomain', () => {
  test('gives each interface as it is written and as it is meant', () => {
    fc.assert(
      fc.property(fc.array(definitions, { maxLength: 4 }), (interfaces) => {
        const slices = interfaces.map((definition) => renderInterface(definition))
        expect(readDomain(domain({ devices: slices.join('\n') })).interfaces).toEqual(
          interfaces.map((definition, index) => ({ definition, xml: slices[index] })),
        )
      }),
    )
  })

  test('reads a name that is escaped', () => {
    expect(readDomain(domain({ name: 'a &lt;&amp;&gt; b' }))).toMatchObject({ name: 'a <&> b', uuid })
  })

  test('knows a running guest by its number', () => {
    expect(readDomain(domain({})).running).toBe(false)
    expect(readDomain(domain({ attributes: "type='qemu' id='3'" })).running).toBe(true)
  })

  test.each([
    ["<boot dev='hd'/>", true],
    ["<bootmenu enable='yes'/>", false],
    ['', false],
  ])('bootsByOs of %j is %s', (os, expected) => {
    const devices = "<disk type='file'><boot order='1'/></disk>"
    expect(readDomain(domain({ os, devices })).bootsByOs).toBe(expected)
  })

  test.each([
    [
      'elements of the same names',
      `<metadata><x:y xmlns:x='z'>${bridge}<name>evil</name><os><boot /></os></x:y></metadata>`,
    ],
    [
      'comments and CDATA',
      `<metadata><!-- ${bridge} </metadata> --><y><![CDATA[</metadata>${bridge}]]></y></metadata>`,
    ],
    ['attributes', `<metadata a='1'>${bridge}</metadata>`],
    ['nothing', '<metadata/>'],
    ['nothing but an attribute', "<metadata a='1'/>"],
    ['a title before it that speaks of it', `<title>&lt;metadata&gt;</title><metadata>${bridge}</metadata>`],
  ])('passes over metadata that holds %s', (_, head) => {
    const plain = readDomain(domain({ devices: bridge }))
    expect(readDomain(domain({ head, devices: bridge }))).toEqual(plain)
    expect(plain.interfaces).toHaveLength(1)
  })

  test('any metadata makes no difference', () => {
    const text = fc.string({
      unit: fc.constantFrom(
        '<metadata>',
        '</metadata>',
        '<interface type=',
        '</interface>',
        '<name>',
        '<uuid>',
        '<os>',
        "'",
        ' ',
        'x',
      ),
    })
    fc.assert(
      fc.property(text, (inside) => {
        const head = buildXml(
          element('metadata', {}, [{ comment: inside }, element('a', { b: inside }, [inside])]),
        )
        expect(readDomain(domain({ head, devices: bridge }))).toEqual(readDomain(domain({ devices: bridge })))
      }),
    )
  })

  test('leaves out what the model has no word for, and the links of containers', () => {
    const devices = `
    <interface type='mcast'><source address='230.0.0.1' port='5558'/></interface>
    <interface type='null'/>
    <hostdev mode='capabilities' type='net'><source><interface>eth0</interface></source></hostdev>
    ${bridge}`
    expect(readDomain(domain({ devices })).interfaces.map(({ xml }) => xml)).toEqual([bridge])
  })

  test('finds the PCI functions that a guest is given', () => {
    const devices = `
    <hostdev mode='subsystem' type='usb' managed='yes'><source><vendor id='0x1'/></source></hostdev>
    <hostdev mode='subsystem' type='pci' managed='yes'>
      <driver name='vfio'/>
      <source>
        <address domain='0x0000' bus='0x06' slot='0x12' function='0x5'/>
      </source>
      <alias name='hostdev0'/>
      <address type='pci' domain='0x0000' bus='0x02' slot='0x00' function='0x0'/>
    </hostdev>
    <hostdev mode='subsystem' type='mdev' model='vfio-pci'><source><address uuid='${uuid}'/></source></hostdev>`
    expect(readDomain(domain({ devices })).assignedDevices).toEqual(['0000:06:12.5'])
  })

  test.each([
    ['no <uuid>', '<network><name>x</name></network>'],
    ['no <name>', `<domain><uuid>${uuid}</uuid></domain>`],
    [
      "interface 2: line 1, column 34: Expected closing tag 'a'",
      domain({ devices: `${bridge}<interface type='user'><mac/> <a></interface>` }),
    ],
  ])('refuses with %s', (message, xml) => {
    expect(() => readDomain(xml)).toThrow(XmlError)
    expect(() => readDomain(xml)).toThrow(message)
  })
})

describe('freePciePorts', () => {
  const root = "<controller type='pci' index='0' model='pcie-root'/>"
  const port = (
    index: number,
    model = 'pcie-root-port',
  ) => `<controller type='pci' index='${index}' model='${model}'>
      <target chassis='${index}' port='0x1${index}'/>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x02' function='0x${index}'/>
    </controller>`
  const device = (bus: string) =>
    `<disk><source file='/x'/><address type='pci' domain='0x0000' bus='${bus}' slot='0x00' function='0x0'/></disk>`
  const assigned = (bus: string) => `<interface type='hostdev'>
      <source>
        <address type='pci' domain='0x0000' bus='${bus}' slot='0x00' function='0x0'/>
      </source>
    </interface>`

  test.each<[string, string[], number | undefined]>([
    ['i440fx', ["<controller type='pci' index='0' model='pci-root'/>"], undefined],
    ['no port', [root], 0],
    ['two ports', [root, port(1), port(2)], 2],
    ['a device behind one', [root, port(1), port(2), device('0x02')], 1],
    ['hexadecimal', [root, port(1), port(10), device('0x0a')], 1],
    ["the host's address of a device", [root, port(1), port(2), assigned('0x02')], 2],
    ['a downstream port', [root, port(1), port(2, 'pcie-switch-downstream-port')], 2],
    ['a bridge', [root, port(1), port(2, 'pcie-to-pci-bridge')], 1],
  ])('%s', (_, devices, expected) => {
    expect(freePciePorts(domain({ devices: devices.join('\n    ') }))).toBe(expected)
  })
})

test('a PCI address is taken by any device of the guest, and by none of the host', () => {
  const at = (bus: string) =>
    `<address type='pci' domain='0x0000' bus='0x${bus}' slot='0x00' function='0x0'/>`
  const xml = `<domain><devices>
    <controller type='pci' index='7' model='pcie-to-pci-bridge'>${at('01')}</controller>
    <hostdev mode='subsystem' type='pci'><source>${at('03')}</source>${at('02')}</hostdev>
  </devices></domain>`
  const taken = ['01', '02', '03'].map((bus) => isPciAddressTaken(xml, `0000:${bus}:00.0`))
  expect(taken).toEqual([true, true, false])
})

test('which PCI addresses are taken is compared whatever takes them, and without those of the host', () => {
  const at = (bus: string) =>
    `<address type='pci' domain='0x0000' bus='0x${bus}' slot='0x00' function='0x0'/>`
  const xml = (...devices: string[]) => `<domain><devices>${devices.join('')}</devices></domain>`
  const rng = (bus: string) => `<rng model='virtio'>${at(bus)}</rng>`
  const hostdev = (from: string, bus: string) =>
    `<hostdev mode='subsystem' type='pci'><source>${at(from)}</source>${at(bus)}</hostdev>`
  expect(takeSamePciAddresses(xml(rng('01'), rng('02')), xml(hostdev('07', '02'), rng('01')))).toBe(true)
  expect(takeSamePciAddresses(xml(rng('01')), xml(rng('02')))).toBe(false)
  expect(takeSamePciAddresses(xml(rng('01')), xml(rng('01'), hostdev('01', '02')))).toBe(false)
})
