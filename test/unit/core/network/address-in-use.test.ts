import { expect, it } from 'vitest'
import { addressInUse } from '../../../../src/core/network/address-in-use.ts'

const network = (address: string, more: { prefix?: number; netmask?: string } = { prefix: 24 }) => ({
  name: 'lan',
  settings: { ips: [{ address, ...more }] },
  portGroups: [],
})
const host = {
  ownBridge: 'lab0',
  links: [
    { name: 'lab0', addresses: ['10.1.0.1/24'] },
    { name: 'eth0', addresses: ['192.168.5.7/16', 'fd00::7/64'] },
    { name: 'virbr0', addresses: ['192.168.122.1/24'] },
  ],
  routes: [
    { to: '10.9.0.0/24', dev: 'eth0' },
    { to: '10.77.0.5', dev: 'eth0' },
    { to: '10.1.0.0/24', dev: 'lab0' },
  ],
  networkOfBridge: new Map([['virbr0', 'default']]),
}

it.each<[what: string, ReturnType<typeof network>, RegExp | undefined]>([
  ['nobody has it', network('10.2.0.1'), undefined],
  ['its own bridge has it', network('10.1.0.1'), undefined],
  ['the address of a link', network('192.168.5.7'), /192\.168\.5\.7\/16 on eth0\./],
  ['a link inside of it', network('192.168.0.1', { prefix: 16 }), /on eth0/],
  ['a part of the network of a link', network('192.168.7.1'), undefined],
  ['another libvirt network', network('192.168.122.9'), /virbr0, the bridge of libvirt's network default/],
  ['by netmask', network('192.168.122.9', { netmask: '255.255.255.0' }), /virbr0/],
  ['a route to it', network('10.9.0.1'), /route to 10\.9\.0\.0\/24 through eth0/],
  ['a route to a part of it', network('10.9.0.1', { prefix: 16 }), undefined],
  ['a route to a host in it', network('10.77.0.1'), undefined],
  ['IPv6', network('fd00::1', { prefix: 64 }), /fd00::7\/64 on eth0/],
  ['IPv6 of another subnet', network('fd00:1::1', { prefix: 64 }), undefined],
])('%s', (_, wanted, said) => {
  const refusal = addressInUse(wanted, host)
  if (said) expect(refusal).toMatchObject({ reason: 'AddressInUse', message: expect.stringMatching(said) })
  else expect(refusal).toBeUndefined()
})
