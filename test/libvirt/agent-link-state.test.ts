import { afterAll, beforeAll, expect, it } from 'vitest'
import { LabAgent } from '../lab/agent.ts'
import { startGuest } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'
import { guestInterface, inNetwork, pool } from '../lab/manifests.ts'
import { addVethPool } from '../lab/pool.ts'
import { interfaces, libvirtVersion, macvtaps, snapshot } from '../lab/world.ts'

let host: LabHost
let agent: LabAgent

beforeAll(async () => {
  host = await LabHost.start({ name: 'abc' })
  await addVethPool(host, 4)
  for (const name of ['vm1', 'vm2', 'vm3']) await startGuest(host, { name })
  agent = new LabAgent(host)
  await agent.start()
})
afterAll(() => host?.stop())

const data = (link: 'up' | 'down') =>
  guestInterface('vm1-data', 'vm1', { ...inNetwork('pt'), link: { state: link } })

it('link down and up leave device, macvtap and every other guest as they were', async () => {
  await agent.apply(
    pool('pt', 'passthrough', ['pool0', 'pool1']),
    pool('shared', 'bridge', ['pool2']),
    data('up'),
    guestInterface('vm2-data', 'vm2', inNetwork('pt')),
    guestInterface('vm3-data', 'vm3', inNetwork('shared')),
  )
  for (const name of ['vm1-data', 'vm2-data', 'vm3-data']) {
    await agent.reaches(name)
  }
  const [live] = await interfaces(host, 'vm1', 'live')
  const [, device] = /<target dev='(macvtap\d+)'\/>/.exec(live!)!
  const before = await macvtaps(host)
  const own = before.find(({ name }) => name === device)!
  expect(own.mode).toBe('passthrough')
  const { port } = await agent.status('vm1-data')
  expect(port).toMatchObject({ dev: own.lower, mode: 'passthrough' })
  const others = await snapshot(host, 'vm2', 'vm3')

  for (const state of ['down', 'up', 'down', 'up'] as const) {
    await agent.apply(data(state))
    await expect.poll(() => host.virsh('domif-getlink', 'vm1', device!)).toBe(`${device} ${state}`)
    await agent.reaches('vm1-data')
    const [saved] = await interfaces(host, 'vm1', 'saved')
    if (state === 'down') expect(saved).toContain("<link state='down'/>")
    else expect(saved).not.toContain("<link state='down'/>")
    expect(saved).toContain(`<source dev='${own.lower}' mode='passthrough'/>`)
    expect(await interfaces(host, 'vm1', 'live')).toHaveLength(1)
    expect(await macvtaps(host)).toEqual(before)
    expect(await snapshot(host, 'vm2', 'vm3')).toEqual(others)
    expect((await agent.status('vm1-data')).port).toEqual(port)
  }
})

it('plain virsh update-device on a passthrough pool does what this libvirt does', async () => {
  const network = `<network><name>plain</name><forward mode='passthrough'><interface dev='pool3'/></forward></network>`
  await host.virsh('net-define', await host.file(network))
  await host.virsh('net-start', 'plain')
  const plugged = `<interface type='network'><mac address='52:54:00:00:00:99'/><source network='plain'/><model type='virtio'/></interface>`
  await startGuest(host, { name: 'stranger', interfaces: [plugged] })
  const down = await host.file(plugged.replace('</interface>', "<link state='down'/></interface>"))
  const allocatesAnew = (await libvirtVersion(host)) < 10_008_000
  const update = host.virsh('update-device', 'stranger', down, '--live')
  if (allocatesAnew) {
    await expect(update).rejects.toThrow(/requires exclusive access to interfaces, but none are available/)
    expect(await host.virsh('domif-getlink', 'stranger', '52:54:00:00:00:99')).toMatch(/ up$/)
  } else {
    await update
    expect(await host.virsh('domif-getlink', 'stranger', '52:54:00:00:00:99')).toMatch(/ down$/)
  }
})
