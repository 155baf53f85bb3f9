/** The agent of a host in a cluster: a real API server, a real libvirt, and the test in the controller's place. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startGuest } from '../lab/guest.ts'
import { guestInterface, inNetwork, network, portGroup } from '../lab/manifests.ts'
import { addBridge } from '../lab/pool.ts'
import { deviceOf } from '../lab/world.ts'
import { ClusterHost } from './cluster-host.ts'

const mac = '52:54:00:00:00:01'
const data = (link: 'up' | 'down') =>
  guestInterface('vm1-data', 'vm1', { mac, ...inNetwork('lan'), link: { state: link } })

let lab: ClusterHost
let uuid: string

beforeAll(async () => {
  lab = await ClusterHost.start()
  await addBridge(lab.host, 'br0')
  await startGuest(lab.host, { name: 'vm1' })
  uuid = (await lab.host.virsh('domuuid', 'vm1')).trim()
  await lab.agent.start()
  await lab.agent.up()
})

afterAll(() => lab?.stop())

it('plugs an interface that is bound to its host, and kubectl waits for it', async () => {
  await lab.apply(
    network('lan', { forward: { mode: 'bridge' }, bridge: { name: 'br0' } }),
    portGroup('lan-any', 'lan', { default: true }),
    data('up'),
  )
  await lab.bind('vm1-data', uuid)
  await lab.kubectl('wait', '--for=condition=Ready', '--timeout=20s', 'gi/vm1-data')

  const { status } = await lab.interface('vm1-data')
  expect(status).toMatchObject({
    hostName: 'abc',
    guestUUID: uuid,
    guestState: 'Running',
    mac,
    port: { kind: 'bridge', name: 'br0', hostName: 'abc' },
  })
  const tap = await deviceOf(lab.host, 'vm1', mac)
  expect(await lab.host.run('ip -br link show master br0')).toContain(tap)
})
