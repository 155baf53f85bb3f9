/** GuestGrant: which guests the interfaces of a namespace may touch. Written by admins. */
import { z } from 'zod'
import { atomicList, exactlyOne, rules } from './extensions.ts'
import { labelSelector } from './host-selector.ts'
import { labelName, libvirtName, uuid } from './names.ts'
import type { Resource } from './resource.ts'

const grantedGuest = z
  .strictObject({
    name: libvirtName.optional().describe("The guest's libvirt name"),
    uuid: uuid.optional().describe("The guest's libvirt UUID"),
    namePrefix: libvirtName.optional().describe('What the libvirt names of the guests begin with'),
  })
  .meta(rules(exactlyOne('name', 'uuid', 'namePrefix')))

export const guestGrantSpec = z.strictObject({
  namespace: labelName.describe('Namespace whose interfaces may touch these guests'),
  guests: z
    .array(grantedGuest)
    .min(1)
    .max(1024)
    .describe('The guests, each by name, UUID or beginning of its name; 1 to 1024')
    .meta(atomicList),
  hostSelector: labelSelector.optional(),
})

export type GuestGrantSpec = z.infer<typeof guestGrantSpec>
export type GuestGrant = Resource<'GuestGrant', GuestGrantSpec, Record<string, never>>
