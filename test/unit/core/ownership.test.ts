import { describe, expect, it } from 'vitest'
import type { GuestGrant, GuestGrantSpec } from '../../../src/api/guest-grant.ts'
import { notOwned, notOwnedStandalone } from '../../../src/core/ownership.ts'

const guest = { name: 'web-1', uuid: '09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f' }
const host = { name: 'abc', labels: { rack: 'r1' } }
const grant = (spec: GuestGrantSpec): GuestGrant => ({
  apiVersion: 'patchbay.dev/v1alpha1',
  kind: 'GuestGrant',
  metadata: { name: 'grant' },
  spec,
})
const shop = (guests: GuestGrantSpec['guests'], more: Partial<GuestGrantSpec> = {}) =>
  grant({ namespace: 'shop', guests, ...more })

describe('who may touch a guest', () => {
  it.each<[string, string, GuestGrant[], string | undefined]>([
    ['by name', 'shop', [shop([{ name: 'web-1' }])], undefined],
    ['by UUID in any case', 'shop', [shop([{ uuid: guest.uuid.toUpperCase() }])], undefined],
    ['by prefix', 'shop', [shop([{ namePrefix: 'web-' }])], undefined],
    ['by another name', 'shop', [shop([{ name: 'web-10' }])], 'NotOwned'],
    ['with a grant about others, default too', 'default', [shop([{ name: 'db' }])], 'NotOwned'],
    ['granted to another namespace', 'default', [shop([{ name: 'web-1' }])], 'NotOwned'],
    [
      'on the hosts that the grant selects',
      'shop',
      [shop([{ name: 'web-1' }], { hostSelector: { matchLabels: { rack: 'r1' } } })],
      undefined,
    ],
    [
      'not on others',
      'shop',
      [shop([{ name: 'web-1' }], { hostSelector: { matchLabels: { rack: 'r2' } } })],
      'NotOwned',
    ],
    ['twice to one namespace', 'shop', [shop([{ name: 'web-1' }]), shop([{ namePrefix: 'web' }])], undefined],
    [
      'to two namespaces',
      'shop',
      [shop([{ name: 'web-1' }]), grant({ namespace: 'bank', guests: [{ namePrefix: 'web' }] })],
      'OwnerAmbiguous',
    ],
  ])('%s', (_, namespace, grants, reason) => {
    expect(notOwned(guest, namespace, host, grants)?.reason).toBe(reason)
    expect(notOwnedStandalone(guest, namespace, host, grants)?.reason).toBe(reason)
  })

  it('is nobody in a cluster without any grant, and the namespace default on a host without a cluster', () => {
    expect(notOwned(guest, 'default', host, [])?.reason).toBe('NotOwned')
    expect(notOwnedStandalone(guest, 'default', host, [])).toBeUndefined()
    expect(notOwnedStandalone(guest, 'shop', host, [])?.reason).toBe('NotOwned')
  })
})
