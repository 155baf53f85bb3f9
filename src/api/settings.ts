/**
 * The shapes that networks, port groups and guest interfaces share. Field names follow libvirt's network and
 * domain XML in camelCase, so its documentation carries over. Units are libvirt's: rates in KiB/s, bursts in KiB, MTU in bytes.
 */
import { z } from 'zod'

/** A PCI address as libvirt and the kernel print it, always with its domain: 0000:03:10.1 */
export const pciAddress = z
  .string()
  .regex(/^[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/)
  .describe('PCI address with domain, lower case hex, such as 0000:03:10.1')

/** A unicast MAC address in lower case, colon separated. */
export const macAddress = z
  .string()
  .regex(/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/)
  .describe('Unicast MAC address, lower case, such as 52:54:00:12:34:56')

/** The name of a host link: at most 15 bytes, no slash or white space (the kernel's IFNAMSIZ). */
export const linkName = z
  .string()
  .regex(/^[^\s/:]{1,15}$/)
  .describe('Name of a host link, 1 to 15 characters')

export const virtualPortType = z.enum(['802.1Qbg', '802.1Qbh', 'openvswitch', 'midonet'])

export const virtualPort = z
  .strictObject({
    type: virtualPortType.optional().describe('Kind of switch the port belongs to'),
    managerID: z.int().min(0).max(255).optional().describe('802.1Qbg: VSI manager, 0 to 255'),
    typeID: z.int().min(0).max(16777215).optional().describe('802.1Qbg: VSI type, 0 to 16777215'),
    typeIDVersion: z.int().min(0).max(255).optional().describe('802.1Qbg: version of the VSI type, 0 to 255'),
    instanceID: z
      .guid()
      .optional()
      .describe('802.1Qbg: UUID of the VSI instance; generated where needed and absent'),
    interfaceID: z
      .guid()
      .optional()
      .describe('openvswitch and midonet: UUID of the port; generated where needed and absent'),
    profileID: z
      .string()
      .min(1)
      .max(39)
      // libvirt prints it without escaping: these would break out into the guest's definition.
      .regex(/^[^<>&'"\p{Cc}]*$/u)
      .optional()
      .describe('802.1Qbh and openvswitch: port profile, 1 to 39 characters, none of < > & \' "'),
  })
  .describe('Parameters of the switch port, merged over interface, network and port group')

export const vlanTag = z.strictObject({
  id: z.int().min(0).max(4095).describe('VLAN id, 0 to 4095'),
  nativeMode: z.enum(['tagged', 'untagged']).optional().describe('Makes this the native VLAN of a trunk'),
})

export const vlan = z
  .strictObject({
    trunk: z.boolean().optional().describe('Trunk port; always so with more than one tag'),
    tags: z.array(vlanTag).min(1).max(4096).describe('VLANs of the port'),
  })
  .describe('VLAN tags of the port')

const rate = (what: string) => z.int().min(1).max(4294967295).optional().describe(what)

export const bandwidth = z
  .strictObject({
    inbound: z
      .strictObject({
        average: z
          .int()
          .min(0)
          .max(4294967295)
          .optional()
          .describe('Average rate towards the guest, KiB/s; may be absent beside floor only'),
        peak: rate('Peak rate, KiB/s'),
        burst: rate('Burst at peak rate, KiB'),
        floor: rate('Guaranteed rate, KiB/s; on networks that libvirt makes only'),
      })
      .optional()
      .describe('Traffic towards the guest'),
    outbound: z
      .strictObject({
        average: z.int().min(0).max(4294967295).describe('Average rate from the guest, KiB/s'),
        peak: rate('Peak rate, KiB/s'),
        burst: rate('Burst at peak rate, KiB'),
      })
      .optional()
      .describe('Traffic from the guest'),
  })
  .describe('Rates and bursts')

export const link = z
  .strictObject({ state: z.enum(['up', 'down']).describe('Carrier that the guest sees') })
  .describe('Link state')

export const directMode = z.enum(['vepa', 'bridge', 'private', 'passthrough'])

export const source = z
  .strictObject({
    network: z
      .strictObject({
        name: z.string().min(1).max(253).describe('networkName of the Network'),
        portGroup: z
          .string()
          .min(1)
          .max(253)
          .optional()
          .describe('groupName of the PortGroup; absent = the default one, if any'),
      })
      .optional()
      .describe('Plugged into a Network'),
    bridge: z
      .strictObject({ name: linkName })
      .optional()
      .describe('Plugged into an existing Linux or Open vSwitch bridge'),
    direct: z
      .strictObject({ dev: linkName, mode: directMode.describe('macvtap mode') })
      .optional()
      .describe('macvtap on a host link'),
    hostdev: z
      .strictObject({
        address: pciAddress,
        managed: z.boolean().optional().describe('libvirt detaches the host driver itself'),
      })
      .optional()
      .describe('A PCI function given to the guest'),
    vhostuser: z
      .strictObject({
        path: z.string().min(1).max(107).describe('Unix socket'),
        mode: z.enum(['client', 'server']),
      })
      .optional()
      .describe('A vhost-user socket'),
    vdpa: z
      .strictObject({
        dev: z.string().min(1).max(4096).describe('Character device, such as /dev/vhost-vdpa-0'),
      })
      .optional()
      .describe('A vDPA device'),
    user: z.strictObject({}).optional().describe("QEMU's user mode network"),
    ethernet: z.strictObject({}).optional().describe('A tap that is plugged into nothing'),
  })
  .describe('What the interface is plugged into: exactly one of its fields')

export const filter = z
  .strictObject({
    name: z
      .string()
      .max(253)
      // libvirt prints it without escaping.
      .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/)
      .describe('Name of the libvirt nwfilter'),
    parameters: z
      // libvirt drops others in silence.
      .record(z.string(), z.string().regex(/^[A-Za-z0-9_.:]+$/))
      .optional()
      .describe('Variables of the filter: names of letters, digits and _, values also of . and :'),
  })
  .describe('nwfilter bound to the tap')

export const coalesce = z
  .strictObject({
    rx: z.strictObject({
      frames: z.strictObject({ max: z.int().min(0).max(4294967295).describe('Frames per batch') }),
    }),
  })
  .describe('Interrupt coalescing of the tap')

export const rom = z
  .strictObject({
    bar: z.boolean().optional().describe('Whether the ROM is visible in the memory map of the guest'),
    file: z.string().min(1).max(4096).optional().describe('Boot ROM on the host'),
    enabled: z.boolean().optional().describe('false: no ROM at all'),
  })
  .describe('Option ROM of the device')

const offload = (side: string) =>
  z
    .strictObject(
      Object.fromEntries(
        ['csum', 'gso', 'tso4', 'tso6', 'ecn', 'ufo'].map((key) => [
          key,
          z.boolean().optional().describe(`${side} offload ${key}`),
        ]),
      ),
    )
    .optional()
    .describe(`Offloads of the ${side}`)

export const driver = z
  .strictObject({
    name: z.enum(['qemu', 'vhost']).optional().describe('Back end of a virtio interface'),
    queues: z.int().min(1).max(256).optional().describe('Number of queue pairs'),
    txmode: z.enum(['iothread', 'timer']).optional(),
    ioeventfd: z.boolean().optional(),
    eventIDX: z.boolean().optional().describe("libvirt's event_idx"),
    rxQueueSize: z.int().min(256).max(1024).optional().describe('Power of two, 256 to 1024'),
    txQueueSize: z.int().min(256).max(1024).optional().describe('Power of two, 256 to 1024; vhostuser only'),
    iommu: z.boolean().optional(),
    ats: z.boolean().optional(),
    packed: z.boolean().optional(),
    pagePerVQ: z.boolean().optional().describe("libvirt's page_per_vq"),
    rss: z.boolean().optional(),
    rssHashReport: z.boolean().optional().describe("libvirt's rss_hash_report"),
    host: offload('host'),
    guest: offload('guest'),
  })
  .describe("libvirt's driver element; camelCase of its attributes")

/** What an interface can be set to beside where it is plugged. */
export const interfaceSettings = {
  mac: macAddress
    .optional()
    .describe('MAC address; generated from the guest and the name of the object where absent'),
  model: z
    .string()
    .min(1)
    .max(63)
    .optional()
    .describe("Device model, such as virtio or e1000e; absent = libvirt's choice"),
  driver: driver.optional(),
  link: link.optional(),
  mtu: z.int().min(68).max(65535).optional().describe('MTU in bytes, 68 to 65535'),
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
  bootOrder: z.int().min(1).max(1024).optional().describe('Place in the boot order, from 1'),
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
