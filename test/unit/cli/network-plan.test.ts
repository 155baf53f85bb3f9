/** `patchbay network-plan`; that real libvirt carries the updates out is tested in test/libvirt. */
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { networkDefinitionIn } from '../../../src/cli/network-definition-file.ts'
import { networkPlanText, planOf } from '../../../src/cli/network-plan-answer.ts'
import { patchbay } from './patchbay.ts'

let root: string

beforeAll(() => {
  root = fs.mkdtempSync(join(tmpdir(), 'patchbay-network-plan-'))
})
afterAll(() => fs.rmSync(root, { recursive: true }))

function file(name: string, text: string): string {
  const path = join(root, name)
  fs.writeFileSync(path, text)
  return path
}

const host = (mac: string, ip: string) => `<host mac='52:54:00:00:00:${mac}' ip='${ip}'/>`
const lan = (hosts: string, rest = '', name = 'lan') =>
  `<network><name>${name}</name>${rest}<forward mode='nat'/><ip address='10.7.0.1' prefix='24'><dhcp>${hosts}</dhcp></ip></network>`

const from = lan(host('01', '10.7.0.5'))
const twoHosts = lan(host('01', '10.7.0.5') + host('02', '10.7.0.6'))
const larger = lan(host('02', '10.7.0.6'), "<mtu size='9000'/>")

const manifests = `apiVersion: patchbay.dev/v1alpha1
kind: Network
metadata: {name: lan-abc}
spec:
  networkName: lan
  forward: {mode: nat}
  ips: [{address: 10.7.0.1, prefix: 24, dhcp: {hosts: [{mac: '52:54:00:00:00:01', ip: 10.7.0.5}]}}]
`
const portGroup = (name: string, networkName = 'lan', more = '') => `---
apiVersion: patchbay.dev/v1alpha1
kind: PortGroup
metadata: {name: ${name}}
spec: {networkName: ${networkName}, groupName: sales${more}}
`
const interfaceOfLan = `---
apiVersion: patchbay.dev/v1alpha1
kind: GuestInterface
metadata: {name: nic}
spec: {guest: {name: vm1}, source: {network: {name: lan}}}
`

const add = {
  command: 'add-last',
  section: 'ip-dhcp-host',
  parentIndex: 0,
  xml: "<host mac='52:54:00:00:00:02' ip='10.7.0.6'/>",
}
const remove = { command: 'delete', section: 'ip-dhcp-host', parentIndex: 0, xml: "<host ip='10.7.0.5'/>" }

test('the answer is the contract, and the exit code tells it: none, updates, a restart', () => {
  const files = [file('from.xml', from), file('two.xml', twoHosts), file('larger.xml', larger)] as const
  const plan = (to: string, ...args: string[]) =>
    patchbay('network-plan', '--from', files[0], '--to', to, ...args)

  const none = plan(files[0])
  expect(none).toMatchObject({ code: 0, error: '' })
  expect(JSON.parse(none.out)).toEqual({
    apiVersion: 'cli.patchbay.dev/v1alpha1',
    kind: 'NetworkPlan',
    updates: [],
    restartRequired: [],
  })

  const updates = plan(files[1], '--live', '-o', 'yaml')
  expect(updates.code).toBe(2)
  expect(parse(updates.out)).toMatchObject({ updates: [add], restartRequired: [] })

  const restart = plan(files[2], '-o', 'json')
  expect(restart.code).toBe(3)
  expect(JSON.parse(restart.out)).toMatchObject({
    updates: [remove, add],
    restartRequired: [{ field: 'mtu', from: '', to: '9000', reason: expect.stringMatching(/bridge/) }],
  })
})

test('one of the two may come by standard input', () => {
  const main = join(import.meta.dirname, '../../../src/cli/main.ts')
  const args = [main, 'network-plan', '--from', file('from.xml', from), '--to', '-', '-o', 'json']
  const { status, stdout } = spawnSync(process.execPath, args, { input: manifests, encoding: 'utf8' })
  expect({ status, updates: JSON.parse(stdout).updates }).toEqual({ status: 0, updates: [] })
})

const read = (text: string, name = 'FILE') => networkDefinitionIn({ file: name, text })
const textOf = (to: string, live: boolean, before = from) =>
  networkPlanText(planOf(read(before), read(to), { live }))

describe('for people', () => {
  test('the commands to copy, what each costs a running network, and what all cost together', async () => {
    const text = await textOf(
      lan(host('02', '10.7.0.6'), "<dns><txt name='a' value=\"it's $HOME\"/></dns>"),
      true,
    )
    expect(text.split('\n')).toEqual([
      expect.stringMatching(/^COST +UPDATE$/),
      expect.stringMatching(
        / virsh net-update lan delete ip-dhcp-host --parent-index 0 '<host ip="10.7.0.5"\/>' --live$/,
      ),
      expect.stringMatching(/ virsh net-update lan add-last ip-dhcp-host --parent-index 0 '<host mac=/),
      expect.stringMatching(
        /^dnsmasq restart +virsh net-update lan add-last dns-txt --parent-index 0 '<txt name="a" value="it&apos;s \$HOME"\/>' --live$/,
      ),
      '',
      "  Together: dnsmasq is restarted: no DHCP and DNS for a moment; the network's firewall rules are made again",
      '',
    ])
  })

  test('a stopped network costs nobody anything', async () => {
    expect(await textOf(twoHosts, false)).toBe(
      `UPDATE\nvirsh net-update lan add-last ip-dhcp-host --parent-index 0 '<host mac="52:54:00:00:00:02" ip="10.7.0.6"/>' --config\n`,
    )
  })

  test('what needs a restart, and why', async () => {
    const text = await textOf(larger, false)
    expect(text).toMatch(/\nRESTART FOR +FROM +TO\nmtu +- +9000\n\n {2}mtu: .+\n$/)
  })

  test('nothing', async () => {
    expect(await textOf(from, true)).toBe('Nothing differs.\n')
  })

  test('a name with a quote and a blank is one word of a shell, and so is the update', async () => {
    const odd = "it's mine"
    const text = await textOf(lan(host('02', '10.7.0.6'), '', odd), false, lan('', '', odd))
    const { stdout } = spawnSync('bash', ['-c', `virsh() { printf '%s\\n' "$@"; }; ${text.split('\n')[1]}`], {
      encoding: 'utf8',
    })
    expect(stdout.trim().split('\n')).toEqual([
      'net-update',
      odd,
      'add-last',
      'ip-dhcp-host',
      '--parent-index',
      '0',
      '<host mac="52:54:00:00:00:02" ip="10.7.0.6"/>',
      '--config',
    ])
  })
})

describe('XML and manifests of the same say the same', () => {
  const differs = (one: string, other: string) => {
    const { updates, restartRequired } = planOf(read(one), read(other), { live: true }).answer
    return [...updates, ...restartRequired]
  }
  test.each<[string, string, string]>([
    ['a network', from, manifests],
    ['beside interfaces', from, manifests + interfaceOfLan],
    [
      'a port group',
      lan(host('01', '10.7.0.5'), "<portgroup name='sales'/>"),
      manifests + portGroup('lan.sales'),
    ],
    ['our own empty group', lan(host('01', '10.7.0.5'), "<portgroup name='patchbay'/>"), manifests],
    [
      'a uuid that libvirt chose',
      from,
      lan(host('01', '10.7.0.5'), '<uuid>09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f</uuid>'),
    ],
  ])('%s', (_, one, other) => {
    expect(differs(one, other)).toEqual([])
    expect(differs(other, one)).toEqual([])
  })
})

test('another name is no update', () => {
  expect(planOf(read(from), read(from.replace('>lan<', '>wan<')), { live: true }).answer).toMatchObject({
    updates: [],
    restartRequired: [{ field: 'networkName', from: 'lan', to: 'wan' }],
  })
})

describe('what is not one network, whole, is refused by name', () => {
  const second = manifests.replace('lan-abc', 'lan-def')
  test.each<[string, string, RegExp]>([
    [
      'two Networks',
      `${manifests}---\n${second}`,
      /^FILE: holds more than one Network: lan-abc, lan-def\. Give/,
    ],
    ['no Network', portGroup('a'), /^FILE: holds no Network, only PortGroup$/],
    ['nothing', '', /^FILE: holds no Network: neither libvirt XML nor manifests$/],
    [
      'a port group of another network',
      manifests + portGroup('a', 'wan'),
      /^FILE: PortGroup a: spec\.networkName: is wan, /,
    ],
    ['a group twice', manifests + portGroup('a') + portGroup('b'), /^FILE: portgroup sales: is there twice$/],
    [
      'a manifest that is not valid',
      manifests.replace('prefix: 24', 'prefix: 240'),
      /^FILE:7: spec\.ips\[0\]\.prefix: /,
    ],
    ['XML of a guest', '<domain/>', /^FILE: <network> expected, not <domain>$/],
    ['XML that ends', '<network>', /^FILE: line 1/],
    [
      'what no manifest can say',
      lan('', "<bridge name='a' colour='red'/>"),
      /^FILE: network\/bridge@colour: cannot be compared/,
    ],
  ])('%s', (_, text, message) => expect(() => read(text)).toThrow(message))
})

describe('a usage error names the right use', () => {
  test.each<[string[], RegExp]>([
    [['--from', 'a'], /required option '--to <file>'/],
    [['--from', '-', '--to', '-'], /standard input can be read once/],
  ])('%j', (args, message) => {
    const { code, out, error } = patchbay('network-plan', ...args)
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(error).toMatch(message)
    expect(error).toContain('usage: patchbay network-plan --from FILE --to FILE')
  })
})
