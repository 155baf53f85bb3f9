/** A plug that is refused or fails leaves every link of the host as it was, whoever made it. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { GuestInterfaceSpec } from '../../src/api/guest-interface.ts'
import { LabAgent } from '../lab/agent.ts'
import { startGuest } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'
import { guestInterface } from '../lab/manifests.ts'
import { addBridge, addVethPool } from '../lab/pool.ts'
import { interfaces } from '../lab/world.ts'

const mac = '52:54:00:00:00:01'
let host: LabHost
let agent: LabAgent
let plugs = 0

beforeAll(async () => {
  host = await LabHost.start({ name: 'abc' })
  await addVethPool(host, 3)
  await addBridge(host, 'br0')
  // Links of somebody else: a tap, and macvtaps that nobody has open, one of them named as libvirt would.
  await host.run(`
    ip tuntap add theirtap mode tap
    ip link add theirs link pool1 type macvtap mode bridge
    ip link add macvtap0 link pool2 address ${mac} type macvtap mode bridge
    ip link set macvtap0 up`)
  await startGuest(host, { name: 'vm1' })
  agent = new LabAgent(host)
  await agent.start()
})
afterAll(() => host?.stop())

/** Every link by name, index, and what is below and above it. */
async function links(): Promise<unknown[]> {
  const shown = JSON.parse(await host.run('ip -json link')) as Record<string, unknown>[]
  return shown.map(({ ifname, ifindex, link, master }) => ({ ifname, ifindex, link, master }))
}

const direct = (dev: string, mode: 'bridge' | 'passthrough') => ({ source: { direct: { dev, mode } } })
const bridged = { source: { bridge: { name: 'br0' } } }

it.each<
  [what: string, spec: Partial<GuestInterfaceSpec> & Pick<GuestInterfaceSpec, 'source'>, ready: string]
>([
  ['the target is a tap that exists', { ...bridged, targetDevice: 'theirtap' }, 'False TargetDeviceExists'],
  ['the target is a bridge that exists', { ...bridged, targetDevice: 'br0' }, 'False TargetDeviceExists'],
  [
    'the target is a macvtap that exists',
    { ...direct('pool1', 'bridge'), targetDevice: 'theirs' },
    'False SettingNotSupported',
  ],
  [
    'the target has a name that libvirt gives',
    { ...direct('pool1', 'bridge'), targetDevice: 'macvtap0' },
    'False SettingNotSupported',
  ],
  ['there is no such bridge', { source: { bridge: { name: 'nowhere' } } }, 'False DeviceNotFound'],
  ['there is no such device', direct('nowhere', 'bridge'), 'False DeviceNotFound'],
  ['the device has a macvtap of somebody already', direct('pool1', 'passthrough'), 'False DeviceInUse'],
  [
    'QEMU refuses, after libvirt made the tap',
    { ...bridged, rom: { file: '/nowhere' } },
    'False ApplyFailed',
  ],
  [
    'QEMU refuses, after libvirt made the macvtap',
    { ...direct('pool0', 'passthrough'), rom: { file: '/nowhere' } },
    'False ApplyFailed',
  ],
  [
    'the kernel refuses a second macvtap with that MAC',
    { ...direct('pool2', 'bridge'), mac },
    'False ApplyFailed',
  ],
  ['the guest has no slot for it', { ...bridged, model: 'e1000' }, 'False NoFreeSlot'],
])('when %s', async (_what, spec, ready) => {
  const before = await links()
  const manifest = guestInterface(`plug${++plugs}`, 'vm1', spec)
  const { name } = manifest.metadata
  await agent.apply(manifest)
  await agent.reaches(name, ready)
  expect((await agent.condition(name, 'Ready'))!.message).not.toBe('')
  expect(await links()).toEqual(before)
  expect((await interfaces(host, 'vm1', 'live')).join()).not.toContain('ua-patchbay-')
  await agent.remove(manifest)
  await expect.poll(() => agent.storedNames('GuestInterface')).toEqual([])
  expect(await links()).toEqual(before)
  expect((await interfaces(host, 'vm1', 'saved')).join()).not.toContain('ua-patchbay-')
})

it('is tried less and less often, though the links of each try wake it', async () => {
  await startGuest(host, { name: 'vm2' })
  const manifest = guestInterface('again', 'vm2', { ...bridged, rom: { file: '/nowhere' } })
  await agent.apply(manifest)
  const said = (text: string) =>
    agent.log
      .map((line) => JSON.parse(line))
      .filter(({ key, step, msg }) => key?.endsWith('/again') && [step, msg].includes(text))
      .map(({ time }) => Date.parse(time))
  await expect.poll(() => said('Attach live, Attach saved').length).toBeGreaterThan(4)
  // Milliseconds: half of what a fourth failure waits for at most.
  expect(
    said('Attach live, Attach saved')[4]! - said('reconcile failed, will try again')[3]!,
  ).toBeGreaterThanOrEqual(799)
  await agent.remove(manifest)
  await expect.poll(() => agent.storedNames('GuestInterface')).toEqual([])
})

it('what stood in the way goes, and the interface is plugged', async () => {
  const manifest = guestInterface('plug', 'vm1', { ...bridged, targetDevice: 'theirtap' })
  await agent.apply(manifest)
  await agent.reaches('plug', 'False TargetDeviceExists')
  await host.run('ip link delete theirtap')
  await agent.reaches('plug')
  expect(await host.run('cat /sys/class/net/theirtap/master/uevent')).toContain('INTERFACE=br0')
})
