import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { ResolveAnswer } from '../../../src/cli/resolve-answer.ts'
import { type Answer, main, patchbay } from './patchbay.ts'

const examples = join(import.meta.dirname, '../../../examples')
const workedExample = join(examples, 'worked-example')
const id = '09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f'

let root: string
beforeAll(() => {
  root = fs.mkdtempSync(join(tmpdir(), 'patchbay-resolve-'))
})
afterAll(() => fs.rmSync(root, { recursive: true }))

const network = (name: string, spec: object) => ({ kind: 'Network', metadata: { name }, spec })
const portGroup = (name: string, spec: object) => ({ kind: 'PortGroup', metadata: { name }, spec })
const nic = (name: string, spec: object) => ({
  kind: 'GuestInterface',
  metadata: { name },
  spec: { guest: { name: 'vm1' }, ...spec },
})
const on = (name: string, portGroup?: string) => ({ source: { network: { name, portGroup } } })

function file(name: string, ...objects: object[]): string {
  const path = join(root, name)
  const documents = objects.map((object) =>
    JSON.stringify({ apiVersion: 'patchbay.dev/v1alpha1', ...object }),
  )
  fs.mkdirSync(join(path, '..'), { recursive: true })
  fs.writeFileSync(path, documents.join('\n---\n'))
  return path
}

function resolved(...args: string[]): ResolveAnswer['items'] {
  const { code, out, error } = patchbay('resolve', ...args, '-o', 'json')
  expect(error).toBe('')
  expect(code).toBe(0)
  const answer = JSON.parse(out)
  expect(answer).toMatchObject({ apiVersion: 'cli.patchbay.dev/v1alpha1', kind: 'Resolve' })
  return answer.items
}

/** The same, of manifests that are put into a file of their own. */
let files = 0
const items = (objects: object[], ...args: string[]) =>
  resolved('-f', file(`case-${files++}.yaml`, ...objects), '--host', 'h1', ...args)

describe('the worked example', () => {
  test('on abc it is a port of the Open vSwitch bridge with profile sales', () => {
    expect(resolved('-f', workedExample, '--host', 'abc')).toEqual([
      {
        interface: 'default/vm1-data',
        host: 'abc',
        network: 'testA',
        portGroup: 'sales',
        effective: {
          mac: '52:54:00:a8:89:07',
          model: 'virtio',
          link: { state: 'up' },
          virtualPort: { type: 'openvswitch', interfaceID: id, profileID: 'sales' },
        },
        sources: {
          mac: 'generated',
          model: 'interface',
          link: 'interface',
          'virtualPort.type': 'network',
          'virtualPort.interfaceID': 'interface',
          'virtualPort.profileID': 'portGroup',
        },
        port: { kind: 'bridge', bridge: 'ovsbr0' },
        xml: `<interface type='bridge'>
  <mac address='52:54:00:a8:89:07'/>
  <source bridge='ovsbr0'/>
  <virtualport type='openvswitch'>
    <parameters interfaceid='${id}' profileid='sales'/>
  </virtualport>
  <model type='virtio'/>
  <link state='up'/>
  <alias name='ua-patchbay-default_vm1-data'/>
</interface>`,
        refusal: null,
        notes: [
          "Generated from the guest's name, since its UUID is not known here: mac. On the host it is made from the UUID, and is another",
          'Given but not in effect here: virtualPort.instanceID',
        ],
      },
    ])
  })

  test('on def it is an 802.1Qbg port on the first device of the pool', () => {
    const [item] = resolved('-f', workedExample, '--host', 'def')
    expect(item).toMatchObject({
      effective: {
        virtualPort: { type: '802.1Qbg', managerID: 55, typeID: 1193047, typeIDVersion: 2, instanceID: id },
      },
      sources: { 'virtualPort.managerID': 'portGroup', 'virtualPort.typeID': 'network' },
      port: { kind: 'direct', dev: 'eth2', mode: 'vepa' },
      refusal: null,
    })
    expect(item!.xml).toBe(`<interface type='direct'>
  <mac address='52:54:00:a8:89:07'/>
  <source dev='eth2' mode='vepa'/>
  <virtualport type='802.1Qbg'>
    <parameters managerid='55' typeid='1193047' typeidversion='2' instanceid='${id}'/>
  </virtualport>
  <model type='virtio'/>
  <link state='up'/>
  <alias name='ua-patchbay-default_vm1-data'/>
</interface>`)
  })

  test('on a host that no Network selects it is refused', () => {
    const [item] = resolved('-f', workedExample, '--host', 'xyz')
    expect(item).toMatchObject({
      network: 'testA',
      effective: null,
      sources: {},
      port: null,
      xml: null,
      refusal: { reason: 'NetworkNotFound', field: 'source.network.name' },
    })
  })

  test('is the same byte for byte, however the files are named', () => {
    const names = fs.readdirSync(workedExample).sort()
    const one = patchbay('resolve', '-f', workedExample, '--host', 'abc', '-o', 'json').out
    const apart = names.flatMap((name) => ['-f', join(workedExample, name)])
    expect(patchbay('resolve', ...apart, '--host', 'abc', '-o', 'json').out).toBe(one)
    expect(patchbay('resolve', ...apart, '-f', workedExample, '--host', 'abc', '-o', 'json').out).toBe(one)
    const text = names.map((name) => fs.readFileSync(join(workedExample, name), 'utf8')).join('\n---\n')
    const piped = spawnSync(process.execPath, [main, 'resolve', '-f', '-', '--host', 'abc'], {
      encoding: 'utf8',
      input: text,
    })
    expect(piped.stdout).toBe(one)
  })
})

describe('ports', () => {
  test('exclusive interfaces get different devices until there is none', () => {
    const pool = { forward: { mode: 'passthrough', interfaces: [{ dev: 'eth1' }, { dev: 'eth2' }] } }
    const found = items([
      network('p', pool),
      ...['a', 'b', 'c'].map((name) => nic(name, { ...on('p'), mac: `52:54:00:00:00:0${name}` })),
    ])
    expect(found.map(({ port }) => port)).toEqual([
      { kind: 'direct', dev: 'eth1', mode: 'passthrough', network: 'p' },
      { kind: 'direct', dev: 'eth2', mode: 'passthrough', network: 'p' },
      null,
    ])
    expect(found[2]).toMatchObject({
      effective: { mac: '52:54:00:00:00:0c' },
      xml: null,
      refusal: { reason: 'PoolExhausted', message: expect.stringContaining('eth1: held by default/a') },
    })
  })

  test('shared devices are taken by turns, each network its own', () => {
    const pool = { forward: { mode: 'bridge', interfaces: [{ dev: 'eth1' }, { dev: 'eth2' }] } }
    const found = items([
      network('p', pool),
      network('q', { forward: { mode: 'hostdev', addresses: ['0000:03:10.1'], managed: true } }),
      nic('a', on('p')),
      nic('b', on('p')),
      nic('c', on('p')),
      nic('d', on('q')),
    ])
    expect(found.map(({ port }) => port)).toEqual([
      ...['eth1', 'eth2', 'eth1'].map((dev) => ({ kind: 'direct', dev, mode: 'bridge', network: 'p' })),
      { kind: 'hostdev', address: '0000:03:10.1', managed: true, network: 'q' },
    ])
  })

  test('a source of its own, and a libvirt network, whose XML names our empty port group', () => {
    const found = items([
      network('lan', { forward: { mode: 'nat' }, ips: [{ address: '192.0.2.1', prefix: 24 }] }),
      nic('a', on('lan')),
      nic('b', { source: { bridge: { name: 'br0' } } }),
      nic('c', { source: { vhostuser: { path: '/run/vhu', mode: 'client' } } }),
    ])
    expect(found.map(({ network, port }) => [network, port])).toEqual([
      ['lan', { kind: 'network', network: 'lan' }],
      [null, { kind: 'bridge', bridge: 'br0' }],
      [null, { kind: 'vhostuser', path: '/run/vhu', mode: 'client' }],
    ])
    expect(found[0]!.xml).toContain("<source network='lan' portgroup='patchbay'/>")
  })

  test('virtual functions are known on the host only', () => {
    const [found] = items([
      network('p', { forward: { mode: 'hostdev', pf: { dev: 'eth7' } } }),
      nic('a', on('p')),
    ])
    expect(found).toMatchObject({ port: null, refusal: { field: 'network.forward.pf' } })
  })
})

test('each interface is resolved where it is asked for; one that is pinned elsewhere says so', () => {
  const found = items([
    nic('a', { source: { user: {} }, hostName: 'h2' }),
    nic('b', { source: { user: {} }, hostName: 'h1' }),
  ])
  expect(found.map(({ host, refusal }) => [host, refusal?.reason, refusal?.field])).toEqual([
    ['h1', 'PinnedElsewhere', 'hostName'],
    ['h1', undefined, undefined],
  ])
})

test('all refusals are told, the first one by its field', () => {
  const [found] = items([nic('a', { source: { user: {} }, mtu: 1400, portIsolation: true })])
  expect(found!.refusal).toMatchObject({ reason: 'SettingNotSupported', field: 'mtu' })
  expect(found!.refusal!.message).toMatch(/^mtu: .*\nportIsolation: /)
})

test('labels decide which Network holds', () => {
  const objects = [
    network('a', {
      networkName: 'n',
      hostSelector: { matchLabels: { zone: 'a' } },
      forward: { mode: 'bridge' },
      bridge: { name: 'br-a' },
    }),
    network('b', {
      networkName: 'n',
      hostSelector: { matchLabels: { zone: 'b' } },
      forward: { mode: 'bridge' },
      bridge: { name: 'br-b' },
    }),
    nic('x', on('n')),
  ]
  const portOn = (...args: string[]) => items(objects, ...args)[0]!.port
  expect(portOn('--host-label', 'zone=a')).toEqual({ kind: 'bridge', bridge: 'br-a' })
  expect(portOn('--host-label', 'other=1', '--host-label', 'zone=b')).toEqual({
    kind: 'bridge',
    bridge: 'br-b',
  })
  expect(portOn()).toBeNull()
})

test('a guest that is named by UUID gets the values that it has on the host', () => {
  const [found] = items([nic('a', { guest: { uuid: id }, source: { user: {} } })])
  expect(found!.sources).toEqual({ mac: 'generated' })
  expect(found!.notes).toEqual([])
})

describe('output', () => {
  let path: string
  beforeAll(() => {
    path = file(
      'output.yaml',
      network('n', {
        forward: { mode: 'bridge' },
        bridge: { name: 'ovs0' },
        virtualPort: { type: 'openvswitch' },
      }),
      portGroup('g', { networkName: 'n', vlan: { tags: [{ id: 7, nativeMode: 'untagged' }, { id: 8 }] } }),
      nic('a', { ...on('n', 'g'), mac: '52:54:00:00:00:01', bandwidth: { outbound: { average: 100 } } }),
      nic('b', on('n', 'gg')),
    )
  })

  test('the table has a row a setting with its layer, and below it what is refused', () => {
    const { code, out, error } = patchbay('resolve', '-f', path, '--host', 'h1', '-o', 'table')
    expect(error).toBe('')
    expect(code).toBe(0)
    expect(out.replaceAll(/ +/g, ' ')).toMatch(/^INTERFACE HOST NETWORK PORT GROUP PORT REFUSAL\n/)
    for (const line of [
      'default/a h1 n g ovs0 -',
      'default/b h1 n gg - PortGroupNotFound',
      'default/a bandwidth.outbound.average 100 interface',
      'default/a vlan.tags 7 (untagged), 8 portGroup',
      'default/a vlan.trunk true portGroup',
      'default/a virtualPort.type openvswitch network',
    ]) {
      expect(out.replaceAll(/ +/g, ' ').split('\n')).toContain(line)
    }
    expect(out).toMatch(
      /\n {2}default\/b: PortGroupNotFound: source.network.portGroup: network n has no PortGroup gg/,
    )
  })

  test('yaml is the same answer', () => {
    const { out } = patchbay('resolve', '-f', path, '--host', 'h1', '-o', 'yaml')
    expect(parse(out).items).toEqual(resolved('-f', path, '--host', 'h1'))
  })

  test('manifests without an interface', () => {
    const empty = file('empty.yaml', network('n', {}))
    expect(resolved('-f', empty, '--host', 'h1')).toEqual([])
    const { out } = patchbay('resolve', '-f', empty, '--host', 'h1', '-o', 'table')
    expect(out).toBe('The manifests hold no GuestInterface.\n')
  })
})

describe('bad input exits with 1, and says where and why', () => {
  const refused = (...args: string[]): Answer => patchbay('resolve', ...args)

  test('every problem, by file, line and field; nothing is answered', () => {
    const path = join(root, 'bad.yaml')
    fs.writeFileSync(
      path,
      'apiVersion: patchbay.dev/v1alpha1\nkind: GuestInterface\nmetadata: {name: a}\nspec:\n' +
        '  guest: {name: vm1}\n  source: {user: {}}\n  mtu: many\n  linkk: {}\n',
    )
    expect(refused('-f', path, '--host', 'h1')).toMatchObject({
      code: 1,
      out: '',
      error: expect.stringMatching(
        new RegExp(`^error: ${path}:7: spec.mtu: .*\n${path}:8: spec.linkk: is no field here`),
      ),
    })
  })

  const cases: [string, () => string[], RegExp][] = [
    [
      'no such file',
      () => ['-f', '/does/not/exist', '--host', 'h1'],
      /^error: \/does\/not\/exist: there is no such file/,
    ],
    [
      'a directory without manifests',
      () => [`-f`, fs.mkdtempSync(join(root, 'none-')), '--host', 'h1'],
      /holds no \*\.yaml/,
    ],
    [
      'no -f',
      () => ['--host', 'h1'],
      /required option '-f, --file <path...>'[\s\S]*usage: patchbay resolve -f PATH/,
    ],
    [
      'no --host',
      () => ['-f', workedExample],
      /required option '--host <name>'[\s\S]*usage: patchbay resolve /,
    ],
    ['a bad host name', () => ['-f', workedExample, '--host', 'A_b'], /"A_b" is not a host name/],
    [
      'one object twice',
      () => ['-f', file('x.yaml', network('n', {})), file('y.yaml', network('n', {})), '--host', 'h1'],
      /y\.yaml:1: metadata\.name: Network n is there already, in .*x\.yaml:1/,
    ],
  ]
  test.each(cases)('%s', (_, args, message) => {
    const { code, out, error } = refused(...args())
    expect(error).toMatch(message)
    expect(out).toBe('')
    expect(code).toBe(1)
  })
})

describe('--guest-xml', () => {
  const uuid = '3b0f5a2e-6c1d-4f7a-9e58-2d4c6b8a1f03'
  /** As libvirt prints a definition for a migration, shortened. */
  const guest = (interfaces: string) => `<domain type='kvm'>
  <name>vm1</name>
  <uuid>${uuid}</uuid>
  <metadata>
    <note xmlns='https://example.org/'>${nicOnAbc}</note>
  </metadata>
  <devices>
    ${interfaces}
    <memballoon model='none'/>
  </devices>
</domain>
`
  const nicOnAbc = `<interface type='bridge'>
      <mac address='52:54:00:08:31:51'/>
      <source bridge='ovsbr0'/>
      <virtualport type='openvswitch'>
        <parameters interfaceid='${id}' profileid='sales'/>
      </virtualport>
      <model type='virtio'/>
      <link state='up'/>
      <alias name='ua-patchbay-default_vm1-data'/>
      <address type='pci' domain='0x0000' bus='0x03' slot='0x00' function='0x0'/>
    </interface>`
  const others = `<interface type='bridge'>
      <mac address='52:54:00:00:00:07'/>
      <source bridge='br0'/>
    </interface>`
  const ask = (text: string, ...args: string[]) => {
    const path = join(root, `guest-${files++}.xml`)
    fs.writeFileSync(path, text)
    return patchbay('resolve', '-f', workedExample, '--guest-xml', path, ...args)
  }

  test('is the guest as it is to be on the other host, by its UUID, and all that it sees of an interface as it was', () => {
    const { code, out, error } = ask(guest(`${others}\n    ${nicOnAbc}`), '--host', 'def')
    expect(error).toBe('')
    expect(code).toBe(0)
    const nicOnDef = `<interface type='direct'>
  <mac address='52:54:00:08:31:51'/>
  <source dev='eth2' mode='vepa'/>
  <virtualport type='802.1Qbg'>
    <parameters managerid='55' typeid='1193047' typeidversion='2' instanceid='${id}'/>
  </virtualport>
  <model type='virtio'/>
  <link state='up'/>
  <alias name='ua-patchbay-default_vm1-data'/>
  <address type='pci' domain='0x0000' bus='0x03' slot='0x00' function='0x0'/>
</interface>`
    expect(out).toBe(guest(`${others}\n    ${nicOnDef}`))
  })

  test('what cannot be on that host, or is in no manifest, is told, and nothing is printed', () => {
    const unknown = nicOnAbc.replace('vm1-data', 'vm1-lost')
    const { code, out, error } = ask(guest(nicOnAbc + unknown), '--host', 'xyz')
    expect(code).toBe(1)
    expect(out).toBe('')
    expect(error).toContain(
      'default/vm1-data: NetworkNotFound: source.network.name: no Network testA for host xyz',
    )
    expect(error).toContain('default/vm1-lost: the guest has this interface')
  })

  test('a text that is no guest, standard input for two, and a format beside it', () => {
    expect(ask('<network/>', '--host', 'def')).toMatchObject({ code: 1, out: '' })
    expect(patchbay('resolve', '-f', '-', '--host', 'def', '--guest-xml', '-').error).toContain('read once')
    expect(ask(guest(''), '--host', 'def', '-o', 'json').error).toContain("'--guest-xml <file>'")
  })
})
