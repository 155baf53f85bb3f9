import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { NetworkDefinition, NetworkSettings } from '../../../../../src/core/network/definition.ts'
import {
  buildXml,
  element,
  isElement,
  parseXml,
  type XmlElement,
  XmlError,
} from '../../../../../src/libvirt/xml/document.ts'
import { inexpressible } from '../../../../../src/libvirt/xml/network/inexpressible.ts'
import { buildNetwork, parseNetwork } from '../../../../../src/libvirt/xml/network/network.ts'
import { networks } from './definitions.ts'

const networkOf = (settings: NetworkSettings = {}, more: Partial<NetworkDefinition> = {}) => ({
  name: 'n',
  settings,
  portGroups: [],
  ...more,
})

describe('every network', () => {
  test('is read as it was written, and nothing of it is without a word', () => {
    fc.assert(
      fc.property(networks, (definition) => {
        const xml = buildNetwork(definition)
        expect(parseNetwork(xml)).toEqual(definition)
        expect(inexpressible(xml)).toEqual([])
      }),
    )
  })

  test('becomes any other, but for what libvirt chooses and nobody says', () => {
    fc.assert(
      fc.property(networks, networks, (before, after) => {
        const uuid = after.uuid ?? before.uuid
        const isMade = [before, after].every(({ settings: { forward } }) =>
          [undefined, 'nat', 'route', 'open'].includes(forward?.mode),
        )
        const name = after.settings.bridge?.name ?? (isMade ? before.settings.bridge?.name : undefined)
        const mac = after.settings.mac ?? (isMade ? before.settings.mac : undefined)
        const wanted = {
          ...after,
          uuid,
          settings: {
            ...after.settings,
            mac,
            bridge: name === undefined ? after.settings.bridge : { ...after.settings.bridge, name },
          },
        }
        expect(parseNetwork(buildNetwork(after, buildNetwork(before)))).toEqual(definedOf(wanted))
      }),
    )
  })

  test('stays to the letter when it is written as it is', () => {
    fc.assert(
      fc.property(networks, (definition) => {
        const xml = buildNetwork(definition)
        expect(buildNetwork(definition, xml)).toBe(xml)
      }),
    )
  })

  test('keeps what nobody has a word for in every element that the new one has too', () => {
    fc.assert(
      fc.property(networks, networks, (before, after) => {
        const base = parseXml(buildNetwork(before))
        for (const node of [base, ...inside(base)]) node.attributes.foreign = 'x'
        base.children.push(element('foreign', {}, [element('inner')]), { comment: 'a remark' })
        const written = buildNetwork(after, buildXml(base))
        const root = parseXml(written)
        expect(root.attributes.foreign).toBe('x')
        expect(written).toContain('<inner')
        expect(written).toContain('a remark')
        // Those that there can be one of: forward goes with its mode, where the new network has none.
        const single = ['bridge', 'dns', 'domain', 'mtu', 'mac', 'bandwidth', 'virtualport', 'vlan', 'port']
        for (const name of single.filter((name) => base.children.some((node) => nameOf(node) === name))) {
          expect(root.children.filter((node) => nameOf(node) === name)).toMatchObject([
            { attributes: { foreign: 'x' } },
          ])
        }
        for (const { address } of after.settings.ips ?? []) {
          if (!before.settings.ips?.some((ip) => ip.address === address)) continue
          const ofAddress = root.children.filter(isElement).filter((ip) => ip.attributes.address === address)
          expect(ofAddress.some((ip) => ip.attributes.foreign === 'x')).toBe(true)
        }
      }),
      { numRuns: 50 },
    )
  })
})

const nameOf = (node: XmlElement['children'][number]) => (isElement(node) ? node.name : undefined)
const inside = (of: XmlElement): XmlElement[] =>
  of.children.filter(isElement).flatMap((node) => [node, ...inside(node)])
/** Without what is undefined. */
const definedOf = <T>(value: T): T => JSON.parse(JSON.stringify(value))

describe('read', () => {
  const settings = (inner: string) => parseNetwork(`<network><name>n</name>${inner}</network>`).settings

  test.each<[string, string, NetworkSettings]>([
    ['forward without mode: nat', '<forward/>', { forward: { mode: 'nat' } }],
    ['forward of a mode that nobody knows', `<forward mode='magic'/>`, {}],
    [
      'functions that libvirt lists of an active pool',
      `<forward mode='passthrough' dev='v0'><pf dev='p'/><interface dev='v0'/></forward>`,
      { forward: { mode: 'passthrough', pf: { dev: 'p' } } },
    ],
    [
      'a PCI address as libvirt writes it',
      `<forward mode='hostdev'><address type='pci' domain='0x0000' bus='0x03' slot='0x1f' function='0x7'/></forward>`,
      { forward: { mode: 'hostdev', addresses: ['0000:03:1f.7'] } },
    ],
    ['MAC addresses in any spelling', `<mac address='52:54:0:AB:C:ff'/>`, { mac: '52:54:00:ab:0c:ff' }],
    [
      'elements without content that have a line break',
      `<ip address='10.0.0.1'>\n  </ip>`,
      { ips: [{ address: '10.0.0.1' }] },
    ],
    [
      'dnsmasq options of any prefix',
      `<o:options xmlns:o='http://libvirt.org/schemas/network/dnsmasq/1.0'><o:option value='a'/><other value='b'/></o:options>`,
      { dnsmasqOptions: ['a'] },
    ],
    ['options of another namespace', `<o:options xmlns:o='urn:x'><o:option value='a'/></o:options>`, {}],
  ])('%s', (_, xml, expected) => {
    expect(settings(xml)).toEqual(expected)
  })

  test('our mark whatever its prefix, of its namespace and for this network only', () => {
    const owner = (uri: string, name = 'n') =>
      parseNetwork(
        `<network xmlns:m='${uri}'><name>n</name><metadata><m:network owner='me' name='${name}'/></metadata></network>`,
      ).owner
    expect(owner('https://patchbay.dev/libvirt/network/v1')).toBe('me')
    expect(owner('https://patchbay.dev/libvirt/network/v2')).toBeUndefined()
    expect(owner('https://patchbay.dev/libvirt/network/v1', 'copied')).toBeUndefined()
  })

  test.each([
    ['<domain/>', /<network> expected, not <domain>/],
    ['<network/>', /no <name>/],
    ['<network><name/></network>', /no <name>/],
    ['<network>', /line 1/],
  ])('%s is refused', (xml, message) => {
    expect(() => parseNetwork(xml)).toThrow(XmlError)
    expect(() => parseNetwork(xml)).toThrow(message)
  })
})

describe('written', () => {
  test('a network of libvirt: metadata of others, uuid and what nobody has a word for stay', () => {
    const base = `<network connections='2' new='x'>
  <name>n</name>
  <uuid>09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f</uuid>
  <title>Office</title>
  <metadata>
    <app:note xmlns:app='urn:app' by='me'>text</app:note>
  </metadata>
  <forward mode='nat'/>
  <bridge name='virbr3' stp='on' delay='0'/>
  <mac address='52:54:00:00:00:01'/>
  <ip address='10.0.0.1' prefix='24'>
    <dhcp>
      <host mac='52:54:00:00:00:0A' ip='10.0.0.2' new='y'/>
    </dhcp>
  </ip>
</network>`
    const hosts = [
      { name: 'first', ip: '10.0.0.9' },
      { mac: '52:54:00:00:00:0a', name: 'a', ip: '10.0.0.2' },
    ]
    const written = buildNetwork(
      networkOf(
        { forward: { mode: 'nat' }, ips: [{ address: '10.0.0.1', prefix: 24, dhcp: { hosts } }] },
        { owner: 'office' },
      ),
      base,
    )
    expect(written).toBe(`<network connections='2' new='x'>
  <name>n</name>
  <uuid>09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f</uuid>
  <title>Office</title>
  <metadata>
    <app:note xmlns:app='urn:app' by='me'>text</app:note>
    <patchbay:network xmlns:patchbay='https://patchbay.dev/libvirt/network/v1' owner='office' name='n'/>
  </metadata>
  <forward mode='nat'/>
  <bridge name='virbr3'/>
  <mac address='52:54:00:00:00:01'/>
  <ip address='10.0.0.1' prefix='24'>
    <dhcp>
      <host name='first' ip='10.0.0.9'/>
      <host mac='52:54:00:00:00:0A' ip='10.0.0.2' new='y' name='a'/>
    </dhcp>
  </ip>
</network>`)
  })

  test('a network that is no longer ours: the mark goes, the metadata of others stays', () => {
    const ours = buildNetwork(networkOf({}, { owner: 'me' }))
    expect(buildNetwork(networkOf(), ours)).not.toContain('metadata')
    const both = ours.replace('</metadata>', `<a:b xmlns:a='urn:a'/></metadata>`)
    expect(buildNetwork(networkOf(), both)).toContain('a:b')
    expect(parseNetwork(buildNetwork(networkOf(), both)).owner).toBeUndefined()
  })

  test('an isolated network out of one with a forward that has more than we know', () => {
    const base = `<network><name>n</name><forward mode='nat' new='x'><new/></forward></network>`
    expect(buildNetwork(networkOf(), base)).not.toContain('forward')
  })

  test('a bridge that libvirt did not name is no bridge for it to make', () => {
    const base = `<network><name>n</name><forward mode='bridge'/><bridge name='br0'/></network>`
    expect(buildNetwork(networkOf(), base)).not.toContain('br0')
  })

  test.each<[string, NetworkDefinition, RegExp]>([
    ['a name of a port group', networkOf({}, { portGroups: [{ name: `a'/><x` }] }), /name of a port group/],
    ['a domain', networkOf({ domain: { name: '<' } }), /domain\.name/],
    ['a port profile', networkOf({ virtualPort: { profileID: `'` } }), /profileID/],
    [
      'a name of a dhcp host',
      networkOf({ ips: [{ address: '1.1.1.1', dhcp: { hosts: [{ name: '"', ip: '1.1.1.2' }] } }] }),
      /name of a dhcp host/,
    ],
    ['a character that XML lacks', networkOf({}, { owner: '\u0001' }), /U\+0001/],
  ])('%s that would break out is refused', (_, definition, message) => {
    expect(() => buildNetwork(definition)).toThrow(XmlError)
    expect(() => buildNetwork(definition)).toThrow(message)
  })
})
