import { expect, test } from 'vitest'
import type { PortStatus } from '../../../src/api/guest-interface.ts'
import {
  type Port,
  portFromStatus,
  portName,
  portText,
  portToStatus,
  samePort,
} from '../../../src/core/port.ts'
import { ports } from './definitions.ts'

test.each<[Port, name: string, text: string]>([
  [{ kind: 'network', network: 'default' }, 'default', 'network default'],
  [{ kind: 'network', network: 'default', bridge: 'virbr0' }, 'virbr0', 'network default'],
  [{ kind: 'bridge', bridge: 'br0' }, 'br0', 'bridge br0'],
  [{ kind: 'direct', dev: 'eth1', mode: 'vepa' }, 'eth1 (vepa)', 'direct eth1 (vepa)'],
  [{ kind: 'hostdev', address: '0000:03:10.1' }, '0000:03:10.1', 'hostdev 0000:03:10.1'],
  [{ kind: 'hostdev', address: '0000:03:10.1', managed: false }, '0000:03:10.1', 'hostdev 0000:03:10.1'],
  [
    { kind: 'hostdev', address: '0000:03:10.1', managed: true },
    '0000:03:10.1',
    'hostdev 0000:03:10.1 (managed)',
  ],
  [{ kind: 'vhostuser', path: '/run/v', mode: 'client' }, '/run/v', 'vhostuser /run/v (client)'],
  [{ kind: 'vdpa', dev: '/dev/v' }, '/dev/v', 'vdpa /dev/v'],
  [{ kind: 'user' }, 'user', 'user'],
  [{ kind: 'ethernet' }, 'ethernet', 'ethernet'],
])('%o is %s for people', (port, name, text) => {
  expect(portName(port)).toBe(name)
  expect(portText(port)).toBe(text)
})

test.each(ports)('$kind comes back from status', (port) => {
  const status = portToStatus(port, 'abc')
  expect(status).toMatchObject({ name: portName(port), hostName: 'abc' })
  expect(portFromStatus(JSON.parse(JSON.stringify(status)) as PortStatus)).toEqual(port)
})

test.each<[PortStatus, field: string]>([
  [{ kind: 'direct', dev: 'eth1', name: 'eth1', hostName: 'abc' }, 'mode'],
  [{ kind: 'bridge', name: 'br0', hostName: 'abc' }, 'bridge'],
  [{ kind: 'hostdev', name: 'x', hostName: 'abc' }, 'address'],
])('a status that lacks a field of its kind is refused: %o', (status, field) => {
  expect(() => portFromStatus(status)).toThrow(`has no ${field}`)
})

test('every port is the same as itself only', () => {
  for (const [i, a] of ports.entries()) {
    for (const [j, b] of ports.entries()) expect(samePort(a, { ...b })).toBe(i === j)
  }
})

test("a pool's device is another port than the same device named by the interface itself", () => {
  const own: Port = { kind: 'direct', dev: 'eth1', mode: 'vepa' }
  expect(samePort(own, { ...own, network: 'testA' })).toBe(false)
  expect(samePort({ ...own, network: 'testA' }, { ...own, network: 'testA' })).toBe(true)
})
