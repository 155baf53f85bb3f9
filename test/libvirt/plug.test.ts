/** What comes between the look at a guest and the call that plugs a NIC into it. */
import { pino } from 'pino'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Context } from '../../src/agent/context.ts'
import { Guests } from '../../src/agent/guest.ts'
import type { Application } from '../../src/agent/interface/application.ts'
import { apply } from '../../src/agent/interface/apply.ts'
import { gather, type Observed } from '../../src/agent/interface/gather.ts'
import { savedAnew } from '../../src/agent/interface/plug.ts'
import { Turns } from '../../src/agent/turns.ts'
import type { GuestInterface } from '../../src/api/guest-interface.ts'
import type { EffectiveDefinition } from '../../src/core/definition.ts'
import { aliasOf } from '../../src/core/identity.ts'
import { LibvirtClient } from '../../src/libvirt/client.ts'
import { startGuest, takeSlot } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'
import { guestInterface } from '../lab/manifests.ts'

const { signal } = new AbortController()
const nic = guestInterface('nic', 'vm1', { source: { user: {} }, model: 'virtio' })
const effective: EffectiveDefinition = {
  port: { kind: 'user' },
  settings: { mac: '52:54:00:00:00:01', model: 'virtio' },
  alias: aliasOf('default', 'nic'),
}
let host: LabHost
let libvirt: LibvirtClient
let to: Application

beforeAll(async () => {
  host = await LabHost.start({ name: 'abc' })
  await startGuest(host, { name: 'vm1' })
  libvirt = new LibvirtClient({ socket: host.socket })
  await libvirt.connect()
  const context = {
    libvirt,
    guests: new Guests(libvirt),
    plugTurns: new Turns(),
    binding: 'grants',
  } as Partial<Context> as Context
  to = {
    context,
    gather: () => gather(context, nic as GuestInterface, signal),
    log: pino({ level: 'silent' }),
    signal,
  }
})
afterAll(async () => {
  await libvirt?.close()
  await host?.stop()
})

const slots = ({ live, saved }: Observed) => [live, saved].map((each) => each?.definition.settings.address)

it('a NIC that found another slot in each definition is saved anew in the one that it is plugged into', async () => {
  const before = (await to.gather())!
  await takeSlot(host, 'vm1', 'live')
  await apply(
    [
      { action: 'Attach', target: 'live' },
      { action: 'Attach', target: 'saved' },
    ],
    before,
    effective,
    to,
  )
  const after = (await to.gather())!
  const [live, saved] = slots(after)
  expect(saved).not.toBe(live)

  expect(await savedAnew(after, effective, to)).toBe(true)
  const now = (await to.gather())!
  expect(slots(now)).toEqual([live, live])
  expect(await savedAnew(now, effective, to)).toBe(false)
})
