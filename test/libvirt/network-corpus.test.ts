/**
 * Every definition of a network that libvirt accepts survives being read and written by us. How it is counted that the corpus has all of
 * libvirt's network XML: every path of elements and attributes in the schema of the installed libvirt is used by it.
 */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readManifest } from '../../src/api/read-manifest.ts'
import type { NetworkChange, Section, SectionEntry } from '../../src/core/network/plan/change.ts'
import { LibvirtClient } from '../../src/libvirt/client.ts'
import { inexpressible } from '../../src/libvirt/xml/network/inexpressible.ts'
import { buildNetwork, parseNetwork } from '../../src/libvirt/xml/network/network.ts'
import { updateOf } from '../../src/libvirt/xml/network/update.ts'
import { LabHost } from '../lab/host.ts'
import { entriesOf } from '../unit/libvirt/xml/network/entries.ts'
import { pathsOf, schemaPaths } from './network-corpus/schema.ts'

const directory = path.join(import.meta.dirname, 'network-corpus')
const files = readdirSync(directory).filter((name) => name.endsWith('.xml'))
const read = (file: string) => readFileSync(path.join(directory, file), 'utf8')

let host: LabHost
let client: LibvirtClient
beforeAll(async () => {
  host = await LabHost.start({ name: 'corpus' })
  // There is no SR-IOV here. libvirt takes a function for a virtual one that has a link to its physical one.
  await host.run(`
    mount -t tmpfs none /sys/bus/pci/devices
    cd /sys/bus/pci/devices
    mkdir 0000:03:00.0
    for f in 0000:03:10.1 0010:fe:1f.7 0000:04:00.0; do mkdir $f; ln -s ../0000:03:00.0 $f/physfn; done`)
  client = new LibvirtClient({ socket: host.socket })
  await client.connect()
})
afterAll(async () => {
  await client?.close()
  await host?.stop()
})

/** What libvirt makes of a definition: its own text of the network, which is gone again then. */
async function shown(xml: string): Promise<string> {
  const network = await client.networkDefine(xml)
  try {
    return await client.networkXML(network, { inactive: true })
  } finally {
    await client.networkUndefine(network)
  }
}

/** In the schema, and refused by libvirt's parser: with what it says (seen on 9.0), which a test shows. */
const refused = new Map(
  ['network/bandwidth', 'network/portgroup/bandwidth'].flatMap((at) => [
    [`${at}@classID`, 'classID attribute not supported on <bandwidth> in this usage context'],
    [`${at}/inbound@floor`, 'floor attribute is not supported for this config'],
    [`${at}/outbound@floor`, "'floor' attribute allowed only in <inbound> element"],
  ]),
)

describe('what the corpus has', () => {
  test('at least 60 definitions', () => {
    expect(files.length).toBeGreaterThanOrEqual(60)
  })

  test("every element and attribute of libvirt's schema, and no others", () => {
    const used = new Set(files.flatMap((file) => [...pathsOf(read(file))]))
    const known = schemaPaths()
    console.log(
      `${files.length} definitions use ${used.size} of the ${known.size} elements and attributes of network.rng; the other ${refused.size} libvirt refuses`,
    )
    expect([...known].filter((at) => !used.has(at)).sort()).toEqual([...refused.keys()].sort())
    expect([...used].filter((at) => !known.has(at))).toEqual([])
    expect(known.size).toBeGreaterThan(150)
  })

  test.each([...refused])('libvirt refuses %s: %s', async (at, message) => {
    const bandwidth = {
      classID: `<bandwidth classID='4'><inbound average='1'/></bandwidth>`,
      'inbound@floor': `<bandwidth><inbound average='1' floor='1'/></bandwidth>`,
      'outbound@floor': `<bandwidth><outbound average='1' floor='1'/></bandwidth>`,
    }[at.replace(/^.*bandwidth[@/]/, '')]
    const where = at.includes('portgroup') ? `<portgroup name='a'>${bandwidth}</portgroup>` : bandwidth
    await expect(shown(`<network><name>refused</name>${where}</network>`)).rejects.toThrow(message)
  })
})

describe.each(files)('%s', (file) => {
  test('is the same network after it was read and written', async () => {
    const before = await shown(read(file))
    const definition = parseNetwork(before)
    expect(inexpressible(before)).toEqual([])

    expect(await shown(buildNetwork(definition, before))).toBe(before)
    const fresh = await shown(buildNetwork(definition))
    expect(fresh).toBe(definition.owner === undefined ? withoutNotes(before) : before)
  })

  test('has a place in a manifest', async () => {
    const { name: networkName, settings, portGroups } = parseNetwork(await shown(read(file)))
    const manifest = (kind: string, spec: object) =>
      JSON.stringify({ apiVersion: 'patchbay.dev/v1alpha1', kind, metadata: { name: 'it' }, spec })
    const texts = [
      manifest('Network', { networkName, ...settings }),
      ...portGroups.map(({ name, ...group }) =>
        manifest('PortGroup', { networkName, groupName: name, ...group }),
      ),
    ]
    expect(texts.flatMap((text) => readManifest(text, file).problems)).toEqual([])
  })
})

/** Each with neighbours that share as much with it as libvirt lets them. */
const updates: [string, NetworkChange][] = [
  [
    `<ip address='10.0.0.1' prefix='24'><dhcp><host name='n' ip='10.0.0.2'/><host mac='52:54:00:00:00:01' name='o' ip='10.0.0.3'/></dhcp></ip>`,
    change('ip-dhcp-host', { mac: '52:54:00:00:00:02', name: 'x', ip: '10.0.0.4', lease: { expiry: 0 } }),
  ],
  [
    `<ip family='ipv6' address='fd00::1' prefix='64'><dhcp><host id='0:1' name='n' ip='fd00::2'/></dhcp></ip>`,
    change('ip-dhcp-host', { id: '0:1', name: 'x', ip: 'fd00::4' }),
  ],
  [
    `<ip address='10.0.0.1' prefix='24'><dhcp><range start='10.0.0.2' end='10.0.0.9'/></dhcp></ip>`,
    change('ip-dhcp-range', { start: '10.0.0.20', end: '10.0.0.29', lease: { expiry: 3, unit: 'hours' } }),
  ],
  [
    `<forward mode='bridge'><interface dev='a'/><interface dev='b'/></forward>`,
    change('forward-interface', { dev: 'c' }),
  ],
  [
    `<portgroup name='a' default='yes'/><portgroup name='c'/>`,
    change('portgroup', { name: 'b', trustGuestRxFilters: true, bandwidth: { inbound: { average: 1 } } }),
  ],
  [
    `<dns><host ip='10.0.0.2'><hostname>a</hostname></host></dns>`,
    change('dns-host', { ip: '10.0.0.3', hostnames: ['b', 'c'] }),
  ],
  [`<dns><txt name='a' value='v'/></dns>`, change('dns-txt', { name: 'b', value: `v & 'w'` })],
  [
    `<dns><srv service='s' protocol='tcp' domain='d' target='t' port='1'/><srv service='s' protocol='tcp' domain='d' target='u' port='1'/></dns>`,
    change('dns-srv', { service: 's', protocol: 'tcp', domain: 'd', target: 'v', port: 1, weight: 2 }),
  ],
]

function change<S extends Section>(section: S, entry: SectionEntry[S]): NetworkChange {
  return { command: 'add-last', section, parentIndex: 0, entry } as NetworkChange
}

describe('an entry is added whole, and deleted alone', () => {
  test.each(updates)('%s', async (inner, added) => {
    const saved = { live: false, saved: true }
    const network = await client.networkDefine(`<network><name>updates</name>${inner}</network>`)
    const xml = () => client.networkXML(network, { inactive: true })
    try {
      const before = await xml()
      await client.networkUpdate(network, updateOf(added), saved)
      expect(entriesOf(await xml())).toEqual([...entriesOf(before), added.entry])
      await client.networkUpdate(network, updateOf({ ...added, command: 'delete' }), saved)
      expect(await xml()).toBe(before)
    } finally {
      await client.networkUndefine(network)
    }
  })
})

/**
 * What a definition that is written afresh has otherwise, on purpose: no metadata of others, and MAC addresses of DHCP hosts, which libvirt
 * keeps as they are written, in lower case.
 */
function withoutNotes(xml: string): string {
  return xml
    .replace(/ {2}<metadata[ >].*<\/metadata>\n/s, '')
    .replace(/<host mac='[^']*'/g, (host) => host.toLowerCase())
}
