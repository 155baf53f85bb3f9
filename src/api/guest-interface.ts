/** GuestInterface: one NIC of a guest. */
import { z } from 'zod'
import { readinessFields } from './conditions.ts'
import { atomicList, atomicMap, exactlyOne, immutable, rules } from './extensions.ts'
import { objectName, timestamp, uuid } from './names.ts'
import type { Resource } from './resource.ts'
import { interfaceSettings, linkName, macAddress, pciAddress, source } from './settings.ts'

export const guestRef = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(255)
      .regex(/^[^/\n]+$/, 'must be a name without "/" and line breaks')
      .optional()
      .describe("The guest's libvirt name, 1 to 255 characters"),
    uuid: uuid.optional().describe("The guest's libvirt UUID"),
  })
  .describe('The guest, by name or by UUID: exactly one of the two; cannot be changed')
  .meta({
    ...atomicMap,
    ...rules(exactlyOne('name', 'uuid'), {
      rule: 'self == oldSelf',
      message: 'cannot be changed later; delete the object and make a new one',
    }),
  })

export const deletionPolicy = z.enum(['Detach', 'Retain'])
export const updatePolicy = z.enum(['Live', 'Replug', 'NextBoot'])

export const guestInterfaceSpec = z
  .strictObject({
    guest: guestRef,
    hostName: objectName.optional().describe('Pin: the only host on which this interface is kept'),
    source,
    ...interfaceSettings,
    adopt: z
      .boolean()
      .optional()
      .describe(
        'Take over the interface of the guest with this mac that somebody else made; address tells two with one mac apart',
      ),
    updatePolicy: updatePolicy
      .default('Live')
      .describe('Live: in place or refused; Replug: unplug and plug; NextBoot: saved definition only'),
    deletionPolicy: deletionPolicy
      .default('Detach')
      .describe(
        'What happens on the host when this object goes: Detach: the interface is unplugged and removed; Retain: nothing',
      ),
  })
  .meta(
    rules(immutable('mac'), {
      rule: '!has(self.adopt) || !self.adopt || has(self.mac)',
      message: 'is needed beside adopt: it is what the interface is known by',
      fieldPath: '.mac',
    }),
  )

/** One list of verdicts everywhere: plans, command line, status. */
export const verdict = z.enum([
  'None',
  'InPlace',
  'Reattach',
  'Attach',
  'Detach',
  'Replug',
  'NextBoot',
  'RestartRequired',
  'Refused',
])

export const difference = z.strictObject({
  field: z.string().max(1024).describe('Path of the setting, such as virtualPort.profileID or source'),
  observed: z.string().max(8192).describe('Value on the host; empty when absent'),
  effective: z.string().max(8192).describe('Value that the manifests come to; empty when absent'),
  verdict: verdict.describe('What becomes of this difference'),
  reason: z.string().max(8192).describe('Why this verdict, and what can be done'),
})

export const portKind = z.enum([
  'network',
  'bridge',
  'direct',
  'hostdev',
  'vhostuser',
  'vdpa',
  'user',
  'ethernet',
])

/** The port as status shows it. Flat, since kube-apiserver takes no typed unions. */
export const portStatus = z
  .strictObject({
    kind: portKind.describe('What the interface is plugged into'),
    name: z.string().max(4096).describe('The port for people, such as ovsbr0 or eth3 (passthrough)'),
    hostName: z.string().max(253).describe('Host on which the port is'),
    network: z
      .string()
      .max(253)
      .optional()
      .describe('Network the port belongs to; absent where the interface names its source itself'),
    bridge: linkName.optional().describe('Bridge, where it is known'),
    dev: z.string().max(4096).optional().describe('Host link, or vDPA device'),
    mode: z.string().max(16).optional().describe('macvtap or vhost-user mode'),
    path: z.string().max(4096).optional().describe('vhost-user socket'),
    address: pciAddress.optional().describe('PCI function'),
    managed: z.boolean().optional().describe('libvirt takes the function from the host driver itself'),
  })
  .meta(atomicMap)

export const layer = z.enum(['interface', 'portGroup', 'network', 'generated'])

export const guestState = z.enum(['Running', 'Off', 'NotFound', 'Unknown'])

export const guestInterfaceStatus = z.strictObject({
  hostName: z
    .string()
    .max(253)
    .optional()
    .describe('Host whose agent keeps this interface; written by the controller only'),
  nextHostName: z.string().max(253).optional().describe('Host it moves to once the old one has let go'),
  guestUUID: uuid.optional().describe('UUID of the guest that may be touched'),
  guestState: guestState.optional().describe('What the guest was last seen doing'),
  mac: macAddress.optional().describe('MAC address in force'),
  port: portStatus.optional().describe('Where the interface is plugged in; held until it is free again'),
  effective: z
    .strictObject(interfaceSettings)
    .optional()
    .describe('Settings that the manifests come to')
    .meta(atomicMap),
  sources: z
    .record(z.string(), layer)
    .optional()
    .describe('Which layer supplied each setting, by its path such as virtualPort.managerID')
    .meta({ maxProperties: 256, ...atomicMap }),
  plan: z
    .strictObject({
      verdict: verdict.describe('What becomes of the interface as a whole'),
      steps: z.array(z.string().max(8192)).max(64).describe('What is done, in this order').meta(atomicList),
      differences: z.array(difference).max(64).describe('All that differs').meta(atomicList),
    })
    .optional()
    .describe('What stands between the host and the manifests')
    .meta(atomicMap),
  waitingSince: timestamp('Since when it waits for a port of the pool').optional(),
  ...readinessFields,
})

export type GuestRef = z.infer<typeof guestRef>
export type GuestInterfaceSpec = z.infer<typeof guestInterfaceSpec>
export type GuestInterfaceStatus = z.infer<typeof guestInterfaceStatus>
export type GuestInterface = Resource<'GuestInterface', GuestInterfaceSpec, GuestInterfaceStatus>
export type Verdict = z.infer<typeof verdict>
export type Difference = z.infer<typeof difference>
export type PortStatus = z.infer<typeof portStatus>
export type Layer = z.infer<typeof layer>
export type GuestState = z.infer<typeof guestState>
