import { expect, test } from 'vitest'
import { formatProblem, readManifest, readManifests } from '../../../src/api/read-manifest.ts'

const head = 'apiVersion: patchbay.dev/v1alpha1\n'
const net = (name: string, spec = '{}') => `${head}kind: Network\nmetadata: {name: ${name}}\nspec: ${spec}\n`
const said = (text: string) => readManifest(text, 'a.yaml').problems.map(formatProblem)
const names = (text: string) => readManifest(text, 'a.yaml').objects.map(({ object }) => object.metadata.name)

test('gives objects with defaults and namespace, and where they begin', () => {
  const text = `# first\n${head}kind: GuestInterface\nmetadata: {name: a, labels: {b: c}}\nspec:\n  guest: {name: vm1}\n  source: {user: {}}\n---\n\n# next\n${net('wire')}`
  expect(readManifest(text, 'a.yaml')).toEqual({
    problems: [],
    objects: [
      {
        file: 'a.yaml',
        line: 2,
        object: {
          apiVersion: 'patchbay.dev/v1alpha1',
          kind: 'GuestInterface',
          metadata: { name: 'a', namespace: 'default', labels: { b: 'c' } },
          spec: {
            guest: { name: 'vm1' },
            source: { user: {} },
            updatePolicy: 'Live',
            deletionPolicy: 'Detach',
          },
        },
      },
      {
        file: 'a.yaml',
        line: 11,
        object: {
          apiVersion: 'patchbay.dev/v1alpha1',
          kind: 'Network',
          metadata: { name: 'wire' },
          spec: { onRestartRequired: 'Refuse', deletionPolicy: 'Delete' },
        },
      },
    ],
  })
})

test('names every problem with file, line and field, and loads the documents that are good', () => {
  const text = `${head}kind: GuestInterface
metadata:
  name: vm1-data
  labls: {}
spec:
  guest: {name: vm1}
  source:
    network: {name: testA, portgroup: sales}
    user: {}
  vlan:
    trunk: no
    tags:
    - id: 5
      nativeMode: tagged
    - id: 5000
    - {id: 5}
  link: {state: on}
  mtu: "x"
  mac: 01:54:00:12:34:56
status: {whatever: 1}
---
${net('good')}---
${net('other', '{bandwith: {}}')}`
  const { objects, problems } = readManifest(text, 'a.yaml')
  expect(problems.map(formatProblem).sort()).toEqual(
    [
      'a.yaml:5: metadata.labls: is no field here; did you mean labels?',
      'a.yaml:9: spec.source.network.portgroup: is no field here; did you mean portGroup?',
      'a.yaml:8: spec.source: must have exactly one of network, bridge, direct, hostdev, vhostuser, vdpa, user, ethernet',
      'a.yaml:12: spec.vlan.trunk: must be true or absent with more than one tag',
      'a.yaml:12: spec.vlan.trunk: must be true or absent beside nativeMode',
      'a.yaml:16: spec.vlan.tags[1].id: must be at most 4095, is 5000',
      'a.yaml:17: spec.vlan.tags[2].id: is there already, as spec.vlan.tags[0]',
      'a.yaml:18: spec.link.state: must be one of up, down, is true',
      'a.yaml:19: spec.mtu: must be a number, is the string "x"',
      'a.yaml:20: spec.mac: must be a unicast MAC address; this is a multicast one (the second digit is odd), is "01:54:00:12:34:56"',
      'a.yaml:31: spec.bandwith: is no field here; did you mean bandwidth?',
    ].sort(),
  )
  expect(objects.map(({ object }) => object.metadata.name)).toEqual(['good'])
  expect(problems[0]).toMatchObject({
    column: 3,
    object: { kind: 'GuestInterface', namespace: 'default', name: 'vm1-data' },
  })
})

test.each([
  // A syntax error spoils its own document only.
  [
    'a: [\n---\n',
    'a.yaml:2: Flow sequence in block collection must be sufficiently indented and end with a ]',
  ],
  ['a: "x\n---\n', 'a.yaml:2: Missing closing "quote'],
  ['a:\n\tb: 2\n---\n', 'a.yaml:2: Tabs are not allowed as indentation'],
  ['a: 1\n  b: 2\n c: 3\n---\n', 'a.yaml:1: Nested mappings are not allowed in compact mappings'],
  ['hello\n---\n', 'a.yaml:1: must be an object with apiVersion, kind, metadata and spec'],
  ['- 1\n---\n', 'a.yaml:1: must be an object with apiVersion, kind, metadata and spec'],
  ['a: *x\n---\n', 'a.yaml:1: Unresolved alias (the anchor must be set before the alias): x'],
  ['a: 1\nb: {c: 1,\n  c: 2}\n---\n', 'a.yaml:3: the key c is there twice'],
  [`${'['.repeat(65)}${']'.repeat(65)}\n---\n`, 'a.yaml:1: is nested deeper than 64 levels'],
  [`${'['.repeat(100_000)}\n---\n`, 'a.yaml:1: is nested deeper than 64 levels'],
  [
    `a: &a [x,x,x,x,x,x,x,x,x]\n${['ab', 'bc', 'cd', 'de'].map(([from, to]) => `${to}: &${to} [${Array(9).fill(`*${from}`)}]\n`).join('')}---\n`,
    'a.yaml:1: Excessive alias count indicates a resource exhaustion attack',
  ],
])('%#: says in one line why %j cannot be read, and reads on', (broken, reason) => {
  expect(said(broken + net('good'))).toEqual([reason])
  expect(names(broken + net('good'))).toEqual(['good'])
})

test('what is too large is not even begun', () => {
  expect(said('a'.repeat(17 * 1024 * 1024))).toEqual(['a.yaml:1: is larger than 16 MiB: split it up'])
  expect(said(`${net('a')}---\n${'#'.repeat(9 * 1024 * 1024)}\nx: y\n---\n${net('b')}`)).toEqual([
    'a.yaml:5: a document is larger than 8 MiB',
  ])
})

test.each([
  '',
  '\n',
  '# nothing\n',
  '---\n---\n# nothing\n---\n',
  '\uFEFF',
  'null\n',
  '--- ~\n',
  '%YAML 1.1\n',
])('%#: %j holds nothing, and that is no problem', (text) => {
  expect(readManifest(text)).toEqual({ objects: [], problems: [] })
})

test.each([
  ['kind: Network\n', ['apiVersion: is missing; only']],
  ['apiVersion: v1\nkind: Pod\n', ['apiVersion: is "v1"', 'kind: is "Pod"; only Network']],
  [`${head}kind: network\n`, ['kind: is "network"; did you mean Network?; only Network']],
  [
    `${head}`,
    [
      'kind: is missing; only Network, PortGroup, GuestInterface, Host, GuestGrant of patchbay.dev/v1alpha1 can be read',
    ],
  ],
])('%#: foreign documents are a problem that says which are ours', (text, reasons) => {
  const found = said(text)
  expect(found).toHaveLength(reasons.length)
  for (const [n, reason] of reasons.entries()) expect(found[n]).toContain(`: ${reason}`)
})

test.each([
  ['{name: A_b}', 'metadata.name: must be a lower case RFC 1123 subdomain'],
  ['{name: "a..b"}', 'metadata.name: must be a lower case RFC 1123 subdomain'],
  [`{name: ${'a'.repeat(254)}}`, 'metadata.name: must have at most 253 characters'],
  ['{}', 'metadata.name: is missing'],
  ['{name: 5}', 'metadata.name: must be a string, is the number 5: put it in quotes'],
  ['{name: yes}', 'metadata.name: must be a string, is true: put it in quotes'],
  ['{name: a, namespace: b}', 'metadata.namespace: must be absent: a Network belongs to no namespace'],
  ['{name: a, labels: {a: 1}}', 'metadata.labels.a: must be a string, is the number 1: put it in quotes'],
  ['{name: a, labels: {"a b": c}}', 'metadata.labels["a b"]: has a name that must be a Kubernetes label key'],
  ['{name: a, generateName: b}', 'metadata.generateName: is no field here'],
])('%#: metadata %s', (metadata, reason) => {
  const [found, ...more] = said(`${head}kind: Network\nmetadata: ${metadata}\nspec: {}\n`)
  expect(more).toEqual([])
  expect(found).toContain(`a.yaml:3: ${reason}`)
})

test('reads what kubectl get wrote: status and metadata of the server are left out', () => {
  const metadata = `
    annotations: {kubectl.kubernetes.io/last-applied-configuration: "{}"}
    creationTimestamp: "2026-01-01T00:00:00Z"
    finalizers: [patchbay.dev/port]
    generation: 3
    managedFields: [{manager: x}]
    name: wire
    resourceVersion: "7"
    uid: 09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f`
  const item = `kind: Network\n  metadata:${metadata}\n  spec: {mtu: 1400}\n  status: {observedGeneration: 3, odd: true}\n`
  const text = `apiVersion: v1\nkind: List\nmetadata: {resourceVersion: ""}\nitems:\n- apiVersion: patchbay.dev/v1alpha1\n  ${item}`
  const { objects, problems } = readManifest(text)
  expect(problems).toEqual([])
  expect(objects[0]).toMatchObject({ line: 5 })
  expect(objects[0]!.object).toEqual({
    apiVersion: 'patchbay.dev/v1alpha1',
    kind: 'Network',
    metadata: { name: 'wire', annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}' } },
    spec: { mtu: 1400, onRestartRequired: 'Refuse', deletionPolicy: 'Delete' },
  })
})

test('problems in a List name the entry', () => {
  const text = `apiVersion: v1\nkind: List\nitems:\n- ${net('a').replaceAll('\n', '\n  ')}\n- ${net('b', '{mtu: 3}').replaceAll('\n', '\n  ')}`
  expect(said(text)).toEqual(['a.yaml:12: items[1].spec.mtu: must be at least 68, is 3'])
  expect(names(text)).toEqual(['a'])
  expect(names(`${head}kind: NetworkList\nitems:\n- ${net('a').replaceAll('\n', '\n  ')}`)).toEqual(['a'])
})

test('reads JSON, tabs and all, and refuses what it says twice', () => {
  const json = JSON.stringify(
    { apiVersion: 'patchbay.dev/v1alpha1', kind: 'Network', metadata: { name: 'wire' }, spec: {} },
    null,
    '\t',
  )
  expect(names(json)).toEqual(['wire'])
  expect(said(json.replace('"spec": {}', '"spec": {},\n\t"kind": "Host"'))).toEqual([
    'a.yaml:8: the key kind is there twice',
  ])
})

test('an object is in one place only, whatever file', () => {
  const gi = (namespace: string) =>
    `${head}kind: GuestInterface\nmetadata: {name: a${namespace}}\nspec: {guest: {name: g}, source: {user: {}}}\n`
  const files = [
    { file: 'a.yaml', text: `${net('a')}---\n${gi('')}---\n${gi(', namespace: blue')}` },
    { file: 'b.yaml', text: `\n${net('a')}---\n${gi(', namespace: default')}---\n${net('b')}` },
  ]
  const { objects, problems } = readManifests(files)
  expect(problems.map(formatProblem)).toEqual([
    'b.yaml:4: metadata.name: Network a is there already, in a.yaml:1',
    'b.yaml:9: metadata.name: GuestInterface default/a is there already, in a.yaml:6',
  ])
  expect(
    objects.map(({ file, object }) => `${file} ${object.metadata.namespace ?? ''}/${object.metadata.name}`),
  ).toEqual(['a.yaml /a', 'a.yaml default/a', 'a.yaml blue/a', 'b.yaml /b'])
})

// What sigs.k8s.io/yaml 1.6, which kubectl reads with, makes of these.
test.each([
  ['010', 8],
  ['0o10', 8],
  ['08', 8],
  ['-010', -8],
  ['0x1F', 31],
  ['0b11', 3],
  ['1_000', 1000],
  ['+5', 5],
  ['1e3', 1000],
  ['e1000', 'e1000'],
  ['+e3', '+e3'],
  ['.', '.'],
  ['.5', 0.5],
  ['1E5', 100000],
  ['.5', 0.5],
  ['1.0', 1],
  ['yes', true],
  ['y', true],
  ['on', true],
  ['True', true],
  ['N', false],
  ['NO', false],
  ['off', false],
  ['~', null],
  ['"yes"', 'yes'],
  ['52:54:00:12:34:56', '52:54:00:12:34:56'],
  ['1:30', '1:30'],
  ['190:20:30.15', '190:20:30.15'],
  ['2001-01-01', '2001-01-01'],
  ['09b11c53', '09b11c53'],
  ['0o8', '0o8'],
  ['_1', '_1'],
])('%s is read as kubectl reads it: %j', (written, value) => {
  const text = `${head}kind: Network\nmetadata: {name: a}\nspec: {mtu: ${written}}\n`
  const { objects, problems } = readManifest(text)
  if (value === null) {
    expect(problems).toEqual([])
    expect(objects[0]!.object.spec).not.toHaveProperty('mtu')
    return
  }
  const shown = typeof value === 'string' ? `the string ${JSON.stringify(value)}` : String(value)
  expect(problems.map(({ reason }) => reason).join()).toContain(
    value === 1000 || value === 100000 ? (value === 1000 ? '' : 'at most 65535, is 100000') : shown,
  )
  if (value === 1000) expect(objects[0]!.object.spec).toMatchObject({ mtu: 1000 })
})

test('null is absent, as kube-apiserver has it, but no value of a list and no substitute for what is needed', () => {
  expect(names(net('a', '{mtu: null, vlan: }'))).toEqual(['a'])
  expect(said(net('a', '{allowedNamespaces: [null]}'))).toEqual([
    'a.yaml:4: spec.allowedNamespaces[0]: must be a string, is null',
  ])
  expect(said(net('a', '{bridge: {nme: null}}'))).toEqual([
    'a.yaml:4: spec.bridge.nme: is no field here; did you mean name?',
  ])
  expect(said(net('a', '{domain: {name: null}}'))).toEqual(['a.yaml:4: spec.domain.name: is missing'])
  expect(said(`${head}kind: Network\nmetadata: {name: a}\nspec:\n`)).toEqual(['a.yaml:4: spec: is missing'])
})

test("a port profile is as long as libvirt's field for it, which counts bytes", () => {
  const profile = (text: string) => net('a', `{virtualPort: {profileID: ${text}}}`)
  expect(names(profile(`${'ä'.repeat(19)}x`))).toEqual(['a'])
  expect(said(profile('ä'.repeat(20)))).toEqual([
    `a.yaml:4: spec.virtualPort.profileID: must have at most 39 bytes in UTF-8, is "${'ä'.repeat(20)}"`,
  ])
})

test('names that JavaScript knows are no fields', () => {
  expect(said(net('a', '{__proto__: {mtu: 1}, constructor: 1, toString: 2}'))).toHaveLength(3)
})

test('a thousand fields too many are no thousand lines', () => {
  const spec = `{${Array.from({ length: 1000 }, (_, n) => `x${n}: 1`).join(', ')}}`
  const found = said(net('a', spec))
  expect(found).toHaveLength(101)
  expect(found.at(-1)).toBe('a.yaml:4: spec: has 900 more fields that are none here')
})
