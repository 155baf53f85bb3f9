import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { NetworkChange } from '../../../../../src/core/network/plan/change.ts'
import { parseXml } from '../../../../../src/libvirt/xml/document.ts'
import { updateOf } from '../../../../../src/libvirt/xml/network/update.ts'
import { changes } from './definitions.ts'
import { entriesOf } from './entries.ts'

const lease = { expiry: 2, unit: 'hours' as const }
const host = { mac: '52:54:00:00:00:01', name: 'a', ip: '10.0.0.2', lease }
const srv = { service: 's', protocol: 'tcp', domain: 'd', target: 't', port: 1, priority: 2, weight: 3 }
const add = { command: 'add-last', parentIndex: 0 } as const
const remove = { command: 'delete', parentIndex: 0 } as const

test.each<[NetworkChange, string]>([
  [
    { ...add, section: 'ip-dhcp-host', entry: host },
    `<host mac='52:54:00:00:00:01' name='a' ip='10.0.0.2'><lease expiry='2' unit='hours'/></host>`,
  ],
  [{ ...remove, section: 'ip-dhcp-host', entry: host }, `<host ip='10.0.0.2'/>`],
  [
    { ...add, section: 'ip-dhcp-range', entry: { start: '10.0.0.2', end: '10.0.0.9', lease } },
    `<range start='10.0.0.2' end='10.0.0.9'><lease expiry='2' unit='hours'/></range>`,
  ],
  [
    { ...remove, section: 'ip-dhcp-range', entry: { start: '10.0.0.2', end: '10.0.0.9', lease } },
    `<range start='10.0.0.2' end='10.0.0.9'/>`,
  ],
  [{ ...add, section: 'forward-interface', entry: { dev: 'eth0' } }, `<interface dev='eth0'/>`],
  [{ ...remove, section: 'forward-interface', entry: { dev: 'eth0' } }, `<interface dev='eth0'/>`],
  [
    { ...add, section: 'portgroup', entry: { name: 'a', default: true, vlan: { tags: [{ id: 4 }] } } },
    `<portgroup name='a' default='yes'><vlan><tag id='4'/></vlan></portgroup>`,
  ],
  [{ ...remove, section: 'portgroup', entry: { name: 'a', default: true } }, `<portgroup name='a'/>`],
  [
    { ...add, section: 'dns-host', entry: { ip: '10.0.0.2', hostnames: ['a', 'b'] } },
    `<host ip='10.0.0.2'><hostname>a</hostname><hostname>b</hostname></host>`,
  ],
  [
    { ...remove, section: 'dns-host', entry: { ip: '10.0.0.2', hostnames: ['a', 'b'] } },
    `<host ip='10.0.0.2'/>`,
  ],
  [{ ...add, section: 'dns-txt', entry: { name: 'a', value: '' } }, `<txt name='a' value=''/>`],
  [{ ...remove, section: 'dns-txt', entry: { name: 'a', value: 'b' } }, `<txt name='a'/>`],
  [
    { ...add, section: 'dns-srv', entry: srv },
    `<srv service='s' protocol='tcp' domain='d' target='t' port='1' priority='2' weight='3'/>`,
  ],
  [{ ...remove, section: 'dns-srv', entry: srv }, `<srv service='s' protocol='tcp' domain='d' target='t'/>`],
])('%o', (change, xml) => {
  const update = updateOf(change)
  expect({ ...update, xml: update.xml.replace(/\n\s*/g, '') }).toEqual({
    command: change.command,
    section: change.section,
    parentIndex: 0,
    xml,
  })
})

test('every entry that is not deleted stands in the XML whole', () => {
  fc.assert(
    fc.property(changes, (change) => {
      const { xml, ...rest } = updateOf(change)
      const { entry, ...others } = change
      expect(rest).toEqual(others)
      if (change.command !== 'delete') expect(entryIn(change.section, xml)).toEqual(entry)
      expect(parseXml(xml).name).toMatch(/^(host|range|interface|portgroup|txt|srv)$/)
    }),
  )
})

/** What a network says that has this and nothing else. */
function entryIn(section: NetworkChange['section'], xml: string): unknown {
  const inner = {
    'ip-dhcp-host': `<ip address='a'><dhcp>${xml}</dhcp></ip>`,
    'ip-dhcp-range': `<ip address='a'><dhcp>${xml}</dhcp></ip>`,
    'forward-interface': `<forward>${xml}</forward>`,
    portgroup: xml,
    'dns-host': `<dns>${xml}</dns>`,
    'dns-txt': `<dns>${xml}</dns>`,
    'dns-srv': `<dns>${xml}</dns>`,
  }[section]
  return entriesOf(`<network><name>n</name>${inner}</network>`)[0]
}
