/** Guests belong to a namespace: whose interfaces may touch them is what admins grant, not what a manifest says of itself. */
import { writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { LabAgent } from '../lab/agent.ts'
import { startGuest } from '../lab/guest.ts'
import { LabHost } from '../lab/host.ts'
import { guestInterface } from '../lab/manifests.ts'
import { interfaces } from '../lab/world.ts'

let host: LabHost
let agent: LabAgent

beforeAll(async () => {
  host = await LabHost.start({ name: 'abc' })
  for (const name of ['web', 'db']) await startGuest(host, { name })
  agent = new LabAgent(host)
  await agent.start()
})
afterAll(() => host?.stop())

const grant = (namespace: string) =>
  writeFile(
    `${agent.manifests}/grant.yaml`,
    `apiVersion: patchbay.dev/v1alpha1
kind: GuestGrant
metadata: {name: web}
spec: {namespace: ${namespace}, guests: [{namePrefix: we}]}
`,
  )

it('an interface of another namespace is refused, and nothing is plugged, until the guest is granted to its own', async () => {
  await grant('shop')
  const nic = { source: { user: {} } }
  await agent.apply(guestInterface('web', 'web', nic), guestInterface('db', 'db', nic))
  await agent.reaches('web', 'False NotOwned')
  // With grants about others, a guest that none speaks of belongs to nobody.
  await agent.reaches('db', 'False NotOwned')
  for (const guest of ['web', 'db']) {
    expect(await interfaces(host, guest, 'live')).toEqual([])
    expect(await interfaces(host, guest, 'saved')).toEqual([])
  }
  expect((await agent.condition('web', 'Stalled'))?.message).toMatch(/belongs to namespace shop/)

  await grant('default')
  await agent.reaches('web')
  expect(await interfaces(host, 'web', 'live')).toHaveLength(1)
  await agent.reaches('db', 'False NotOwned')
})
