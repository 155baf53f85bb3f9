/** `patchbay import` from files; from a running libvirt it is tested in test/libvirt/import.test.ts. */
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readManifest } from '../../../src/api/read-manifest.ts'
import { importAnswer } from '../../../src/cli/import-answer.ts'
import { sourcesInFiles } from '../../../src/cli/import-source.ts'
import { patchbay } from './patchbay.ts'

let root: string

beforeAll(() => {
  root = fs.mkdtempSync(join(tmpdir(), 'patchbay-import-'))
})
afterAll(() => fs.rmSync(root, { recursive: true }))

function file(name: string, text: string): string {
  const path = join(root, name)
  fs.writeFileSync(path, text)
  return path
}

const networkXml = (name: string, inner = '') =>
  `<network><name>${name}</name><ip address='10.7.0.1' prefix='24'/>${inner}</network>`
const guestXml = (name: string, interfaces: string) =>
  `<domain type='qemu'><name>${name}</name><devices>${interfaces}</devices></domain>`
const nic = (mac: string, source = "network='Lab_Net' portgroup='sales'") =>
  `<interface type='network'><mac address='${mac}'/><source ${source}/><model type='virtio'/></interface>`

function goodFiles(): string[] {
  return [
    file('guest.xml', guestXml('vm1', nic('52:54:00:00:00:01'))),
    file('network.xml', networkXml('Lab_Net', "<portgroup name='sales' default='yes'/>")),
  ]
}

test('networks and port groups first, then interfaces, as manifests that are valid and adopt', () => {
  const { code, out, error } = patchbay('import', '--xml', ...goodFiles())
  expect({ code, error }).toEqual({ code: 0, error: '' })
  const { objects, problems } = readManifest(out)
  expect(problems).toEqual([])
  expect(objects.map(({ object }) => object)).toMatchObject([
    {
      kind: 'Network',
      metadata: { name: expect.stringMatching(/^lab-net-/) },
      spec: { networkName: 'Lab_Net', adopt: true, ips: [{ address: '10.7.0.1', prefix: 24 }] },
    },
    { kind: 'PortGroup', spec: { networkName: 'Lab_Net', groupName: 'sales', default: true } },
    {
      kind: 'GuestInterface',
      metadata: { name: 'vm1.52-54-00-00-00-01', namespace: 'default' },
      spec: {
        guest: { name: 'vm1' },
        mac: '52:54:00:00:00:01',
        adopt: true,
        source: { network: { name: 'Lab_Net', portGroup: 'sales' } },
      },
    },
  ])
})

test('in JSON the same as one list, which is read as well', () => {
  const files = goodFiles()
  const [yaml, json] = [
    patchbay('import', '--xml', ...files),
    patchbay('import', '--xml', ...files, '-o', 'json'),
  ]
  expect(JSON.parse(json.out)).toMatchObject({ apiVersion: 'v1', kind: 'List' })
  const objects = ({ out }: typeof json) => readManifest(out).objects.map(({ object }) => object)
  expect(objects(json)).toEqual(objects(yaml))
  expect(objects(json)).toHaveLength(3)
})

test('as a table for people: what becomes what', () => {
  const { out } = patchbay('import', '--xml', ...goodFiles(), '-o', 'table')
  expect(out.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
    ['KIND', 'NAME', 'OF'],
    ['Network', expect.stringMatching(/^lab-net-/), 'Lab_Net'],
    ['PortGroup', expect.stringMatching(/^lab-net-sales-/), 'Lab_Net, sales'],
    ['GuestInterface', 'default/vm1.52-54-00-00-00-01', 'vm1, 52:54:00:00:00:01'],
    [''],
  ])
})

test('whole or not at all: everything in the way is named by file, network or guest, and field', () => {
  const bad = file(
    'bad.xml',
    networkXml('lan', "<ip address='10.8.0.1' prefix='24' mood='good'/><mac address='53:54:00:00:00:01'/>"),
  )
  const guest = file(
    'bad-guest.xml',
    guestXml(
      'vm2',
      [
        "<interface type='mcast'><mac address='52:54:00:00:00:02'/></interface>",
        "<interface type='bridge'><source bridge='br0'/></interface>",
        nic('52:54:00:00:00:03', "network='Lab_Net' portgroup='nobody'"),
        "<interface type='network'><mac address='52:54:00:00:00:04'/><source network='Lab_Net'/><virtualport type='openvswitch'/></interface>",
      ].join(''),
    ),
  )
  const { code, out, error } = patchbay('import', '--xml', bad, guest, ...goodFiles())
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(error.trimEnd().split('\n')).toEqual([
    expect.stringMatching(/^error: .*bad\.xml: network lan: network\/ip\[2\]@mood: no manifest has a field/),
    expect.stringMatching(/bad\.xml: network lan: spec\.mac: must be a unicast/),
    expect.stringMatching(/bad-guest\.xml: guest vm2: interface 52:54:00:00:00:02: type='mcast': /),
    expect.stringMatching(/bad-guest\.xml: guest vm2: interface number 2: mac: is missing/),
    expect.stringMatching(
      /bad-guest\.xml: guest vm2: interface 52:54:00:00:00:03: source@portgroup: .*no port group nobody \(it has sales\)/,
    ),
    expect.stringMatching(
      /bad-guest\.xml: guest vm2: interface 52:54:00:00:00:04: virtualPort.*: .*openvswitch/,
    ),
  ])
})

const imported = async (...files: string[]) => importAnswer((await sourcesInFiles(files)).sources)

test('the same network from two files is refused', async () => {
  const { refusals } = await imported(file('a.xml', networkXml('lan')), file('b.xml', networkXml('lan')))
  expect(refusals).toEqual([
    expect.stringMatching(/b\.xml: network lan: would be Network lan, as is .*a\.xml: network lan/),
  ])
})

test('what is kept already is left out, and what stays in libvirt is told', async () => {
  const ours = file(
    'ours.xml',
    guestXml('vm1', `<interface type='user'><alias name='ua-patchbay-default_data'/></interface>`),
  )
  const noted = file('noted.xml', networkXml('lan', "<metadata><a:b xmlns:a='urn:a' c='1'/></metadata>"))
  const { objects, notes, refusals } = await imported(ours, noted)
  expect(refusals).toEqual([])
  expect(objects).toMatchObject([{ kind: 'Network' }])
  expect(notes).toEqual([
    expect.stringMatching(/noted\.xml: network lan: network\/metadata\/.* stays in libvirt/),
    expect.stringMatching(/ours\.xml: guest vm1: .* is kept for GuestInterface default\/data/),
  ])
})

test('an interface of a network that is not among the files, and a guest that runs, are told', async () => {
  const guest = guestXml('vm1', nic('52:54:00:00:00:01')).replace('<domain', "<domain id='3'")
  expect(await imported(file('guest.xml', guest))).toMatchObject({
    refusals: [],
    notes: [
      expect.stringMatching(/guest vm1: runs: .*virsh dumpxml --inactive/),
      expect.stringMatching(/guest vm1: .* is plugged into network Lab_Net, which is not imported with it/),
    ],
  })
})

test('nothing to import is nothing', () => {
  const empty = file('empty.xml', guestXml('vm1', ''))
  expect(patchbay('import', '--xml', empty)).toEqual({
    code: 0,
    out: '',
    error: 'note: there is nothing to import\n',
  })
})

describe('a usage error names the right use', () => {
  const cases: [string[], RegExp][] = [
    [[], /nothing says what to import: give --xml FILE\.\.\. or --libvirt SOCKET/],
    [['--xml', 'a', '--libvirt', 'b'], /files or a running libvirt/],
    [['--xml', 'a', '--all'], /files or a running libvirt/],
    [['--libvirt', 'a', '--network', 'n', '--guest', 'g'], /give one of them/],
    [['--xml', 'a', '-o', 'xml'], /Allowed choices are table, json, yaml/],
  ]
  test.each(cases)('%j', (args, message) => {
    const { code, out, error } = patchbay('import', ...args)
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(error).toMatch(message)
    expect(error).toContain('usage: patchbay import --xml FILE...')
  })
})

describe('what cannot be read is named', () => {
  test.each<[string, string, RegExp]>([
    ['a manifest', 'apiVersion: v1', /x\.xml: /],
    ['another element', '<pool/>', /x\.xml: <network> or <domain> expected, not <pool>/],
    ['half of one', '<network><name>a</name>', /x\.xml: line 1/],
  ])('%s', async (_, text, message) => {
    await expect(sourcesInFiles([file('x.xml', text)])).rejects.toThrow(message)
  })
  test('a network without a name', async () => {
    const { refusals } = await imported(file('x.xml', '<network/>'))
    expect(refusals).toEqual([expect.stringMatching(/x\.xml: .*has no <name>/)])
  })
  test('a file that is not there', async () => {
    await expect(sourcesInFiles([join(root, 'nowhere.xml')])).rejects.toThrow(
      /nowhere\.xml: there is no such file/,
    )
  })
})
