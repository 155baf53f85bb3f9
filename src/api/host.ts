/** Host: one per node, status only: what the agent found there. */
import { z } from 'zod'
import { condition } from './conditions.ts'
import type { Resource } from './resource.ts'

export const hostSpec = z.strictObject({})
export const hostPool = z.strictObject({
  network: z.string().describe('networkName'),
  mode: z.string().describe('Forward mode'),
  capacity: z.int().describe('Devices in the pool'),
  inUse: z.int().describe('Devices with at least one user'),
  devices: z
    .array(
      z.strictObject({
        name: z.string().describe('Link or PCI address'),
        users: z.int().describe('Interfaces on it'),
        unavailable: z.string().optional().describe('Why it is not handed out'),
      }),
    )
    .max(256),
})
export const hostStatus = z.strictObject({
  libvirtVersion: z.string().optional(),
  qemuVersion: z.string().optional(),
  capabilities: z
    .array(z.string())
    .max(64)
    .optional()
    .describe('What this libvirt can do with a running interface'),
  guests: z
    .array(z.strictObject({ name: z.string(), uuid: z.guid(), running: z.boolean() }))
    .max(4096)
    .optional(),
  links: z
    .array(z.strictObject({ name: z.string(), unavailable: z.string().optional() }))
    .max(1024)
    .optional()
    .describe('Links that can serve in a pool'),
  networks: z
    .array(
      z.strictObject({
        name: z.string(),
        objectName: z.string(),
        observedGeneration: z.int(),
        inSync: z.boolean(),
        restartRequired: z.boolean(),
        message: z.string().optional(),
      }),
    )
    .max(1024)
    .optional(),
  pools: z.array(hostPool).max(256).optional(),
  observedGeneration: z.int().optional(),
  conditions: z.array(condition).max(16).optional(),
})
export type HostSpec = z.infer<typeof hostSpec>
export type HostPool = z.infer<typeof hostPool>
export type HostStatus = z.infer<typeof hostStatus>
export type Host = Resource<'Host', HostSpec, HostStatus>
