import fc from 'fast-check'
import { expect, test } from 'vitest'
import { buildXml, isElement, parseXml, type XmlElement } from '../../../../../src/libvirt/xml/document.ts'
import { inexpressible, keptAtAdoption } from '../../../../../src/libvirt/xml/network/inexpressible.ts'
import { buildNetwork } from '../../../../../src/libvirt/xml/network/network.ts'
import { networks } from './definitions.ts'

const network = (inner: string, attributes = '') => `<network ${attributes}><name>n</name>${inner}</network>`

test.each<[string, string, string[]]>([
  [
    'what libvirt counts',
    network(`<forward mode='bridge'><interface dev='a' connections='1'/></forward>`, `connections='2'`),
    [],
  ],
  ['an attribute of the network', network('', `new='x'`), ['network@new']],
  ['an element', network('<new/>'), ['network/new']],
  [
    'an element with content',
    network(`<new a='1'><b>text</b><c d=''/></new>`),
    ['network/new@a', 'network/new/b', 'network/new/c@d'],
  ],
  [
    'a driver that is no more',
    network(`<forward mode='hostdev'><driver name='kvm'/></forward>`),
    ['network/forward/driver@name'],
  ],
  ['another mode', network(`<forward mode='none'/>`), ['network/forward@mode']],
  [
    'one among several',
    network(`<ip address='10.0.0.1'/><ip address='10.0.0.2'><dhcp><host ip='10.0.0.3' x='y'/></dhcp></ip>`),
    ['network/ip[2]/dhcp/host@x'],
  ],
  [
    'an entry without what makes it one',
    network(`<ip address='10.0.0.1'><dhcp><range start='10.0.0.2'/></dhcp></ip>`),
    ['network/ip/dhcp/range@start'],
  ],
  [
    'a second element where libvirt reads one',
    network(`<mtu size='1000'/><mtu size='2000'/>`),
    ['network/mtu[2]@size'],
  ],
  ['a number in words', network(`<mtu size='many'/>`), ['network/mtu@size']],
  [
    'what a port group cannot have',
    network(`<portgroup name='a'><port isolated='yes'/></portgroup>`),
    ['network/portgroup/port@isolated'],
  ],
  [
    'classes of traffic',
    network(`<bandwidth classID='4'><inbound average='1'/></bandwidth>`),
    ['network/bandwidth@classID'],
  ],
  [
    'dnsmasq options with more than a value',
    network(
      `<d:options xmlns:d='http://libvirt.org/schemas/network/dnsmasq/1.0'><d:option value='a'/><d:option value='b' when='x'/></d:options>`,
    ),
    ['network/d:options/d:option[2]@when'],
  ],
  ['the element of a name', network('').replace('<name>', `<name x='y'>`), ['network/name@x']],
  [
    'our mark, uuid and what people note',
    network(`<uuid>u</uuid><title>t</title><metadata><a:b xmlns:a='urn:a'/></metadata>`),
    [],
  ],
])('%s', (_, xml, expected) => {
  expect(inexpressible(xml)).toEqual(expected)
})

test('what stays in libvirt at adoption is named: the uuid and what people note, not our mark', () => {
  const mark = `<p:network xmlns:p='https://patchbay.dev/libvirt/network/v1' owner='o' name='n'/>`
  const xml = network(`<uuid>u</uuid><title>t</title><metadata>${mark}<a:b xmlns:a='urn:a' c=''/></metadata>`)
  expect(keptAtAdoption(xml)).toEqual(['network/uuid', 'network/title', 'network/metadata/a:b@c'])
  expect(keptAtAdoption(network(`<metadata>${mark}</metadata>`))).toEqual([])
})

test('an attribute and an element that are added anywhere are found, each by one path', () => {
  fc.assert(
    fc.property(networks, fc.nat(), (definition, place) => {
      const root = parseXml(buildNetwork({ ...definition, owner: undefined }))
      const all = [root, ...inside(root)]
      const chosen = all[place % all.length]!
      chosen.attributes.foreign = 'x'
      expect(inexpressible(buildXml(root))).toEqual([expect.stringMatching(/@foreign$/)])
      delete chosen.attributes.foreign
      if (chosen.children.some((node) => typeof node === 'string')) return
      chosen.children.push({ name: 'foreign', attributes: {}, children: [] })
      expect(inexpressible(buildXml(root))).toEqual([expect.stringMatching(/\/foreign$/)])
    }),
    { numRuns: 50 },
  )
})

const inside = (of: XmlElement): XmlElement[] =>
  of.children.filter(isElement).flatMap((node) => [node, ...inside(node)])
