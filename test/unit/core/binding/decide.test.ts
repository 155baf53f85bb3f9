import { describe, expect, it } from 'vitest'
import { decide, type Surroundings } from '../../../../src/core/binding/decide.ts'
import { guestUUID, network } from '../manifests.ts'
import { bound, cluster, going, grant, host, isOff, one, runs, text, two, unbound } from './cluster.ts'

const r1 = { hostSelector: { matchLabels: { rack: 'r1' } } }
const racked = new Map([
  ['abc', host('abc', { labels: { rack: 'r1' } })],
  ['def', host('def')],
])
const bridge = { source: { bridge: { name: 'br0' } } }

describe('an interface that is bound to no host', () => {
  it.each<[string, ReturnType<typeof unbound>, Surroundings, string]>([
    ['a guest that runs', unbound(), cluster([runs('abc')]), 'abc Binding'],
    ['a guest that is off', unbound(), cluster([isOff('def')]), 'def Binding'],
    [
      'a guest by UUID, in any case',
      unbound({ guest: { uuid: one.toUpperCase() } }),
      cluster([runs('abc')]),
      'abc Binding',
    ],
    ['a guest that is nowhere', unbound(), cluster([]), '- GuestNotFound free'],
    [
      'a guest of another UUID',
      unbound({ guest: { uuid: two } }),
      cluster([runs('abc')]),
      '- GuestNotFound free',
    ],
    ['running beats defined', unbound(), cluster([isOff('abc'), runs('def')]), 'def Binding'],
    ['off on two hosts', unbound(), cluster([isOff('abc'), isOff('def')]), '- GuestAmbiguous free'],
    ['runs on two hosts', unbound(), cluster([runs('abc'), runs('def')]), '- GuestAmbiguous free'],
    [
      'runs on two hosts, pinned',
      unbound({ hostName: 'def' }),
      cluster([runs('abc'), runs('def')]),
      'def Binding',
    ],
    [
      'one that answers beats one that is silent',
      unbound(),
      cluster([runs('abc'), runs('def')], { silent: ['abc'] }),
      'def Binding',
    ],
    [
      'two guests of one name',
      unbound(),
      cluster([isOff('abc'), runs('def', { uuid: two })]),
      '- GuestAmbiguous free',
    ],
    [
      'two guests of one name, pinned',
      unbound({ hostName: 'abc' }),
      cluster([isOff('abc'), runs('def', { uuid: two })]),
      'abc Binding',
    ],
    [
      'two guests of one name, one of them somebody else’s',
      unbound(),
      cluster([isOff('abc'), runs('def', { uuid: two })], { grants: [grant(r1)], hosts: racked }),
      'abc Binding',
    ],
    [
      'pinned to where it is not',
      unbound({ hostName: 'def' }),
      cluster([runs('abc')]),
      '- GuestNotFound free',
    ],
    [
      'pinned to a host that there is not',
      unbound({ hostName: 'xyz' }),
      cluster([runs('abc')]),
      '- GuestNotFound free',
    ],
    ['a silent host', unbound(), cluster([runs('abc')], { silent: ['abc'] }), '- AgentSilent free'],
    ['no grant at all', unbound(), cluster([runs('abc')], { grants: [] }), '- NotOwned free'],
    [
      'granted to others',
      unbound(),
      cluster([runs('abc')], { grants: [grant({ namespace: 'shop' })] }),
      '- NotOwned free',
    ],
    [
      'granted to two',
      unbound(),
      cluster([runs('abc')], { grants: [grant(), grant({ namespace: 'shop' })] }),
      '- OwnerAmbiguous free',
    ],
    [
      'granted on other hosts',
      unbound(),
      cluster([runs('def')], { grants: [grant(r1)], hosts: racked }),
      '- NotOwned free',
    ],
    ['a bridge of the host', unbound(bridge), cluster([runs('abc')]), '- HostSourceNotAllowed free'],
    [
      'a bridge of the host in a trusted namespace',
      unbound(bridge),
      cluster([runs('abc')], { namespaceLabels: { 'patchbay.dev/host-sources': 'allowed' } }),
      'abc Binding',
    ],
    [
      'a label of another value',
      unbound(bridge),
      cluster([runs('abc')], { namespaceLabels: { 'patchbay.dev/host-sources': 'true' } }),
      '- HostSourceNotAllowed free',
    ],
    [
      'a Network that allows others only',
      unbound(),
      cluster([runs('abc')], { networks: [network('testA', { allowedNamespaces: ['shop'] })] }),
      '- NamespaceNotAllowed free',
    ],
    [
      'a Network that allows it',
      unbound(),
      cluster([runs('abc')], { networks: [network('testA', { allowedNamespaces: ['default'] })] }),
      'abc Binding',
    ],
    [
      'a Network of the name that others have on other hosts',
      unbound(),
      cluster([runs('def')], {
        networks: [network('testA', { allowedNamespaces: [], ...r1 })],
        hosts: racked,
      }),
      'def Binding',
    ],
    [
      'what only our own reader refuses',
      unbound({ filter: { name: 'clean', parameters: { 'A-B': '1' } } }),
      cluster([runs('abc')]),
      '- InvalidManifest free',
    ],
    ['it is deleted', going(unbound()), cluster([runs('abc')]), '- free'],
  ])('%s', (_, resource, surroundings, expected) => {
    expect(text(decide(resource, surroundings))).toBe(expected)
  })

  it.each(['bridge', 'direct', 'hostdev', 'vhostuser', 'vdpa', 'ethernet'])(
    '%s is the host’s own',
    (kind) => {
      const source = {
        bridge: { name: 'br0' },
        direct: { dev: 'eth0', mode: 'bridge' },
        hostdev: { address: '0000:03:10.1' },
        vhostuser: { path: '/run/x', mode: 'server' },
        vdpa: { dev: '/dev/vhost-vdpa-0' },
        ethernet: {},
      }[kind]
      const decision = decide(unbound({ source: { [kind]: source } }), cluster([runs('abc')]))
      expect(text(decision)).toBe('- HostSourceNotAllowed free')
      expect(decision.bound?.message).toContain(`source.${kind}`)
    },
  )

  it('a boot ROM of the host is too, and a source of the user’s own is not', () => {
    expect(text(decide(unbound({ rom: { file: '/rom' } }), cluster([runs('abc')])))).toBe(
      '- HostSourceNotAllowed free',
    )
    expect(text(decide(unbound({ source: { user: {} } }), cluster([runs('abc')])))).toBe('abc Binding')
  })

  it.each<[string, ReturnType<typeof unbound>, Surroundings, string]>([
    [
      'nowhere',
      unbound(),
      cluster([], { silent: ['def'] }),
      'No guest vm1 on any of 3 hosts; as last known where the agent is silent: def. Define it, or correct spec.guest',
    ],
    [
      'nobody has looked',
      unbound(),
      cluster([], { hosts: new Map([['abc', host('abc', { looked: false })]]) }),
      'no host has told of its guests yet',
    ],
    [
      'pinned elsewhere',
      unbound({ hostName: 'def' }),
      cluster([runs('abc')]),
      'pins it to host def, where no guest vm1 is; it is on abc',
    ],
    ['no such host', unbound({ hostName: 'xyz' }), cluster([]), 'there is no such host'],
    ['two hosts', unbound(), cluster([runs('abc'), runs('def')]), 'more than one host (running): abc, def'],
    [
      'two guests',
      unbound(),
      cluster([runs('abc'), runs('ghi', { uuid: two })]),
      '(different guests): abc, ghi',
    ],
  ])('says what it looked at: %s', (_, resource, surroundings, expected) => {
    expect(decide(resource, surroundings).bound?.message).toContain(expected)
  })

  it('binds to the UUID that was found', () => {
    expect(decide(unbound(), cluster([runs('abc')]))).toMatchObject({ finalizer: true, guestUUID: one })
  })
})

describe('an interface that is bound to host abc', () => {
  it.each<[string, ReturnType<typeof bound>, Surroundings, string]>([
    ['the guest is there', bound(), cluster([runs('abc')]), 'abc'],
    ['the guest is off there', bound(), cluster([isOff('abc')]), 'abc'],
    ['the guest is nowhere', bound(), cluster([]), 'abc'],
    ['the guest runs there, and is defined elsewhere', bound(), cluster([runs('abc'), isOff('def')]), 'abc'],
    ['the guest is off on both', bound(), cluster([isOff('abc'), isOff('def')]), 'abc'],
    ['a migration has it on both', bound(), cluster([runs('abc'), runs('def')]), 'abc'],
    [
      'a guest of the same name elsewhere',
      bound(),
      cluster([isOff('abc'), runs('def', { uuid: two })]),
      'abc',
    ],
    [
      'the guest was renamed',
      bound(),
      cluster([runs('abc', { name: 'vm1-old' })], { grants: [grant({ guests: [{ uuid: one }] })] }),
      'abc',
    ],
    ['renamed to what is not granted', bound(), cluster([runs('abc', { name: 'vm2' })]), 'abc !NotOwned'],
    ['the guest runs elsewhere', bound(), cluster([isOff('abc'), runs('def')]), 'abc > def'],
    ['the guest is defined elsewhere alone', bound(), cluster([isOff('def')]), 'abc > def'],
    ['elsewhere on two hosts', bound(), cluster([isOff('def'), isOff('ghi')]), 'abc !GuestAmbiguous'],
    [
      'runs elsewhere on two hosts',
      bound(),
      cluster([isOff('abc'), runs('def'), runs('ghi')]),
      'abc !GuestAmbiguous',
    ],
    [
      'elsewhere on two hosts, pinned',
      bound({}, { hostName: 'ghi' }),
      cluster([isOff('def'), isOff('ghi')]),
      'abc > ghi',
    ],
    [
      'pinned elsewhere, where the guest is too',
      bound({}, { hostName: 'def' }),
      cluster([runs('abc'), isOff('def')]),
      'abc > def',
    ],
    [
      'pinned to where it is not',
      bound({}, { hostName: 'def' }),
      cluster([runs('abc')]),
      'abc !GuestNotFound',
    ],
    [
      'pinned to where another of its name is',
      bound({}, { hostName: 'def' }),
      cluster([runs('abc'), runs('def', { uuid: two })]),
      'abc > def',
    ],
    ['pinned to where it is, and is gone', bound({}, { hostName: 'abc' }), cluster([]), 'abc'],
    ['pinned to where it is, and has left', bound({}, { hostName: 'abc' }), cluster([runs('def')]), 'abc'],
    ['defined anew there', bound(), cluster([isOff('abc', { uuid: two })]), 'abc Binding'],
    ['defined anew elsewhere', bound(), cluster([isOff('def', { uuid: two })]), 'abc > def'],
    [
      'elsewhere, where it is not granted',
      bound(),
      cluster([runs('def')], { grants: [grant(r1)], hosts: racked }),
      'abc !NotOwned',
    ],
    [
      'elsewhere, where the agent is silent',
      bound(),
      cluster([runs('def')], { silent: ['def'] }),
      'abc !AgentSilent',
    ],
    ['the grant is withdrawn', bound(), cluster([runs('abc')], { grants: [] }), 'abc !NotOwned'],
    ['the label is withdrawn', bound({}, bridge), cluster([runs('abc')]), 'abc !HostSourceNotAllowed'],
    [
      'the Network allows it no more: its agent says so',
      bound(),
      cluster([runs('abc')], { networks: [network('testA', { allowedNamespaces: [] })] }),
      'abc',
    ],
    ['its agent is silent', bound(), cluster([runs('abc')], { silent: ['abc'] }), 'abc'],
    [
      'its agent is silent, and the guest runs elsewhere',
      bound(),
      cluster([runs('abc'), runs('def')], { silent: ['abc'] }),
      'def Binding',
    ],
    [
      'its agent is silent, and the guest is defined elsewhere',
      bound(),
      cluster([isOff('def')], { silent: ['abc'] }),
      'abc > def !AgentSilent',
    ],
    [
      'its agent is silent, and another guest of its name runs elsewhere',
      bound(),
      cluster([runs('def', { uuid: two })], { silent: ['abc'] }),
      'abc > def !AgentSilent',
    ],
  ])('%s', (_, resource, surroundings, expected) => {
    expect(text(decide(resource, surroundings))).toBe(expected)
  })
})

describe('an interface that is bound to host abc, which is gone for good', () => {
  const gone = { gone: ['abc'] }

  it.each<[string, ReturnType<typeof bound>, Surroundings, string]>([
    ['the guest is nowhere: the host may come again', bound(), cluster([], gone), 'abc HostGone'],
    ['the guest is elsewhere', bound(), cluster([isOff('def')], gone), 'def Binding'],
    [
      'another guest of its name is elsewhere',
      bound(),
      cluster([isOff('def', { uuid: two })], gone),
      'def Binding',
    ],
    ['the guest is on two others', bound(), cluster([isOff('def'), isOff('ghi')], gone), 'abc HostGone'],
    [
      'elsewhere it is not granted',
      bound(),
      cluster([isOff('def')], { ...gone, grants: [] }),
      'abc HostGone',
    ],
    ['it is pinned there', bound({}, { hostName: 'abc' }), cluster([isOff('def')], gone), 'abc HostGone'],
    ['it was about to move', bound({ nextHostName: 'def' }), cluster([], gone), 'abc HostGone'],
    ['it is deleted', going(bound()), cluster([], gone), 'abc free'],
  ])('%s', (_, resource, surroundings, expected) => {
    expect(text(decide(resource, surroundings))).toBe(expected)
  })
})

describe('an interface that moves from host abc to host def', () => {
  const moving = (port: boolean | string) => bound({ nextHostName: 'def', port })
  const unanswered = (port: false | string) => bound({ nextHostName: 'def', port, ready: 'Unknown' })

  it.each<[string, ReturnType<typeof bound>, Surroundings, string]>([
    ['the port is held', moving(true), cluster([isOff('abc'), runs('def')]), 'abc > def'],
    ['the port is let go', moving(false), cluster([isOff('abc'), runs('def')]), 'def Binding'],
    ['what is recorded is of a host before abc', moving('ghi'), cluster([runs('def')]), 'def Binding'],
    ['its agent has not answered yet', unanswered(false), cluster([runs('def')]), 'abc > def'],
    ['nor said that a port of a host before is gone', unanswered('ghi'), cluster([runs('def')]), 'abc > def'],
    [
      'its agent falls silent before it has answered, and the guest runs there',
      unanswered(false),
      cluster([runs('def')], { silent: ['abc'] }),
      'def Binding',
    ],
    [
      'its agent falls silent before it has answered, and the guest is off there',
      unanswered(false),
      cluster([isOff('def')], { silent: ['abc'] }),
      'abc > def !AgentSilent',
    ],
    ['the guest is back', moving(true), cluster([runs('abc')]), 'abc'],
    ['the guest is back, and the port is let go', moving(false), cluster([runs('abc')]), 'abc'],
    ['the guest is nowhere now', moving(false), cluster([]), 'abc'],
    ['the guest has gone on', moving(true), cluster([runs('ghi')]), 'abc > ghi'],
    ['the guest has gone on, and the port is let go', moving(false), cluster([runs('ghi')]), 'ghi Binding'],
    ['the grant is withdrawn', moving(false), cluster([runs('def')], { grants: [] }), 'abc !NotOwned'],
    [
      'the agent falls silent, and the guest runs there',
      moving(true),
      cluster([runs('def')], { silent: ['abc'] }),
      'def Binding',
    ],
    [
      'the agent falls silent, and the guest is off there',
      moving(true),
      cluster([isOff('def')], { silent: ['abc'] }),
      'abc > def !AgentSilent',
    ],
    [
      'the agent has let go and falls silent',
      moving(false),
      cluster([isOff('def')], { silent: ['abc'] }),
      'def Binding',
    ],
    ['host abc is gone for good', moving(true), cluster([isOff('def')], { gone: ['abc'] }), 'def Binding'],
    ['host def is gone for good', moving(true), cluster([], { gone: ['def'] }), 'abc'],
    ['it is deleted', going(moving(true)), cluster([runs('def')]), 'abc > def'],
    ['it is deleted, and the port is let go', going(moving(false)), cluster([runs('def')]), 'abc > def free'],
  ])('%s', (_, resource, surroundings, expected) => {
    expect(text(decide(resource, surroundings))).toBe(expected)
  })
})

describe('an interface that is deleted', () => {
  const unanswered = going(bound({ port: false, ready: 'Unknown' }))

  it.each<[string, ReturnType<typeof bound>, Surroundings, string]>([
    ['its port is held', going(bound()), cluster([runs('abc')]), 'abc'],
    ['its port is let go', going(bound({ port: false })), cluster([runs('abc')]), 'abc free'],
    ['its agent has not answered yet', unanswered, cluster([runs('abc')]), 'abc'],
    [
      'its agent is silent before it has answered',
      unanswered,
      cluster([], { silent: ['abc'] }),
      'abc !AgentSilent',
    ],
    ['its host is gone before it has answered', unanswered, cluster([], { gone: ['abc'] }), 'abc free'],
    ['its agent is silent', going(bound()), cluster([runs('abc')], { silent: ['abc'] }), 'abc !AgentSilent'],
    ['its host is gone for good', going(bound()), cluster([], { gone: ['abc'] }), 'abc free'],
    ['the guest is elsewhere by now', going(bound()), cluster([runs('def')]), 'abc'],
    ['the grant is withdrawn', going(bound()), cluster([runs('abc')], { grants: [] }), 'abc'],
  ])('%s', (_, resource, surroundings, expected) => {
    expect(text(decide(resource, surroundings))).toBe(expected)
  })
})

it('waits for the host that status names, also where no guest is named beside it', () => {
  const resource = bound()
  delete resource.status!.guestUUID
  expect(text(decide(resource, cluster([runs('def')])))).toBe('abc > def')
  expect(decide(resource, cluster([runs('abc')]))).toMatchObject({ hostName: 'abc', guestUUID: one })
})

it('knows the guest it is bound to whatever the case of its UUID', () => {
  const resource = bound()
  resource.status!.guestUUID = guestUUID.toUpperCase()
  expect(text(decide(resource, cluster([runs('abc', { uuid: guestUUID })])))).toBe('abc')
})
