/** PortGroup: a named set of settings of a network. */
import { z } from 'zod'
import { readinessFields } from './conditions.ts'
import { labelSelector } from './host-selector.ts'
import { libvirtName, portGroupName } from './names.ts'
import type { Resource } from './resource.ts'
import { bandwidth, noFloor, virtualPort, vlan } from './settings.ts'

export const portGroupSpec = z.strictObject({
  networkName: libvirtName.describe('networkName of the Network it belongs to'),
  groupName: portGroupName
    .optional()
    .describe(
      "Name that interfaces ask for; absent = the object's name; several objects may share one for different hosts",
    ),
  hostSelector: labelSelector.optional(),
  default: z.boolean().optional().describe('For interfaces of the network that name no port group'),
  virtualPort: virtualPort.optional(),
  bandwidth: bandwidth.meta(noFloor).optional().describe('Rates of each interface that has none of its own'),
  vlan: vlan.optional().describe('VLAN tags of each interface that has none of its own'),
  trustGuestRxFilters: z
    .boolean()
    .optional()
    .describe("Follow the guests' changes of MAC and receive filters; for interfaces that don't say"),
  portIsolation: z
    .boolean()
    .optional()
    .describe('No traffic between isolated ports of one Linux bridge; for interfaces that do not say'),
})

export const portGroupStatus = z.strictObject({
  ...readinessFields,
})

export type PortGroupSpec = z.infer<typeof portGroupSpec>
export type PortGroupStatus = z.infer<typeof portGroupStatus>
export type PortGroup = Resource<'PortGroup', PortGroupSpec, PortGroupStatus>
