/** The main job as the guest itself sees it: its NIC comes, loses and gets carrier, carries traffic, and goes. */
import { expect, it } from 'vitest'
import type { GuestInterfaceSpec } from '../../src/api/guest-interface.ts'
import { LabAgent } from '../lab/agent.ts'
import { BootedGuest } from '../lab/booted-guest.ts'
import { LabHost } from '../lab/host.ts'
import { guestInterface, inNetwork, network, pool } from '../lab/manifests.ts'
import { addBridge, addVethPool } from '../lab/pool.ts'
import { interfaces, macvtaps } from '../lab/world.ts'

const mac = '52:54:00:00:00:01'
const bridgeMac = '52:54:00:00:00:02'
const ping = 'busybox ping -c 1 -W 5 10.9.0.2'

it('a booted guest sees its interface as the manifest says', async () => {
  const host = await LabHost.start({ name: 'abc' })
  try {
    await addVethPool(host, 2)
    await addBridge(host, 'br0')
    await host.run('ip address add 10.9.0.1/24 dev pool0-wire; ip address add 10.9.1.1/24 dev br0')
    const guest = await BootedGuest.start(host, {
      name: 'vm1',
      addresses: { [mac]: '10.9.0.2/24', [bridgeMac]: '10.9.1.2/24' },
    })
    expect(await guest.interfaces()).toEqual(new Map())
    const agent = new LabAgent(host)
    await agent.start()
    const data = (spec: Partial<GuestInterfaceSpec> = {}) =>
      guestInterface('vm1-data', 'vm1', { mac, ...inNetwork('pt'), ...spec })

    // Hot-plugged.
    await agent.apply(pool('pt', 'passthrough', ['pool0', 'pool1']), data())
    await guest.sees(mac, { name: 'eth0', carrier: true, address: '10.9.0.2/24' })
    await host.run(ping)
    await agent.reaches('vm1-data')
    const before = await macvtaps(host)

    // Its carrier.
    await agent.apply(data({ link: { state: 'down' } }))
    await guest.sees(mac, { carrier: false })
    await expect(host.run('busybox ping -c 1 -W 1 10.9.0.2')).rejects.toThrow()
    await agent.apply(data({ link: { state: 'up' } }))
    await guest.sees(mac, { carrier: true })
    await host.run(ping)

    // What a running NIC cannot change leaves it alone.
    await agent.apply(data({ model: 'e1000', link: { state: 'down' } }))
    await agent.reaches('vm1-data', 'False LiveChangeRefused')
    await host.run(ping)
    await agent.apply(data())
    await agent.reaches('vm1-data')
    expect(await macvtaps(host)).toEqual(before)

    // A second one, on a bridge, with the link down from the beginning.
    const second = (state: 'up' | 'down') =>
      guestInterface('vm1-second', 'vm1', { mac: bridgeMac, ...inNetwork('lan'), link: { state } })
    await agent.apply(
      network('lan', { forward: { mode: 'bridge' }, bridge: { name: 'br0' } }),
      second('down'),
    )
    await guest.sees(bridgeMac, { name: 'eth1', carrier: false })
    await agent.apply(second('up'))
    await guest.sees(bridgeMac, { carrier: true, address: '10.9.1.2/24' })
    await host.run('busybox ping -c 1 -W 5 10.9.1.2')

    // Switched off and on again it finds both in their places.
    await host.virsh('destroy', 'vm1')
    await host.virsh('start', 'vm1')
    await guest.sees(bridgeMac, { name: 'eth1', carrier: true })
    await guest.sees(mac, { name: 'eth0', carrier: true })
    await expect
      .poll(() =>
        host.run(ping).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true)

    // Removed.
    await agent.remove(data())
    await guest.sees(mac, undefined)
    await expect.poll(() => agent.stored('GuestInterface', 'vm1-data')).toBeUndefined()
    expect(await macvtaps(host)).toEqual([])
    expect(await interfaces(host, 'vm1', 'live')).toHaveLength(1)
    expect(await interfaces(host, 'vm1', 'saved')).toHaveLength(1)
    await host.run('busybox ping -c 1 -W 5 10.9.1.2')
    expect(await agent.stop()).toBe(0)
  } finally {
    await host.stop()
  }
})
