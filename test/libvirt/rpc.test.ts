/** Our RPC client against a real libvirtd, with virsh as the second opinion. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readCapabilities } from '../../src/libvirt/capabilities.ts'
import { type DomainRef, LibvirtClient, type LibvirtEvent } from '../../src/libvirt/client.ts'
import { Connection } from '../../src/libvirt/rpc/connection.ts'
import { procedures } from '../../src/libvirt/rpc/procedures.ts'
import { BootedGuest } from '../lab/booted-guest.ts'
import { defineGuest, startGuest } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'
import { addBridge } from '../lab/pool.ts'

const uri = 'qemu:///system'
const live = { live: true, saved: false }
const saved = { live: false, saved: true }
const both = { live: true, saved: true }
const nic = (mac: string, alias: string, more = '') =>
  `<interface type='bridge'><mac address='${mac}'/><source bridge='br0'/><model type='virtio'/><alias name='${alias}'/>${more}</interface>`

let host: LabHost
let client: LibvirtClient
/** Everything that libvirt told since the beginning. */
const events: LibvirtEvent[] = []
let look = () => {}

/** Resolves once such an event was told after `from`, the length that `events` had. */
async function told(wanted: Partial<Record<string, string>>, from = 0): Promise<void> {
  const fits = (event: LibvirtEvent) =>
    Object.entries(wanted).every(([key, value]) => Reflect.get(event, key) === value)
  while (!events.slice(from).some(fits)) {
    await new Promise<void>((resolve) => {
      look = resolve
    })
  }
}

/** What virsh prints, as it is: a definition ends with a newline. */
const dump = async (...args: string[]) => `${await host.virsh(...args)}\n`
const lines = (text: string) => text.split('\n').filter(Boolean).sort()
const signalLibvirtd = async (signal: string) =>
  host.exec('kill', [`-${signal}`, String(await host.libvirtd.pid())])

beforeAll(async () => {
  host = await LabHost.start({ name: 'rpc' })
  await addBridge(host, 'br0')
  await startGuest(host, { name: 'running', interfaces: [nic('52:54:00:00:00:01', 'ua-first')] })
  await defineGuest(host, { name: 'off', interfaces: [nic('52:54:00:00:00:02', 'ua-first')] })
  client = new LibvirtClient({ socket: host.socket })
  client.onEvent((event) => {
    events.push(event)
    look()
  })
  await client.connect()
})
afterAll(async () => {
  await client?.close()
  await host?.stop()
})

async function domain(name: string): Promise<DomainRef> {
  const found = await client.domainByName(name)
  if (!found) throw new Error(`no domain ${name}`)
  return found
}

describe('reads what virsh reads', () => {
  it('domains', async () => {
    const listed = (await client.listDomains()).map(({ uuid, name }) => `${uuid} ${name}`)
    expect(listed.sort()).toEqual(
      lines(await host.virsh('list', '--all', '--uuid', '--name')).map((line) => line.replace(/\s+/, ' ')),
    )
    const running = await domain('running')
    const off = await domain('off')
    expect(running).toEqual({
      name: 'running',
      uuid: await host.virsh('domuuid', 'running'),
      id: expect.any(Number),
    })
    expect([running.id > 0, off.id]).toEqual([true, -1])
    expect(await client.domainByUUID(off.uuid)).toEqual(off)
    expect([await client.domainState(running), await client.domainState(off)]).toEqual(['running', 'off'])
    expect(await client.domainIsPersistent(running)).toBe(true)
  })

  it('definitions, live and saved', async () => {
    for (const name of ['running', 'off']) {
      expect(await client.domainXML(await domain(name))).toBe(await dump('dumpxml', name))
      expect(await client.domainXML(await domain(name), { inactive: true })).toBe(
        await dump('dumpxml', '--inactive', name),
      )
    }
  })

  it('node devices', async () => {
    const names = await client.listNodeDevices()
    expect(names.toSorted()).toEqual(lines(await host.virsh('nodedev-list')))
    const lo = 'net_lo_00_00_00_00_00_00'
    expect(await client.nodeDeviceXML(lo)).toBe(await dump('nodedev-dumpxml', lo))
    expect(await client.nodeDeviceParent(lo)).toBe('computer')
    expect(await client.nodeDeviceParent('computer')).toBeUndefined()
  })

  it('versions', async () => {
    const { libvirt, qemu } = await readCapabilities(client)
    const number = (text: string, pattern: RegExp) => {
      const [, major, minor, release] = pattern.exec(text)!
      return Number(major) * 1_000_000 + Number(minor) * 1_000 + Number(release)
    }
    const printed = await host.virsh('version', '--daemon')
    expect(libvirt).toBe(number(printed, /against daemon: (\d+)\.(\d+)\.(\d+)/))
    expect(qemu).toBe(number(printed, /hypervisor: QEMU (\d+)\.(\d+)\.(\d+)/))
  })

  it('many at once, each with its own answer', async () => {
    const all = await client.listDomains()
    const asked = Array.from({ length: 400 }, (_, i) => all[i % all.length]!)
    const answers = await Promise.all(asked.map((one) => client.domainXML(one)))
    expect(answers.map((xml) => /<uuid>(.*)<\/uuid>/.exec(xml)?.[1])).toEqual(asked.map(({ uuid }) => uuid))
  })
})

describe('changes a guest', () => {
  const mac = '52:54:00:00:00:03'

  it('attaches an interface, live and saved, and is told', async () => {
    const from = events.length
    await client.attachDevice(await domain('running'), nic(mac, 'ua-second'), both)
    await told({ kind: 'domain', event: 'device-added', name: 'running', alias: 'ua-second' }, from)
    expect(await host.virsh('domiflist', 'running')).toContain(mac)
    expect(await host.virsh('domiflist', '--inactive', 'running')).toContain(mac)
  })

  it('updates it, live alone', async () => {
    await client.updateDevice(await domain('running'), await live1(mac, '<link state="down"/>'), live)
    expect(await host.virsh('domif-getlink', 'running', mac)).toMatch(/down/)
    expect(await host.virsh('domif-getlink', '--config', 'running', mac)).toMatch(/up/)
  })

  it('detaches it from the saved definition alone, by its XML and by its alias', async () => {
    await client.detachDevice(await domain('running'), nic(mac, 'ua-second'), saved)
    expect(await host.virsh('domiflist', '--inactive', 'running')).not.toContain(mac)
    expect(await host.virsh('domiflist', 'running')).toContain(mac)
    await client.detachDeviceAlias(await domain('off'), 'ua-first', saved)
    expect(await host.virsh('domiflist', 'off')).not.toContain('52:54:00')
  })

  it('keeps metadata', async () => {
    const running = await domain('running')
    const from = events.length
    const uri = 'https://patchbay.dev/test'
    expect(await client.getMetadata(running, uri, 'saved')).toBeUndefined()
    await client.setMetadata(running, { uri, prefix: 'pb', xml: '<ports note="&lt;ü&gt;"/>' }, both)
    await told({ kind: 'domain', event: 'metadata-changed', name: 'running' }, from)
    expect(await client.getMetadata(running, uri, 'saved')).toBe(
      await host.virsh('metadata', 'running', '--config', '--uri', uri),
    )
    expect(await client.getMetadata(running, uri, 'live')).toContain('&#xFC;')
    await client.setMetadata(running, { uri, prefix: 'pb', xml: undefined }, both)
    expect(await client.getMetadata(running, uri, 'live')).toBeUndefined()
  })

  it('is told of start and stop', async () => {
    const from = events.length
    const { uuid } = await domain('off')
    await host.virsh('start', 'off')
    await told({ kind: 'domain', event: 'started', uuid }, from)
    await host.virsh('suspend', 'off')
    expect(await client.domainState(await domain('off'))).toBe('paused')
    await host.virsh('destroy', 'off')
    await told({ kind: 'domain', event: 'stopped', uuid }, from)
  })

  it('unplugs from a guest that answers, and is told when it has let go', async () => {
    await BootedGuest.start(host, { name: 'booted', interfaces: [nic('52:54:00:00:00:04', 'ua-first')] })
    const from = events.length
    await client.detachDeviceAlias(await domain('booted'), 'ua-first', live)
    await told({ kind: 'domain', event: 'device-removed', name: 'booted', alias: 'ua-first' }, from)
    expect(await host.virsh('domiflist', 'booted')).not.toContain('52:54:00:00:00:04')
    await host.virsh('destroy', 'booted')
  })

  /** The interface as the running guest has it, with something more in it. */
  async function live1(mac: string, more: string): Promise<string> {
    const xml = await client.domainXML(await domain('running'))
    const found = [...xml.matchAll(/<interface[\s\S]*?<\/interface>/g)]
      .map(([text]) => text)
      .find((text) => text.includes(mac))!
    return found.replace('</interface>', `${more}</interface>`)
  }
})

it('defines, starts, updates, stops and undefines a network', async () => {
  const from = events.length
  const xml = `<network><name>lan</name><bridge name='virbr7'/><ip address='192.168.177.1' prefix='24'><dhcp><range start='192.168.177.10' end='192.168.177.20'/></dhcp></ip></network>`
  const network = await client.networkDefine(xml)
  await told({ kind: 'network', event: 'defined', name: 'lan' }, from)
  expect(await client.listNetworks()).toContainEqual(network)
  expect(await client.networkByName('lan')).toEqual(network)
  expect(await client.networkIsActive(network)).toBe(false)
  await client.setNetworkAutostart(network, true)
  expect(await client.networkAutostart(network)).toBe(true)
  expect(await host.virsh('net-info', 'lan')).toMatch(/Autostart:\s+yes/)

  await client.networkCreate(network)
  await told({ kind: 'network', event: 'started', name: 'lan' }, from)
  expect(await client.networkIsActive(network)).toBe(true)
  const dhcpHost = `<host mac='52:54:00:00:00:09' ip='192.168.177.15'/>`
  await client.networkUpdate(
    network,
    { command: 'add-last', section: 'ip-dhcp-host', parentIndex: 0, xml: dhcpHost },
    live,
  )
  expect(await client.networkXML(network)).toContain('192.168.177.15')
  expect(await client.networkXML(network)).toBe(await dump('net-dumpxml', 'lan'))
  expect(await client.networkXML(network, { inactive: true })).not.toContain('192.168.177.15')
  expect(await client.networkXML(network, { inactive: true })).toBe(
    await dump('net-dumpxml', '--inactive', 'lan'),
  )

  await client.networkDestroy(network)
  await told({ kind: 'network', event: 'stopped', name: 'lan' }, from)
  await client.networkUndefine(network)
  await told({ kind: 'network', event: 'undefined', name: 'lan' }, from)
  expect(await client.networkByName('lan')).toBeUndefined()
})

it('is told of node devices that come and go', async () => {
  // By the test driver: the host driver hears of devices from udev, which doesn't run in a lab host.
  const uri = 'test:///default'
  const testDriver = new LibvirtClient({ socket: host.socket, uri })
  await testDriver.connect()
  const next = () => new Promise<LibvirtEvent>((resolve) => testDriver.onEvent(resolve))
  const virsh = (...args: string[]) => host.exec('virsh', ['--connect', 'test+unix:///default', ...args])
  const vport = await host.file(`<device><parent>scsi_host1</parent><capability type='scsi_host'>
    <capability type='fc_host'><wwnn>2100001b32a9da4e</wwnn><wwpn>2101001b32a90004</wwpn></capability>
  </capability></device>`)
  const created = next()
  await virsh('nodedev-create', vport)
  expect(await created).toEqual({ kind: 'node-device', event: 'created', name: 'scsi_host12' })
  const deleted = next()
  await virsh('nodedev-destroy', 'scsi_host12')
  expect(await deleted).toEqual({ kind: 'node-device', event: 'deleted', name: 'scsi_host12' })
  await testDriver.close()
})

describe('gives libvirt’s own errors', () => {
  const gone = { name: 'gone', uuid: '09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f', id: -1 }

  it.each<[string, () => Promise<unknown>, object]>([
    [
      'a domain that is gone',
      () => client.domainXML(gone),
      { code: 'VIR_ERR_NO_DOMAIN', domain: 'VIR_FROM_QEMU', sort: 'terminal' },
    ],
    [
      'a network that is gone',
      () => client.networkXML(gone),
      { code: 'VIR_ERR_NO_NETWORK', domain: 'VIR_FROM_NETWORK', sort: 'terminal' },
    ],
    [
      'a node device that is gone',
      () => client.nodeDeviceXML('gone'),
      { code: 'VIR_ERR_NO_NODE_DEVICE', sort: 'terminal' },
    ],
    [
      'XML that is none',
      async () => client.attachDevice(await domain('running'), '<interface', both),
      { code: 'VIR_ERR_XML_DETAIL', sort: 'terminal' },
    ],
    [
      'XML that says too little',
      async () => client.attachDevice(await domain('running'), "<interface type='bridge'/>", both),
      { code: 'VIR_ERR_XML_ERROR', sort: 'terminal' },
    ],
    [
      'a live change of a guest that is off',
      async () => client.attachDevice(await domain('off'), nic('52:54:00:00:00:08', 'ua-x'), live),
      { code: 'VIR_ERR_OPERATION_INVALID', sort: 'retryable' },
    ],
    [
      'a device that is not there',
      async () => client.detachDevice(await domain('running'), nic('52:54:00:00:00:77', 'ua-none'), live),
      { code: 'VIR_ERR_DEVICE_MISSING', sort: 'terminal' },
    ],
    [
      'a change that libvirt cannot make',
      async () =>
        client.updateDevice(
          await domain('running'),
          nic('52:54:00:00:00:01', 'ua-first').replace('virtio', 'e1000'),
          live,
        ),
      { code: 'VIR_ERR_OPERATION_UNSUPPORTED', sort: 'terminal' },
    ],
  ])('%s', async (_, call, error) => {
    await expect(call()).rejects.toMatchObject({
      name: 'LibvirtError',
      message: expect.stringMatching(/\w/),
      ...error,
    })
  })

  it('of two registrations of one event, the second: error 8', async () => {
    const connection = await Connection.open({ path: host.socket, uri })
    const watch = () =>
      connection.call(procedures.watchDomains, { event: 0, domain: null }, { deadline: 10_000 })
    await watch()
    await expect(watch()).rejects.toMatchObject({ code: 'VIR_ERR_INVALID_ARG' })
    connection.close()
  })

  it('and those of a uri that nobody serves', async () => {
    const opening = Connection.open({ path: host.socket, uri: 'nonsense:///system' })
    await expect(opening).rejects.toMatchObject({
      procedure: 'CONNECT_OPEN',
      domain: expect.stringMatching(/^VIR_FROM_/),
    })
  })
})

describe('survives a libvirtd that', () => {
  it('stands still: deadlines pass, writes are interrupted, and it goes on afterwards', async () => {
    const running = await domain('running')
    const soon = { deadline: 200 }
    await signalLibvirtd('STOP')
    try {
      await expect(client.domainXML(running, soon)).rejects.toMatchObject({
        code: 'DEADLINE_PASSED',
        sort: 'retryable',
      })
      const writing = client.updateDevice(running, nic('52:54:00:00:00:01', 'ua-first'), live, soon)
      await expect(writing).rejects.toMatchObject({ code: 'DEADLINE_PASSED', sort: 'interrupted' })
      expect(client.connected).toBe(true)
    } finally {
      await signalLibvirtd('CONT')
    }
    expect(await client.domainXML(running)).toContain(running.uuid)
  })

  it('stands still for longer than the pings: the connection is given up, and comes back', async () => {
    const impatient = new LibvirtClient({ socket: host.socket, keepalive: { interval: 50, count: 2 } })
    await impatient.connect()
    const lost = new Promise<Error>((resolve) => impatient.onDisconnected(resolve))
    await signalLibvirtd('STOP')
    const reason = await lost.finally(() => signalLibvirtd('CONT'))
    expect(reason.message).toContain('2 pings')
    await new Promise<void>((resolve) => impatient.onConnected(resolve))
    expect(await impatient.domainByName('running')).toBeDefined()
    await impatient.close()
  })

  it('answers pings while it has nothing to say', async () => {
    const connection = await Connection.open({
      path: host.socket,
      uri,
      keepalive: { interval: 30, count: 10 },
    })
    const lost = connection.closed.then((reason) => reason.message)
    // Without answers the connection would be given up after 330 ms.
    const silence = new Promise<string>((resolve) => setTimeout(resolve, 1_000, 'still there'))
    expect(await Promise.race([lost, silence])).toBe('still there')
    connection.close()
  })

  it('is killed during an update: interrupted, and everything works again without doing anything', async () => {
    const running = await domain('running')
    const lost = new Promise<Error>((resolve) => client.onDisconnected(resolve))
    await signalLibvirtd('STOP')
    const writing = client.updateDevice(running, nic('52:54:00:00:00:01', 'ua-first'), both)
    const outcome = expect(writing).rejects.toMatchObject({ code: 'CONNECTION_LOST', sort: 'interrupted' })
    await host.libvirtd.kill9()
    await outcome
    await lost
    await expect(client.listDomains()).rejects.toMatchObject({ code: 'NOT_CONNECTED', sort: 'retryable' })

    const back = new Promise<void>((resolve) => client.onConnected(resolve))
    await host.libvirtd.start()
    await back
    expect(await client.domainXML(await domain('running'))).toBe(await dump('dumpxml', 'running'))
    const from = events.length
    await host.virsh('start', 'off')
    await told({ kind: 'domain', event: 'started', name: 'off' }, from)
  })
})
