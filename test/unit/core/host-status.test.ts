import { expect, it } from 'vitest'
import { type HostStatus, hostStatus } from '../../../src/api/host.ts'
import { fittingHostStatus } from '../../../src/core/host-status.ts'

const many = <T>(count: number, each: (index: number) => T) =>
  Array.from({ length: count }, (_, i) => each(i))

function host(guests: number, networks: number, pools: number, text: string): HostStatus {
  return {
    guests: many(guests, (i) => ({
      name: `vm${i}`,
      uuid: `09b11c53-8b5c-4eeb-8f00-${String(i).padStart(12, '0')}`,
      running: true,
    })),
    networks: many(networks, (i) => ({
      name: `net${i}`,
      objectName: `net${i}`,
      observedGeneration: 1,
      inSync: false,
      restartRequired: false,
      reason: 'ApplyFailed',
      message: text,
    })),
    pools: many(pools, (i) => ({
      network: `net${i}`,
      mode: 'bridge',
      capacity: 1,
      inUse: 0,
      devices: [{ name: 'eth0', users: 0, unavailable: text }],
    })),
  }
}

it('leaves a status that fits as it is', () => {
  const status = host(4_096, 1_024, 256, 'x'.repeat(1_024))
  expect(fittingHostStatus(status)).toEqual({ status, leftOut: [] })
  expect(fittingHostStatus({})).toEqual({ status: {}, leftOut: [] })
})

it('makes one that the API server takes of one that is too long, and says what is left out', () => {
  const { status, leftOut } = fittingHostStatus(host(4_097, 1_027, 258, 'x'.repeat(9_000)))
  expect(hostStatus.safeParse(status).error).toBeUndefined()
  expect(leftOut).toEqual(['1 of 4097 guests', '3 of 1027 networks', '2 of 258 pools'])
})
