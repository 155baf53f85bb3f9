/** Host: one per node, status only: what the agent found there. */
import { z } from 'zod'
import { readinessFields } from './conditions.ts'
import { atomicList } from './extensions.ts'
import { uuid } from './names.ts'
import type { Resource } from './resource.ts'

const count = (what: string) => z.int().min(0).max(2147483647).describe(what)

/** What there is room for in a status; characters of a text. */
export const mostInHost = { guests: 4_096, networks: 1_024, pools: 256, unavailable: 1_024, message: 8_192 }

const unavailable = z
  .string()
  .max(mostInHost.unavailable)
  .optional()
  .describe('Why it is not handed out; absent = it is')

export const hostSpec = z.strictObject({})

export const hostPool = z.strictObject({
  network: z.string().max(253).describe('networkName of the Network'),
  mode: z.string().max(16).describe('Forward mode'),
  capacity: count('Devices in the pool'),
  inUse: count('Devices with at least one user'),
  devices: z
    .array(
      z.strictObject({
        name: z.string().max(253).describe('Link or PCI address'),
        users: count('Interfaces on it'),
        unavailable,
      }),
    )
    .max(256)
    .describe('The devices in order of preference')
    .meta(atomicList),
})

export const hostStatus = z.strictObject({
  libvirtVersion: z.string().max(64).optional().describe('Version of libvirt, such as 9.0.0'),
  qemuVersion: z.string().max(64).optional().describe('Version of QEMU, such as 7.2.0'),
  capabilities: z
    .array(z.string().max(253))
    .max(64)
    .optional()
    .describe('What this libvirt can do with a running interface')
    .meta(atomicList),
  guests: z
    .array(
      z.strictObject({
        name: z.string().max(255).describe('libvirt name'),
        uuid: uuid.describe('libvirt UUID'),
        running: z.boolean().describe('It runs now'),
      }),
    )
    .max(mostInHost.guests)
    .optional()
    .describe('Guests that are defined or run here')
    .meta(atomicList),
  links: z
    .array(z.strictObject({ name: z.string().max(64).describe('Name of the link'), unavailable }))
    .max(1024)
    .optional()
    .describe('Links that can serve in a pool')
    .meta(atomicList),
  networks: z
    .array(
      z.strictObject({
        name: z.string().max(253).describe('networkName'),
        objectName: z.string().max(253).describe('Name of the Network object'),
        observedGeneration: z
          .int()
          .min(-1)
          .describe('metadata.generation of that object that this speaks of'),
        inSync: z.boolean().describe('It is here as the object says'),
        restartRequired: z.boolean().describe('It waits for a restart'),
        reason: z
          .string()
          .max(1024)
          .optional()
          .describe('One word in CamelCase for what stands in the way; absent = in sync'),
        message: z.string().max(mostInHost.message).optional().describe('For people: what stands in the way'),
      }),
    )
    .max(mostInHost.networks)
    .optional()
    .describe('Networks that apply to this host')
    .meta(atomicList),
  pools: z
    .array(hostPool)
    .max(mostInHost.pools)
    .optional()
    .describe('Pools of networks on this host')
    .meta(atomicList),
  ...readinessFields,
})

export type HostSpec = z.infer<typeof hostSpec>
export type HostPool = z.infer<typeof hostPool>
export type HostStatus = z.infer<typeof hostStatus>
export type Host = Resource<'Host', HostSpec, HostStatus>
