/** Network: what interfaces are plugged into, as it applies to the hosts it selects. */
import { z } from 'zod'
import { condition } from './conditions.ts'
import type { Resource } from './resource.ts'
import { bandwidth, linkName, pciAddress, virtualPort, vlan } from './settings.ts'

export const forwardMode = z.enum([
  'nat',
  'route',
  'open',
  'bridge',
  'private',
  'vepa',
  'passthrough',
  'hostdev',
])

export const forward = z
  .strictObject({
    mode: forwardMode,
    dev: linkName.optional().describe('Host link; counts as a device of the pool too'),
    interfaces: z
      .array(z.strictObject({ dev: linkName }))
      .max(256)
      .optional()
      .describe('Devices of the pool, in order of preference'),
    pf: z
      .strictObject({ dev: linkName })
      .optional()
      .describe('All virtual functions of this physical function, by index'),
    addresses: z
      .array(pciAddress)
      .max(256)
      .optional()
      .describe('PCI functions of the pool, in order of preference'),
    managed: z.boolean().optional(),
    driver: z.enum(['vfio']).optional(),
  })
  .describe('How the network reaches further; absent = isolated')

export const labelSelector = z
  .strictObject({
    matchLabels: z.record(z.string(), z.string()).optional(),
    matchExpressions: z
      .array(
        z.strictObject({
          key: z.string(),
          operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
          values: z.array(z.string()).max(64).optional(),
        }),
      )
      .max(64)
      .optional(),
  })
  .describe("A label selector over the host's labels; absent = all hosts")

export const networkSpec = z.strictObject({
  networkName: z.string().min(1).max(253).optional(),
  hostSelector: labelSelector.optional(),
  forward: forward.optional(),
  bridge: z.strictObject({ name: linkName.optional() }).optional(),
  mtu: z.int().optional(),
  bandwidth: bandwidth.optional(),
  vlan: vlan.optional(),
  virtualPort: virtualPort.optional(),
  trustGuestRxFilters: z.boolean().optional(),
  portIsolation: z.boolean().optional(),
  allowedNamespaces: z.array(z.string()).max(256).optional(),
})
export const networkStatus = z.strictObject({
  observedGeneration: z.int().optional(),
  conditions: z.array(condition).max(16).optional(),
})
export type LabelSelector = z.infer<typeof labelSelector>
export type NetworkSpec = z.infer<typeof networkSpec>
export type NetworkStatus = z.infer<typeof networkStatus>
export type Network = Resource<'Network', NetworkSpec, NetworkStatus>
