/**
 * The shapes that networks, port groups and guest interfaces share. Field names follow libvirt's network and
 * domain XML in camelCase, so its documentation carries over. Units are libvirt's: rates in KiB/s, bursts in KiB, MTU in bytes.
 */
import { z } from 'zod'
import { atomicMap, exactlyOne, mapList, rules } from './extensions.ts'
import { hostPath, libvirtName, linkName, macAddress, pciAddress, uuid } from './names.ts'

export { linkName, macAddress, pciAddress } from './names.ts'

export const virtualPortType = z.enum(['802.1Qbg', '802.1Qbh', 'openvswitch', 'midonet'])

export const virtualPort = z
  .strictObject({
    type: virtualPortType.optional().describe('Kind of switch the port belongs to'),
    managerID: z.int().min(0).max(255).optional().describe('802.1Qbg: VSI manager, 0 to 255'),
    typeID: z.int().min(0).max(16777215).optional().describe('802.1Qbg: VSI type, 0 to 16777215'),
    typeIDVersion: z.int().min(0).max(255).optional().describe('802.1Qbg: version of the VSI type, 0 to 255'),
    instanceID: uuid
      .optional()
      .describe('802.1Qbg: UUID of the VSI instance; generated where needed and absent'),
    interfaceID: uuid
      .optional()
      .describe('openvswitch and midonet: UUID of the port; generated where needed and absent'),
    profileID: z
      .string()
      .min(1)
      .max(39)
      // libvirt prints it without escaping: these would break out into the guest's definition.
      .regex(/^[^<>&'"\p{Cc}]*$/u, 'must have none of < > & \' " and no control characters')
      .refine((text) => Buffer.byteLength(text) <= 39, 'must have at most 39 bytes in UTF-8')
      .optional()
      .describe('802.1Qbh and openvswitch: port profile, 1 to 39 bytes in UTF-8, none of < > & \' "'),
  })
  .describe('Parameters of the switch port, merged over interface, network and port group')

export const vlanTag = z.strictObject({
  id: z.int().min(0).max(4095).describe('VLAN id, 0 to 4095; the key of the list'),
  nativeMode: z
    .enum(['tagged', 'untagged'])
    .optional()
    .describe('Makes this the native VLAN of a trunk, and says how the guest sends it'),
})

/** libvirt's rules: it knows a trunk without a tag no more than two native VLANs. */
export const vlan = z
  .strictObject({
    trunk: z
      .boolean()
      .optional()
      .describe(
        'Trunk port for these VLANs alone; always so with more than one tag. Absent with one tag: an access port, or with nativeMode a trunk of all VLANs',
      ),
    tags: z.array(vlanTag).min(1).max(4096).describe('VLANs of the port; 1 to 4096').meta(mapList('id')),
  })
  .describe('VLAN tags of the port')
  .meta(
    rules(
      {
        rule: '!has(self.trunk) || self.trunk || size(self.tags) == 1',
        message: 'must be true or absent with more than one tag',
        fieldPath: '.trunk',
      },
      {
        rule: '!has(self.trunk) || self.trunk || !self.tags.exists(tag, has(tag.nativeMode))',
        message: 'must be true or absent beside nativeMode',
        fieldPath: '.trunk',
      },
      {
        rule: 'self.tags.filter(tag, has(tag.nativeMode)).size() <= 1',
        message: 'must have nativeMode on at most one tag',
        fieldPath: '.tags',
      },
    ),
  )

/** No zero: libvirt (9.0) leaves it out of the saved definition, and has tc police a guest that starts with it at a rate of 0. */
const rate = (what: string) => z.int().min(1).max(4294967295).describe(`${what}, 1 to 4294967295`)

const inbound = z
  .strictObject({
    average: rate('Average rate towards the guest in KiB/s; may be absent beside floor only').optional(),
    peak: rate('Peak rate in KiB/s; beside average only').optional(),
    burst: rate('Burst at peak rate in KiB; beside average only').optional(),
    floor: rate('Guaranteed rate in KiB/s; for interfaces on networks that libvirt makes').optional(),
  })
  .describe('Traffic towards the guest')
  .meta(
    rules(
      { rule: 'has(self.average) || has(self.floor)', message: 'must have average or floor' },
      {
        rule: 'has(self.average) || (!has(self.peak) && !has(self.burst))',
        message: 'is needed beside peak and burst',
        fieldPath: '.average',
      },
    ),
  )

const outbound = z
  .strictObject({
    average: rate('Average rate from the guest in KiB/s'),
    peak: rate('Peak rate in KiB/s').optional(),
    burst: rate('Burst at peak rate in KiB').optional(),
  })
  .describe('Traffic from the guest')

export const bandwidth = z
  .strictObject({ inbound: inbound.optional(), outbound: outbound.optional() })
  .describe('Rates in KiB/s and bursts in KiB')

/** libvirt knows a floor on interfaces only: for the bandwidth of a network or port group. */
export const noFloor = rules({
  rule: '!has(self.inbound) || !has(self.inbound.floor)',
  message: 'is possible on a GuestInterface only',
  fieldPath: '.inbound.floor',
})

export const link = z
  .strictObject({ state: z.enum(['up', 'down']).describe('Carrier that the guest sees') })
  .describe('Link state')

export const directMode = z.enum(['vepa', 'bridge', 'private', 'passthrough'])

export const source = z
  .strictObject({
    network: z
      .strictObject({
        name: libvirtName.describe('networkName of the Network'),
        portGroup: libvirtName
          .optional()
          .describe('groupName of the PortGroup; absent = the default one, if any'),
      })
      .optional()
      .describe('Plugged into a Network'),
    bridge: z
      .strictObject({ name: linkName.describe('Name of the bridge, 1 to 15 characters') })
      .optional()
      .describe('Plugged into an existing Linux or Open vSwitch bridge'),
    direct: z
      .strictObject({ dev: linkName.describe('Host link'), mode: directMode.describe('macvtap mode') })
      .optional()
      .describe('macvtap on a host link'),
    hostdev: z
      .strictObject({
        address: pciAddress.describe('PCI address of the function on the host, such as 0000:03:10.1'),
        managed: z.boolean().optional().describe('libvirt takes the function from the host driver itself'),
      })
      .optional()
      .describe('A PCI function given to the guest'),
    vhostuser: z
      .strictObject({
        path: hostPath('Unix socket, at most 107 characters', 107),
        mode: z.enum(['client', 'server']).describe('Which side of the socket QEMU is'),
      })
      .optional()
      .describe('A vhost-user socket'),
    vdpa: z
      .strictObject({
        dev: hostPath('Character device, such as /dev/vhost-vdpa-0'),
      })
      .optional()
      .describe('A vDPA device'),
    user: z.strictObject({}).optional().describe("QEMU's user mode network"),
    ethernet: z.strictObject({}).optional().describe('A tap that is plugged into nothing'),
  })
  .describe('What the interface is plugged into: exactly one of its fields')
  .meta({
    ...atomicMap,
    ...rules(exactlyOne('network', 'bridge', 'direct', 'hostdev', 'vhostuser', 'vdpa', 'user', 'ethernet')),
  })

export const filter = z
  .strictObject({
    name: z
      .string()
      .max(253)
      // libvirt prints it without escaping.
      .regex(
        /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/,
        'must be letters, digits, "_", "." and "-", not beginning with "." or "-"',
      )
      .describe('Name of the libvirt nwfilter'),
    parameters: z
      // libvirt drops others in silence.
      .record(
        z.string(),
        z
          .string()
          .max(1024)
          .regex(/^[A-Za-z0-9_.:]+$/, 'must be letters, digits, "_", "." and ":"'),
      )
      .refine(
        (parameters) => Object.keys(parameters).every((name) => /^[A-Za-z0-9_]{1,253}$/.test(name)),
        'must have names of letters, digits and "_" only',
      )
      .refine((parameters) => Object.keys(parameters).length <= 64, 'must have at most 64 entries')
      .optional()
      .describe('Variables of the filter: names of letters, digits and _, values also of . and :; at most 64')
      .meta({ maxProperties: 64 }),
  })
  .describe('nwfilter bound to the tap')

export const coalesce = z
  .strictObject({
    rx: z
      .strictObject({
        frames: z
          .strictObject({
            max: z.int().min(0).max(4294967295).describe('Most frames in a batch, 0 to 4294967295'),
          })
          .describe('Batches by number of frames'),
      })
      .describe('Frames towards the host'),
  })
  .describe('Interrupt coalescing of the tap')

export const rom = z
  .strictObject({
    bar: z.boolean().optional().describe('Whether the ROM is visible in the memory map of the guest'),
    file: hostPath('Boot ROM on the host, an absolute path').optional(),
    enabled: z.boolean().optional().describe('false: no ROM at all'),
  })
  .describe('Option ROM of the device')
  .meta(
    rules({
      rule: '!has(self.enabled) || self.enabled || (!has(self.bar) && !has(self.file))',
      message: 'must have no bar and no file with enabled: false',
    }),
  )

const offload = (side: string, keys: string[]) =>
  z
    .strictObject(
      Object.fromEntries(keys.map((key) => [key, z.boolean().optional().describe(`${side} offload ${key}`)])),
    )
    .optional()
    .describe(`Offloads of the ${side}`)

export const driver = z
  .strictObject({
    name: z.enum(['qemu', 'vhost']).optional().describe('Back end of a virtio interface'),
    queues: z.int().min(1).max(256).optional().describe('Number of queue pairs, 1 to 256'),
    txmode: z
      .enum(['iothread', 'timer'])
      .optional()
      .describe('How QEMU sends packets that the guest hands over'),
    ioeventfd: z.boolean().optional().describe('I/O in a thread of its own'),
    eventIDX: z.boolean().optional().describe("libvirt's event_idx: fewer interrupts"),
    rxQueueSize: z.int().min(256).max(1024).optional().describe('Power of two, 256 to 1024'),
    txQueueSize: z.int().min(256).max(1024).optional().describe('Power of two, 256 to 1024; vhostuser only'),
    iommu: z.boolean().optional().describe('The device uses the IOMMU of the guest'),
    ats: z.boolean().optional().describe('Address translation services over PCIe'),
    packed: z.boolean().optional().describe('Packed virtqueues'),
    pagePerVQ: z
      .boolean()
      .optional()
      .describe("libvirt's page_per_vq: notification of each queue on a page of its own"),
    rss: z.boolean().optional().describe('Receive side scaling'),
    rssHashReport: z.boolean().optional().describe("libvirt's rss_hash_report: report the hash of packets"),
    host: offload('host', ['csum', 'gso', 'tso4', 'tso6', 'ecn', 'ufo']),
    guest: offload('guest', ['csum', 'tso4', 'tso6', 'ecn', 'ufo']),
  })
  .describe("libvirt's driver element; camelCase of its attributes")
  .meta(
    rules(
      ...['rxQueueSize', 'txQueueSize'].map((field) => ({
        rule: `!has(self.${field}) || self.${field} == 256 || self.${field} == 512 || self.${field} == 1024`,
        message: 'must be 256, 512 or 1024',
        fieldPath: `.${field}`,
      })),
    ),
  )

/** Bytes; what the kernel takes for a tap. */
export const mtu = z.int().min(68).max(65535)

/** What an interface can be set to beside where it is plugged. */
export const interfaceSettings = {
  mac: macAddress
    .optional()
    .describe('MAC address; generated from the guest and the name of the object where absent'),
  model: z
    .string()
    .min(1)
    .max(63)
    .regex(/^[A-Za-z0-9_-]+$/, 'must be letters, digits, "-" and "_"')
    .optional()
    .describe("Device model, such as virtio or e1000e; absent = libvirt's choice"),
  driver: driver.optional(),
  link: link.optional(),
  mtu: mtu.optional().describe('MTU in bytes, 68 to 65535'),
  vlan: vlan.optional(),
  bandwidth: bandwidth.optional(),
  virtualPort: virtualPort.optional(),
  filter: filter.optional(),
  trustGuestRxFilters: z
    .boolean()
    .optional()
    .describe("Follow the guest's changes of MAC and receive filters"),
  portIsolation: z.boolean().optional().describe('No traffic between isolated ports of one Linux bridge'),
  coalesce: coalesce.optional(),
  targetDevice: linkName.optional().describe('Name of the tap on the host'),
  bootOrder: z.int().min(1).max(1024).optional().describe('Place in the boot order of the guest, 1 to 1024'),
  rom: rom.optional(),
  address: pciAddress.optional().describe('PCI address of the NIC in the guest'),
}

const settingsObject = z.strictObject(interfaceSettings)
export type InterfaceSettings = z.infer<typeof settingsObject>
export type VirtualPort = z.infer<typeof virtualPort>
export type VirtualPortType = z.infer<typeof virtualPortType>
export type Vlan = z.infer<typeof vlan>
export type Bandwidth = z.infer<typeof bandwidth>
export type Driver = z.infer<typeof driver>
export type Source = z.infer<typeof source>
export type DirectMode = z.infer<typeof directMode>
