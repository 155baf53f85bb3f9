import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Link } from '../../src/core/link.ts'
import type { LinkState } from '../../src/host/link-state.ts'
import type { OpenVswitch } from '../../src/host/open-vswitch.ts'
import { LabHost } from '../lab/host.ts'
import { addBridge, addOpenVswitchBridge, addVethPool } from '../lab/pool.ts'

const source = path.join(import.meta.dirname, '../../src/host')
let host: LabHost

beforeAll(async () => {
  host = await LabHost.start({ name: 'abc', openVswitch: true })
})
afterAll(() => host?.stop())

/** A program that runs our code: what the text leaves in `result` is printed. */
function program(code: string): string[] {
  const imports = [
    ['links', 'readLinks, readMacvtapModes'],
    ['link-state', 'readLink, linkText, isLinuxBridge, isVlanFiltering'],
    ['macvtap-modes', 'MacvtapModes'],
    ['open-vswitch', 'readOpenVswitch, isOpenVswitchBridge, readOpenVswitchPort, removeOpenVswitchPort'],
    ['traffic-control', 'readRates, removeRates'],
    ['lock', 'acquireHostLock'],
    ['watch', 'watchLinks'],
  ].map(([file, names]) => `import { ${names} } from '${source}/${file}.ts'`)
  const lines = [
    ...imports,
    `import { execFileSync } from 'node:child_process'`,
    'const signal = new AbortController().signal',
    'let result',
    code,
    'if (result !== undefined) console.log(JSON.stringify(result))',
  ]
  return [process.execPath, '--input-type=module', '--eval', lines.join('\n')]
}

/** Runs our code inside the host and gives its `result`. */
async function inHost<T>(code: string, before: readonly string[] = []): Promise<T> {
  const [command, ...args] = [...before, ...program(code)]
  return JSON.parse(String((await host.exec(command!, args)).stdout)) as T
}

const readLinks = async () =>
  new Map((await inHost<Link[]>('result = await readLinks(signal)')).map((link) => [link.name, link]))

const readLink = (...args: [name: string, expectedLower?: string]) =>
  inHost<LinkState | null>(`result = readLink(...${JSON.stringify(args)}) ?? null`)

const index = async (name: string) => Number(await host.run(`cat "/sys/class/net/${name}/ifindex"`))

it('rates of a link, and taking them away', async () => {
  const [link] = await addVethPool(host, 1, 'rate')
  const rates = () => inHost(`result = await readRates('${link}', signal)`)
  expect(await rates()).toEqual({ qdiscs: [] })
  await host.run(`
    tc qdisc add dev ${link} root handle 1: htb default 1
    tc class add dev ${link} parent 1: classid 1:1 htb rate 1500kbps ceil 2000kbps burst 300kb
    tc qdisc add dev ${link} ingress`)
  expect(await rates()).toEqual({ sent: 1500, qdiscs: ['root', 'ingress'] })
  await inHost(`result = (await removeRates('${link}', signal)) ?? null`)
  expect(await rates()).toEqual({ qdiscs: [] })
  await inHost(`result = (await removeRates('${link}', signal)) ?? null`)
})

describe('all links', () => {
  it('show kind, bridge, device below, mode and addresses', async () => {
    const [lower] = await addVethPool(host, 4, 'all')
    await addBridge(host, 'br-all')
    await host.run(`
      ip link set all1 master br-all
      ip link add link all2 name mt0 type macvtap mode passthru
      ip link add link ${lower} name mt1 type macvtap mode bridge
      ip link add link ${lower} name mt2 type macvtap mode private
      ip link add link ${lower} name mt3 type macvlan mode vepa
      ip tuntap add tap0 mode tap
      ip tuntap add tun0 mode tun
      ip address add 10.1.0.1/24 dev br-all
      ip address add 10.1.0.2/32 peer 10.1.0.3 dev br-all
      ip address add 169.254.7.7/16 dev br-all
      ip address add fd00::1/64 dev br-all
      ip link set all3 mtu 1400 down`)
    const links = await readLinks()
    expect(links.get('br-all')).toMatchObject({ kind: 'bridge', up: true, index: await index('br-all') })
    expect(links.get('br-all')?.addresses.sort()).toEqual(['10.1.0.1/24', '10.1.0.2/32', 'fd00::1/64'])
    expect(links.get('all1')).toMatchObject({ kind: 'veth', master: 'br-all', addresses: [], up: true })
    // The peer of a veth is nothing below it.
    expect(links.get('all1')?.lower).toBeUndefined()
    expect(links.get('all3')).toMatchObject({ mtu: 1400, up: false })
    expect(links.get('mt0')).toMatchObject({ kind: 'macvtap', lower: 'all2', mode: 'passthrough' })
    expect(links.get('mt1')).toMatchObject({ kind: 'macvtap', lower: 'all0', mode: 'bridge' })
    expect(links.get('mt2')).toMatchObject({ kind: 'macvtap', lower: 'all0', mode: 'private' })
    expect(links.get('mt3')).toMatchObject({ kind: 'macvlan', lower: 'all0', mode: 'vepa' })
    expect(links.get('mt0')?.mac).toBe((await host.run('cat /sys/class/net/mt0/address')).trim())
    expect(links.get('tap0')).toMatchObject({ kind: 'tun' })
    expect(links.get('tun0')).toMatchObject({ kind: 'tun', mac: '' })
    expect([...links.values()].filter((link) => link.pciAddress !== undefined)).toEqual([])
  })

  it('show who carries a default route, of any family and table', async () => {
    await addVethPool(host, 8, 'way')
    await host.run(`
      for i in 0 1 2 3 4 5 6; do ip address add 10.2.$i.1/24 dev way$i; done
      ip route add default via 10.2.0.2 dev way0
      ip route add default table 77 via 10.2.1.2
      ip -6 route add default dev way2
      ip route add default table 78 nexthop via 10.2.3.2 nexthop via 10.2.4.2
      ip nexthop add id 9 via 10.2.5.2 dev way5
      ip nexthop add id 10 group 9
      ip route add default table 79 nhid 10
      ip route add unreachable default metric 4278198272
      ip route add 10.9.0.0/16 via 10.2.6.2
      ip route add default table 80 nhid 9`)
    const routed = async () =>
      [...(await readLinks()).values()].flatMap((link) => (link.defaultRoute ? [link.name] : []))
    const expected = ['way0', 'way1', 'way2', 'way3', 'way4', 'way5']
    expect((await routed()).sort()).toEqual(expected)
    // Here the kernel names the next hop only, not its device.
    await host.run('echo 0 >/proc/sys/net/ipv4/nexthop_compat_mode')
    expect((await routed()).sort()).toEqual(expected)
    await host.run(`
      echo 1 >/proc/sys/net/ipv4/nexthop_compat_mode
      for i in 0 1 2 3 4 5 6; do ip link delete way$i; done`)
    expect(await routed()).toEqual([])
  })

  it('take no device of another namespace for the one below', async () => {
    await host.run(`
      ip netns add elsewhere
      ip -n elsewhere link add far type veth peer name far-wire
      ip -n elsewhere link set far up
      nsenter --net=/run/netns/elsewhere ip link add link far netns 1 name near type macvlan mode bridge`)
    const links = await readLinks()
    expect(links.get('near')).toMatchObject({ kind: 'macvlan', mode: 'bridge' })
    expect(links.get('near')).not.toHaveProperty('lower')
    expect(await readLink('near')).not.toHaveProperty('lower')
    await host.run('ip link del near; ip netns del elsewhere')
  })

  it('show a link on an Open vSwitch bridge as enslaved to it, and the bridge itself not', async () => {
    await addOpenVswitchBridge(host, 'ovs-all')
    const [port] = await addVethPool(host, 1, 'plugged')
    await host.run(`ovs-vsctl add-port ovs-all ${port}`)
    const links = await readLinks()
    expect(links.get(port!)).toMatchObject({ master: 'ovs-all' })
    expect(links.get('ovs-all')).not.toHaveProperty('master')
    await host.run('ovs-vsctl del-br ovs-all')
    expect((await readLinks()).get(port!)).not.toHaveProperty('master')
  })

  it('are found whatever their names and aliases hold', async () => {
    const names = [
      "a'b",
      'a"b',
      'a\\b',
      'a\u0001b',
      'a\u007fb',
      '-x',
      'dev',
      'type',
      'é',
      'a;id',
      '$(id)',
      'a@b',
      '`id`',
      'a&b',
    ]
    for (const name of names) {
      await host.exec('ip', ['link', 'add', 'name', name, 'type', 'bridge'])
    }
    await host.exec('ip', ['link', 'set', 'dev', 'lo', 'alias', '"},\n[{\u0001\u0002\\'])
    const links = await readLinks()
    const states = await inHost<LinkState[]>(`result = ${JSON.stringify(names)}.map(readLink)`)
    names.forEach((name, i) => {
      expect(links.get(name)).toMatchObject({ name, kind: 'bridge', index: states[i]?.index })
    })
    await host.exec('ip', ['link', 'set', 'dev', 'lo', 'alias', ''])
    for (const name of names) {
      await host.exec('ip', ['link', 'delete', 'dev', name])
    }
  })

  it('are listed while others come and go', async () => {
    await addVethPool(host, 100, 'still')
    const churn = `while :; do
      for i in 1 2 3 4 5 6 7 8; do ip link add come$i type veth peer name go$i; done
      for i in 1 2 3 4 5 6 7 8; do ip link del come$i; done
    done`
    const { pid } = await host.spawn('bash', ['-c', churn], { stdio: 'ignore' })
    const seen = await inHost<number[]>(`
      result = []
      for (let i = 0; i < 50; i++) {
        const links = await readLinks(signal)
        result.push(links.filter(({ name }) => /^still\\d+$/.test(name)).length)
      }`)
    process.kill(pid, 'SIGKILL')
    expect(new Set(seen)).toEqual(new Set([100]))
  })

  it('say clearly that ip is missing', async () => {
    const message = await inHost<string>(`
      process.env.PATH = '/nonexistent'
      result = await readLinks(signal).catch((error) => [error.name, error.sort, error.message])`)
    expect(message).toEqual(['HostError', 'retryable', 'ip is not in PATH: install the package iproute2'])
  })

  it('stop being read when the caller has given up', async () => {
    const sort = await inHost<string>(
      'result = await readLinks(AbortSignal.abort()).catch((error) => [error.name, error.sort])',
    )
    expect(sort).toEqual(['HostError', 'interrupted'])
  })
})

describe('one link', () => {
  it('shows bridge, isolation and the device below', async () => {
    await addVethPool(host, 2, 'one')
    await addBridge(host, 'br-one')
    await host.run(`
      ip link set one0 master br-one
      bridge link set dev one0 isolated on
      ip link add link one1 name mt-one type macvtap mode bridge
      ip link set mt-one up`)
    expect(await readLink('one0')).toEqual({
      index: await index('one0'),
      master: 'br-one',
      isolated: true,
    })
    expect(await readLink('mt-one')).toEqual({
      index: await index('mt-one'),
      lower: 'one1',
    })
    for (const expected of ['one1', 'one0', '../mt-one']) {
      expect(await readLink('mt-one', expected), expected).toMatchObject({ lower: 'one1' })
    }
    await host.run('bridge link set dev one0 isolated off')
    expect(await readLink('one0')).toMatchObject({ isolated: false })
    await host.run('ip link set mt-one down; ip link set one0 nomaster')
    expect(await readLink('mt-one')).toMatchObject({ lower: 'one1' })
    expect(await readLink('br-one')).not.toHaveProperty('lower')
    const free = await readLink('one0')
    expect(free).not.toHaveProperty('master')
    expect(free).not.toHaveProperty('isolated')
    expect(await inHost("result = [isLinuxBridge('br-one'), isLinuxBridge('one0')]")).toEqual([true, false])
  })

  it('is another one after each change on a Linux bridge; elsewhere sysfs does not show them all', async () => {
    await addVethPool(host, 3, 'same')
    await addBridge(host, 'br-same')
    const text = (name: string) => inHost<string | null>(`result = linkText('${name}') ?? null`)
    await host.run('ip link set same0 master br-same')
    const seen = [await text('same0')]
    await host.run('ip link set same0 alias another')
    expect(await text('same0')).toBe(seen[0])
    for (const change of [
      'ip link set same0 nomaster',
      'ip link set same0 master br-same; bridge link set dev same0 isolated on',
      'ip link set same0 mtu 1400',
    ]) {
      await host.run(change)
      const now = await text('same0')
      expect(seen, change).not.toContain(now)
      seen.push(now)
    }
    const bridge = await text('br-same')
    await host.run('ip link del br-same; ip link add br-same type bridge')
    expect(await text('br-same')).not.toBe(bridge)
    await addOpenVswitchBridge(host, 'ovs-same')
    await host.run(`
      ip link add link same1 name mt-same type macvtap mode bridge
      ovs-vsctl add-port ovs-same same2`)
    expect([await text('mt-same'), await text('same2'), await text('nosuch')]).toEqual([null, null, null])
    await host.run('ovs-vsctl del-br ovs-same')
  })

  it('is none where the name is no name of a link', async () => {
    const names = ['nosuch', '', '.', '..', '../net/lo', 'lo/../lo', 'lo/', 'lo\0', 'bonding_masters']
    const seen = await inHost(`
      result = ${JSON.stringify(names)}.map((name) => [readLink(name) ?? null, isLinuxBridge(name), isVlanFiltering(name)])`)
    expect(seen).toEqual(names.map(() => [null, false, false]))
  })
})

describe('macvtap modes', () => {
  it('are remembered, found for a link that is new, and read afresh when somebody changed one', async () => {
    await addVethPool(host, 1, 'mode')
    await host.run('ip link add link mode0 name mt-old type macvtap mode vepa')
    const modes = await inHost<unknown[]>(`
      const modes = new MacvtapModes()
      const ip = (args) => execFileSync('ip', args.split(' '))
      const old = readLink('mt-old').index
      result = [await modes.of(old, signal)]
      ip('link add link mode0 name mt-new type macvtap mode private')
      const fresh = readLink('mt-new').index
      const all = Array.from({ length: 50 }, () => modes.of(fresh, signal))
      result.push(...new Set(await Promise.all(all)))
      ip('link set mt-old type macvtap mode bridge')
      result.push(await modes.of(old, signal))
      await modes.refresh(signal)
      result.push(await modes.of(old, signal))
      ip('link del mt-new')
      await modes.refresh(signal)
      result.push((await modes.of(fresh, signal)) ?? 'gone')`)
    expect(modes).toEqual(['vepa', 'private', 'vepa', 'bridge', 'gone'])
  })
})

describe('Open vSwitch', () => {
  it('shows bridge, VLANs and external ids of what is plugged in', async () => {
    await addOpenVswitchBridge(host, 'ovs0')
    await addOpenVswitchBridge(host, 'ovs1')
    await addVethPool(host, 5, 'sw')
    await host.run(`
      ovs-vsctl add-port ovs0 sw0 tag=7 \
        -- set Interface sw0 external-ids:iface-id=09b11c53 'external-ids:port-profile="a, \\"b\\" ]"'
      ovs-vsctl add-port ovs0 sw1 trunks=8,9 tag=8 vlan_mode=native-untagged
      ovs-vsctl add-port ovs1 sw2
      ovs-vsctl add-bond ovs1 bond0 sw3 sw4 trunks=10`)
    const { bridges, interfaces } = await inHost<OpenVswitch>('result = await readOpenVswitch(signal)')
    expect(bridges.sort()).toEqual(['ovs0', 'ovs1'])
    const plain = { trunks: [], externalIds: {} }
    expect(interfaces.sort((a, b) => a.name.localeCompare(b.name))).toEqual([
      { ...plain, name: 'ovs0', bridge: 'ovs0' },
      { ...plain, name: 'ovs1', bridge: 'ovs1' },
      {
        ...plain,
        name: 'sw0',
        bridge: 'ovs0',
        tag: 7,
        externalIds: { 'iface-id': '09b11c53', 'port-profile': 'a, "b" ]' },
      },
      { ...plain, name: 'sw1', bridge: 'ovs0', tag: 8, trunks: [8, 9], vlanMode: 'native-untagged' },
      { ...plain, name: 'sw2', bridge: 'ovs1' },
      { ...plain, name: 'sw3', bridge: 'ovs1', trunks: [10] },
      { ...plain, name: 'sw4', bridge: 'ovs1', trunks: [10] },
    ])
    const asked = await inHost<unknown[]>(`
      result = await Promise.all([
        ...['ovs0', 'sw0', 'nosuch', ''].map((name) => isOpenVswitchBridge(name, signal)),
        ...['sw0', 'sw1', 'ovs1', 'bond0', 'nosuch'].map((name) => readOpenVswitchPort(name, signal)),
      ])`)
    const port = { ...plain, policingRate: 0 }
    expect(asked).toEqual([
      true,
      false,
      false,
      false,
      {
        ...port,
        name: 'sw0',
        bridge: 'ovs0',
        tag: 7,
        externalIds: { 'iface-id': '09b11c53', 'port-profile': 'a, "b" ]' },
      },
      { ...port, name: 'sw1', bridge: 'ovs0', tag: 8, trunks: [8, 9], vlanMode: 'native-untagged' },
      { ...port, name: 'ovs1', bridge: 'ovs1' },
      // A bond is a port without a link of its name.
      null,
      null,
    ])
    await host.run(`ovs-vsctl set interface sw2 ingress_policing_rate=400 \
      -- set port sw2 qos=@q -- --id=@q create qos type=linux-htb other_config:min-rate=800000`)
    const gone = await inHost(`
      const before = await readOpenVswitchPort('sw2', signal)
      await removeOpenVswitchPort('ovs1', 'sw2', signal)
      await removeOpenVswitchPort('ovs1', 'sw2', signal)
      result = [before, await readOpenVswitchPort('sw2', signal)]`)
    expect(gone).toEqual([
      { ...port, name: 'sw2', bridge: 'ovs1', policingRate: 400, qos: { 'min-rate': '800000' } },
      null,
    ])
  })

  const everything = `
    const failing = (error) => [error.name, error.sort, error.message]
    result = [
      (await readOpenVswitch(signal).catch(failing)) ?? 'none',
      await isOpenVswitchBridge('ovs0', signal).catch(failing),
      (await readOpenVswitchPort('sw0', signal).catch(failing)) ?? 'none',
      (await readLinks(signal).then((links) => links.some(({ name }) => name === 'lo'), failing)),
    ]`
  /** As a host whose run directory of Open vSwitch holds nothing. */
  const without = ['unshare', '-m', 'bash', '-c', 'mount -t tmpfs none /run/openvswitch && exec "$0" "$@"']

  it('is no error where it is missing', async () => {
    expect(await inHost(everything, without)).toEqual(['none', false, 'none', true])
  })

  it('is no error where it has left its socket behind', async () => {
    const result = await inHost(
      `
      const { createServer } = await import('node:net')
      const { renameSync } = await import('node:fs')
      const server = createServer()
      await new Promise((resolve) => server.listen('/run/openvswitch/first', resolve))
      renameSync('/run/openvswitch/first', '/run/openvswitch/db.sock')
      await new Promise((resolve) => server.close(resolve))
      ${everything}`,
      without,
    )
    expect(result).toEqual(['none', false, 'none', true])
  })

  it.each([
    ['hangs up', 'socket.destroySoon()', 'it hung up'],
    ['talks rubbish', "socket.end('{}}')", 'it hung up'],
  ])('that %s is an error', async (_what, answer, message) => {
    const failure = ['HostError', 'retryable', expect.stringContaining(message)]
    const result = await inHost(
      `
      const { createServer } = await import('node:net')
      const server = createServer((socket) => socket.once('data', () => ${answer}))
      await new Promise((resolve) => server.listen('/run/openvswitch/db.sock', resolve))
      ${everything}
      server.close()`,
      without,
    )
    expect(result).toEqual([failure, failure, failure, failure])
  })

  it('that refuses is an error that says why', async () => {
    const result = await inHost<string[]>(
      `
      const { createServer } = await import('node:net')
      const refusal = { id: 0, error: null, result: [null, { error: 'syntax error', details: 'no such table' }] }
      const server = createServer((socket) => socket.once('data', () => socket.write(JSON.stringify(refusal))))
      await new Promise((resolve) => server.listen('/run/openvswitch/db.sock', resolve))
      result = await readOpenVswitch(signal).catch((error) => [error.name, error.message])
      server.close()`,
      without,
    )
    expect(result).toEqual(['HostError', expect.stringContaining('no such table')])
  })
})

/** Programs that run on, ended after each test. */
const running: { pid: number; child: ChildProcess }[] = []
afterEach(async () => {
  for (const { pid, child } of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    const ended = once(child, 'exit')
    process.kill(pid, 'SIGKILL')
    await ended
  }
})

/** Starts a program of ours in the host; `line` resolves with the first line it prints that fits. */
async function start(code: string) {
  const [command, ...args] = program(code)
  const { pid, child } = await host.spawn(command!, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  running.push({ pid, child })
  const lines: string[] = []
  let heard = Promise.withResolvers<void>()
  createInterface(child.stdout!).on('line', (text) => {
    lines.push(text)
    heard.resolve()
    heard = Promise.withResolvers()
  })
  const line = async (fits: (text: string) => boolean): Promise<string> => {
    for (;;) {
      const found = lines.find(fits)
      if (found !== undefined) return found
      await heard.promise
    }
  }
  return { pid, child, lines, line }
}

describe('the lock', () => {
  const hold = `
    const lock = await acquireHostLock()
    process.on('SIGTERM', () => lock.release().then(() => console.log('released')))
    console.log('held by ' + process.pid)
    setInterval(() => {}, 1000)`
  const attempt =
    'result = await acquireHostLock().then(() => "held", (error) => [error.name, error.pid, error.message])'

  it('has one holder, which the others are told, and goes with it, even by kill -9', async () => {
    const first = await start(hold)
    const pid = Number((await first.line((text) => text.startsWith('held'))).split(' ').at(-1))
    expect(await inHost(attempt)).toEqual([
      'HostLockedError',
      pid,
      `This host has an agent already: process ${pid} holds the socket @patchbay-agent. Stop it first`,
    ])
    const ended = once(first.child, 'exit')
    process.kill(first.pid, 'SIGKILL')
    await ended
    expect(await inHost(attempt)).toBe('held')
  })

  it('is free once released, and keeps no process alive', async () => {
    const first = await start(hold)
    await first.line((text) => text.startsWith('held'))
    process.kill(first.pid, 'SIGTERM')
    await first.line((text) => text === 'released')
    // The attempt ends by itself although it holds the lock.
    expect(await inHost(attempt)).toBe('held')
    expect(await inHost(attempt)).toBe('held')
  })

  it('is one of each network namespace', async () => {
    const first = await start(hold)
    await first.line((text) => text.startsWith('held'))
    expect(await inHost(attempt, ['unshare', '-n'])).toBe('held')
  })

  it('names nobody when the holder does not answer', async () => {
    const squat = await start(`
      const { createServer } = await import('node:net')
      createServer(() => {}).listen('\\0patchbay-agent', () => console.log('held'))`)
    await squat.line((text) => text === 'held')
    expect(await inHost(attempt)).toEqual([
      'HostLockedError',
      null,
      'This host has an agent already: another process holds the socket @patchbay-agent. Stop it first',
    ])
  })

  it('goes to exactly one of many who want it at once', async () => {
    const wanting = Array.from({ length: 8 }, () =>
      start(`
        const got = await acquireHostLock().then(() => 'held', (error) => error.name)
        console.log(got)
        setInterval(() => {}, 1000)`),
    )
    const got = await Promise.all((await Promise.all(wanting)).map(({ line }) => line((text) => text !== '')))
    expect(got.sort()).toEqual([...Array(7).fill('HostLockedError'), 'held'])
  })
})

describe('watching links', () => {
  const watch = `
    const ending = new AbortController()
    process.on('SIGTERM', () => ending.abort())
    const log = { warn: (fields, text) => console.log('log ' + text) }
    const tell = (links = ['']) => links.forEach((link) => console.log('link ' + link))
    await watchLinks(tell, ending.signal, log)
    console.log('ended')`

  /** Changes the link until it is heard: what happens while ip starts may not be. */
  async function heard(
    watching: Awaited<ReturnType<typeof start>>,
    name: string,
    change: string,
  ): Promise<void> {
    const found = watching.line((text) => text === `link ${name}`)
    let done = false
    void found.then(() => {
      done = true
    })
    while (!done) {
      await host.run(change)
      await Promise.race([found, delay(50)])
    }
  }

  /** The ip process that a watcher runs, as the machine sees it. */
  const monitorOf = async ({ pid }: { pid: number }) =>
    Number(await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8'))

  it('tells of links that come, change and go', async () => {
    const watching = await start(watch)
    await watching.line((text) => text === 'link ')
    await heard(watching, 'w0', 'ip link add w0 type veth peer name w0-wire; ip link del w0')
    await host.run('ip link add w1 type bridge; ip link add w2 type veth peer name w2-wire')
    await watching.line((text) => text === 'link w1')
    await watching.line((text) => text === 'link w2-wire')
    watching.lines.splice(0)
    await host.run('ip link set w2 master w1')
    await watching.line((text) => text === 'link w2')
    watching.lines.splice(0)
    await host.run('ip link del w1')
    await watching.line((text) => text === 'link w1')
  })

  it('begins again when ip ends, and says that anything may have changed', async () => {
    const watching = await start(watch)
    await heard(watching, 'x0', 'ip link add x0 type veth peer name x0-wire; ip link del x0')
    watching.lines.splice(0)
    process.kill(await monitorOf(watching), 'SIGKILL')
    await watching.line((text) => text === 'log watch of links ended, will begin again')
    await watching.line((text) => text === 'link ')
    await heard(watching, 'x1', 'ip link add x1 type veth peer name x1-wire; ip link del x1')
  })

  it('ends with the signal, and ip with it', async () => {
    const watching = await start(watch)
    await watching.line((text) => text === 'link ')
    const monitor = await monitorOf(watching)
    const exited = once(watching.child, 'exit')
    process.kill(watching.pid, 'SIGTERM')
    await watching.line((text) => text === 'ended')
    expect(await exited).toEqual([0, null])
    await expect(readFile(`/proc/${monitor}/stat`)).rejects.toThrow('ENOENT')
    expect(watching.lines.filter((text) => text.startsWith('log'))).toEqual([])
  })

  it('goes on trying where ip is missing', async () => {
    const watching = await start(`process.env.PATH = '/nonexistent'\n${watch}`)
    await watching.line((text) => text.startsWith('log'))
    watching.lines.splice(0)
    await watching.line((text) => text.startsWith('log'))
    const exited = once(watching.child, 'exit')
    process.kill(watching.pid, 'SIGTERM')
    expect(await exited).toEqual([0, null])
  })
})
