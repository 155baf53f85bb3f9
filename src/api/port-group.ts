/** PortGroup: a named set of settings of a network. */
import { z } from 'zod'
import { condition } from './conditions.ts'
import { labelSelector } from './network.ts'
import type { Resource } from './resource.ts'
import { bandwidth, virtualPort, vlan } from './settings.ts'

export const portGroupSpec = z.strictObject({
  networkName: z.string().min(1).max(253),
  groupName: z.string().min(1).max(253).optional(),
  hostSelector: labelSelector.optional(),
  default: z.boolean().optional(),
  virtualPort: virtualPort.optional(),
  bandwidth: bandwidth.optional(),
  vlan: vlan.optional(),
  trustGuestRxFilters: z.boolean().optional(),
  portIsolation: z.boolean().optional(),
})
export const portGroupStatus = z.strictObject({
  observedGeneration: z.int().optional(),
  conditions: z.array(condition).max(16).optional(),
})
export type PortGroupSpec = z.infer<typeof portGroupSpec>
export type PortGroupStatus = z.infer<typeof portGroupStatus>
export type PortGroup = Resource<'PortGroup', PortGroupSpec, PortGroupStatus>
