import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { GuestInterfaceSpec } from '../../src/api/guest-interface.ts'
import { LabAgent } from '../lab/agent.ts'
import { BootedGuest } from '../lab/booted-guest.ts'
import { startGuest } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'
import { guestInterface, inNetwork, pool } from '../lab/manifests.ts'
import { addVethPool } from '../lab/pool.ts'
import { snapshot } from '../lab/world.ts'

const mac = '52:54:00:00:00:01'
let host: LabHost
let agent: LabAgent
let before: unknown

beforeAll(async () => {
  host = await LabHost.start({ name: 'abc' })
  await addVethPool(host, 3)
  await host.run('ip address add 10.9.0.1/24 dev pool0-wire')
  agent = new LabAgent(host)
  await agent.apply(
    pool('pt', 'passthrough', ['pool0', 'pool1']),
    pool('shared', 'vepa', ['pool2']),
    data({}),
  )
  await agent.start()
  const guest = await BootedGuest.start(host, { name: 'vm1', addresses: { [mac]: '10.9.0.2/24' } })
  await agent.reaches('vm1-data')
  await guest.sees(mac, { carrier: true, address: '10.9.0.2/24' })
  before = await snapshot(host, 'vm1')
})
afterAll(() => host?.stop())

const data = (spec: Partial<GuestInterfaceSpec>) =>
  guestInterface('vm1-data', 'vm1', { mac, ...inNetwork('pt'), ...spec })

interface Refused {
  field: string
  observed: string
  effective: string
}

const direct = (dev: string, mode: 'passthrough' | 'private') => ({ source: { direct: { dev, mode } } })
const model = { field: 'model', observed: 'virtio', effective: 'e1000' }
const source = (effective: string) => ({ field: 'source', observed: 'direct pool0 (passthrough)', effective })

describe('a change that a running guest cannot take is refused whole, and taken back it is Ready', () => {
  it.each<[what: string, spec: Partial<GuestInterfaceSpec>, refused: Refused[]]>([
    ['model', { model: 'e1000' }, [model]],
    ['device', direct('pool1', 'passthrough'), [source('direct pool1 (passthrough)')]],
    ['mode', direct('pool0', 'private'), [source('direct pool0 (private)')]],
    ['pool', inNetwork('shared'), [source('direct pool2 (vepa)')]],
    ['mac', { mac: '52:54:00:00:00:02' }, [{ field: 'mac', observed: mac, effective: '52:54:00:00:00:02' }]],
    [
      'model, device, driver and PCI address, with a link state that could be changed',
      {
        // Of the models that take driver options.
        model: 'virtio-transitional',
        driver: { queues: 2 },
        address: '0000:05:00.0',
        link: { state: 'down' },
        ...direct('pool1', 'private'),
      },
      [
        { field: 'address', observed: '0000:01:00.0', effective: '0000:05:00.0' },
        { field: 'driver.queues', observed: '', effective: '2' },
        { ...model, effective: 'virtio-transitional' },
        source('direct pool1 (private)'),
      ],
    ],
  ])('%s', async (_what, spec, refused) => {
    await agent.apply(data(spec))
    await expect
      .poll(() => agent.condition('vm1-data', 'Synced'))
      .toMatchObject({ status: 'False', reason: 'LiveChangeRefused' })
    expect(await agent.condition('vm1-data', 'Ready')).toMatchObject({
      status: 'False',
      reason: 'LiveChangeRefused',
    })
    const { plan, conditions, port } = await agent.status('vm1-data')
    expect(plan).toMatchObject({ verdict: 'Refused', steps: [] })
    const listed = plan!.differences.filter(({ verdict }) => verdict === 'Refused')
    expect(listed.map(({ field, observed, effective }) => ({ field, observed, effective }))).toEqual(refused)
    const { message } = conditions!.find(({ type }) => type === 'Synced')!
    for (const { field, observed, effective } of refused) {
      expect(message).toContain(`${field}: ${observed || '(none)'} -> ${effective}: `)
    }
    expect(port).toMatchObject({ dev: 'pool0', mode: 'passthrough' })
    expect(await snapshot(host, 'vm1')).toEqual(before)
    await host.run('busybox ping -c 1 -W 5 10.9.0.2')

    await agent.apply(data({}))
    await agent.reaches('vm1-data')
    expect(await snapshot(host, 'vm1')).toEqual(before)
  })
})

it('a refusal stands when the agent is started again', async () => {
  await agent.apply(data({ model: 'e1000', mac: '52:54:00:00:00:03' }))
  await expect.poll(() => agent.condition('vm1-data', 'Synced')).toMatchObject({ status: 'False' })
  await agent.stop()
  await agent.start()
  await agent.up()
  await expect
    .poll(() => agent.condition('vm1-data', 'Ready'))
    .toMatchObject({ status: 'False', reason: 'LiveChangeRefused' })
  expect(await snapshot(host, 'vm1')).toEqual(before)
  await host.run('busybox ping -c 1 -W 5 10.9.0.2')
  await agent.apply(data({}))
  await agent.reaches('vm1-data')
})

it('holds no device for what it refused', async () => {
  await startGuest(host, { name: 'vm2' })
  await agent.apply(guestInterface('vm2-data', 'vm2', direct('pool1', 'passthrough')))
  await agent.reaches('vm2-data')
  await agent.apply(guestInterface('vm2-shared', 'vm2', direct('pool2', 'passthrough')))
  await agent.reaches('vm2-shared')
})
