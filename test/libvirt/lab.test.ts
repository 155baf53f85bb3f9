import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, readlink } from 'node:fs/promises'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BootedGuest } from '../lab/booted-guest.ts'
import { startGuest } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'
import { addBridge, addOpenVswitchBridge, addVethPool } from '../lab/pool.ts'

const mac = '52:54:00:00:00:01'
const direct = (dev: string, mode: string) =>
  `<interface type='direct'><mac address='${mac}'/><source dev='${dev}' mode='${mode}'/><model type='virtio'/></interface>`
const bridged = (bridge: string, more = '') =>
  `<interface type='bridge'><mac address='${mac}'/><source bridge='${bridge}'/>${more}<model type='virtio'/></interface>`

/** Interface indexes of the host's links by name. */
async function indexes(host: LabHost): Promise<Map<string, number>> {
  const links = JSON.parse(await host.run('ip -json link')) as { ifname: string; ifindex: number }[]
  return new Map(links.map((link) => [link.ifname, link.ifindex]))
}

const namespaces = (pid: number | string) =>
  Promise.all(['pid', 'net', 'mnt'].map((kind) => readlink(`/proc/${pid}/ns/${kind}`)))

/** Processes of the machine that are in one of these namespaces. */
async function processesIn(wanted: readonly string[]): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(
    pids.map(async (pid) => (await namespaces(pid).catch(() => [])).some((id) => wanted.includes(id))),
  )
  return pids.filter((_, i) => found[i])
}

describe('two lab hosts at once', () => {
  let hosts: LabHost[]

  beforeAll(async () => {
    hosts = await Promise.all(['abc', 'def'].map((name) => LabHost.start({ name })))
    for (const host of hosts) {
      await addVethPool(host, 2)
      await startGuest(host, { name: 'vm1', interfaces: [direct('pool0', 'passthrough')] })
    }
  })
  afterAll(() => Promise.all(hosts.map((host) => host.stop())))

  it('are hosts of their own', async () => {
    for (const host of hosts) {
      expect(await host.run('hostname')).toBe(host.name)
      expect(await host.virsh('list', '--name')).toBe('vm1')
    }
    expect(await hosts[0]!.virsh('domuuid', 'vm1')).not.toBe(await hosts[1]!.virsh('domuuid', 'vm1'))
  })

  it('never use the same interface index, so neither opens a macvtap of the other', async () => {
    const [one, other] = await Promise.all(hosts.map(indexes))
    one!.delete('lo')
    other!.delete('lo')
    const shared = [...one!.values()].filter((index) => [...other!.values()].includes(index))
    expect(shared).toEqual([])
    expect(one!.has('macvtap0') && other!.has('macvtap0')).toBe(true)
  })

  it('run a process of ours inside, which gets its signals', async () => {
    const { pid, child } = await hosts[0]!.spawn(process.execPath, [
      '-e',
      "process.on('SIGTERM', () => process.exit(7)); console.log(os.hostname()); setInterval(() => {}, 1000)",
    ])
    const [hostname] = (await once(createInterface(child.stdout!), 'line')) as [string]
    expect(hostname).toBe('abc')
    process.kill(pid, 'SIGTERM')
    expect(await once(child, 'exit')).toEqual([7, null])
  })

  it('keep the guest and its link through kill -9 of libvirtd', async () => {
    const host = hosts[0]!
    const before = await host.run('pgrep qemu-system; cat /sys/class/net/macvtap0/ifindex')
    await host.libvirtd.kill9()
    await expect(host.virsh('list')).rejects.toThrow()
    await host.libvirtd.start()
    expect(await host.virsh('domstate', 'vm1')).toBe('running')
    expect(await host.run('pgrep qemu-system; cat /sys/class/net/macvtap0/ifindex')).toBe(before)
  })

  it('keep the guest through a stop of libvirtd', async () => {
    const host = hosts[0]!
    const before = await host.run('pgrep qemu-system')
    await host.libvirtd.stop()
    await host.libvirtd.start()
    expect(await host.virsh('domstate', 'vm1')).toBe('running')
    expect(await host.run('pgrep qemu-system')).toBe(before)
  })

  it('leave nothing when stopped, and the other as it was', async () => {
    const [kept, gone] = hosts as [LabHost, LabHost]
    const ids = await namespaces(gone.pid)
    const tap = `tap${(await indexes(gone)).get('macvtap0')}`
    expect((await processesIn(ids)).length).toBeGreaterThan(2)
    expect(await readdir('/dev')).toContain(tap)

    await gone.stop()

    expect(await processesIn(ids)).toEqual([])
    expect(await readFile('/proc/self/mountinfo', 'utf8')).not.toContain(`lab-${gone.name}`)
    // The kernel takes a namespace's links down after its last process is gone.
    await expect.poll(() => readdir('/dev'), { timeout: 10_000 }).not.toContain(tap)
    expect(await kept.virsh('domstate', 'vm1')).toBe('running')
  })
})

it('ends with a process that started it and was killed', async () => {
  const script = `
    import { LabHost } from ${JSON.stringify(path.resolve(import.meta.dirname, '../lab/host.ts'))}
    console.log((await LabHost.start({ name: 'orphan' })).pid)
    setInterval(() => {}, 1000)`
  const starter: ChildProcess = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [pid] = (await once(createInterface(starter.stdout!), 'line')) as [string]
  const ids = await namespaces(pid)
  starter.kill('SIGKILL')
  await expect.poll(() => processesIn(ids), { timeout: 10_000 }).toEqual([])
})

it('says in one sentence that a package is missing', async () => {
  const { PATH } = process.env
  process.env.PATH = '/nowhere'
  try {
    await expect(LabHost.start({ name: 'abc' })).rejects.toThrow(
      /^A lab host needs Debian packages that are not installed: apt-get install .*libvirt-clients/,
    )
  } finally {
    process.env.PATH = PATH
  }
})

it('plugs a tap with its VLAN tag into an Open vSwitch bridge', async () => {
  const host = await LabHost.start({ name: 'abc', openVswitch: true })
  try {
    await addOpenVswitchBridge(host, 'ovsbr0')
    await startGuest(host, {
      name: 'vm1',
      interfaces: [bridged('ovsbr0', "<virtualport type='openvswitch'/><vlan><tag id='42'/></vlan>")],
    })
    expect(await host.run('ovs-vsctl list-ports ovsbr0')).toBe('vnet0')
    expect(await host.run('ovs-vsctl get port vnet0 tag')).toBe('42')
    expect(await host.run('ovs-vsctl get interface vnet0 external_ids:attached-mac')).toBe(`"${mac}"`)
  } finally {
    await host.stop()
  }
})

it('boots a guest that sees carrier, traffic and hot-plug', async () => {
  const host = await LabHost.start({ name: 'abc' })
  try {
    await addVethPool(host, 1)
    await addBridge(host, 'br0')
    await host.run('ip address add 10.9.0.1/24 dev pool0-wire; ip address add 10.9.1.1/24 dev br0')
    const plugged = mac.replace(/01$/, '02')
    const guest = await BootedGuest.start(host, {
      name: 'vm1',
      interfaces: [direct('pool0', 'bridge')],
      addresses: { [mac]: '10.9.0.2/24', [plugged]: '10.9.1.2/24' },
    })
    await guest.sees(mac, { name: 'eth0', carrier: true, address: '10.9.0.2/24' })
    await host.run('busybox ping -c 1 -W 5 10.9.0.2')

    await host.virsh('domif-setlink', 'vm1', mac, 'down')
    await guest.sees(mac, { carrier: false })
    await expect(host.run('busybox ping -c 1 -W 1 10.9.0.2')).rejects.toThrow()
    await host.virsh('domif-setlink', 'vm1', mac, 'up')
    await guest.sees(mac, { carrier: true })

    const xml = await host.file(bridged('br0').replace(mac, plugged))
    await host.virsh('attach-device', 'vm1', xml, '--live')
    await guest.sees(plugged, { name: 'eth1', carrier: true })
    await host.run('busybox ping -c 1 -W 5 10.9.1.2')
    await host.virsh('detach-device', 'vm1', xml, '--live')
    await guest.sees(plugged, undefined)
    expect([...(await guest.interfaces()).keys()]).toEqual([mac])
  } finally {
    await host.stop()
  }
})
