/** How a network reaches further, and the pool of host devices behind it: libvirt's forward and bridge elements. */
import { z } from 'zod'
import { atomicList, notBoth, rules } from './extensions.ts'
import { ipv4Address, linkName, pciAddress } from './names.ts'

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

const port = (what: string) => z.int().min(1).max(65535).describe(`${what}, 1 to 65535`)

const nat = z
  .strictObject({
    addresses: z
      .array(
        z.strictObject({
          start: ipv4Address.describe('First IPv4 address of the range'),
          end: ipv4Address.describe('Last IPv4 address of the range'),
        }),
      )
      .max(1)
      .optional()
      .describe('Source addresses to translate to; libvirt takes one range')
      .meta(atomicList),
    ports: z
      .strictObject({ start: port('First port'), end: port('Last port') })
      .meta(rules({ rule: 'self.start <= self.end', message: 'must not end before it starts' }))
      .optional()
      .describe('Source ports to translate to; absent = 1024 to 65535'),
    ipv6: z.boolean().optional().describe('Translate IPv6 too'),
  })
  .describe('Address translation; with mode nat only')

const poolModes = ['bridge', 'private', 'vepa', 'passthrough', 'hostdev']
const oneOf = (field: string, values: string[]) =>
  `(${values.map((value) => `${field} == '${value}'`).join(' || ')})`

/** libvirt's own checks of a network definition, by field. */
export const forward = z
  .strictObject({
    mode: forwardMode.describe(
      'nat, route, open: libvirt makes a bridge; bridge: an existing bridge, or macvtap on a pool; private, vepa, passthrough: macvtap on a pool; hostdev: PCI functions of a pool',
    ),
    dev: linkName.optional().describe('Host link; counts as a device of the pool too'),
    interfaces: z
      .array(z.strictObject({ dev: linkName.describe('Host link') }))
      .max(256)
      .optional()
      .describe('Devices of the pool, in order of preference; at most 256')
      .meta(atomicList),
    pf: z
      .strictObject({ dev: linkName.describe('Link of the physical function') })
      .optional()
      .describe('All virtual functions of this physical function, by index'),
    addresses: z
      .array(pciAddress)
      .max(256)
      .optional()
      .describe('PCI functions of the pool, in order of preference; at most 256; with mode hostdev only')
      .meta(atomicList),
    managed: z
      .boolean()
      .optional()
      .describe('libvirt takes the function from the host driver itself; with mode hostdev only'),
    driver: z
      .enum(['vfio'])
      .optional()
      .describe('Driver that hands the function to the guest; with mode hostdev only'),
    nat: nat.optional(),
  })
  .describe('How the network reaches further; absent = isolated')
  .meta(
    rules(
      notBoth('interfaces', 'pf'),
      notBoth('interfaces', 'addresses'),
      notBoth('pf', 'addresses'),
      notBoth('dev', 'pf'),
      notBoth('dev', 'addresses'),
      {
        rule: "!has(self.nat) || self.mode == 'nat'",
        message: 'is possible with mode nat only',
        fieldPath: '.nat',
      },
      {
        rule: "self.mode != 'open' || (!has(self.dev) && !has(self.interfaces))",
        message: 'takes no dev and no interfaces with mode open',
      },
      {
        rule: "(self.mode != 'nat' && self.mode != 'route') || !has(self.interfaces) || size(self.interfaces) <= 1",
        message: 'must have at most one entry with modes nat and route',
        fieldPath: '.interfaces',
      },
      {
        rule: `!has(self.pf) || ${oneOf('self.mode', poolModes)}`,
        message: `is possible with modes ${poolModes.join(', ')} only`,
        fieldPath: '.pf',
      },
      {
        rule: "self.mode != 'hostdev' || (!has(self.dev) && !has(self.interfaces))",
        message: 'takes addresses or pf with mode hostdev, not dev or interfaces',
      },
      ...(['addresses', 'managed', 'driver'] as const).map((field) => ({
        rule: `!has(self.${field}) || self.mode == 'hostdev'`,
        message: 'is possible with mode hostdev only',
        fieldPath: `.${field}`,
      })),
    ),
  )

export const bridge = z
  .strictObject({
    name: linkName
      .optional()
      .describe(
        'With mode bridge the existing Linux or Open vSwitch bridge; else the bridge that libvirt makes, absent = its choice',
      ),
    stp: z.boolean().optional().describe('Spanning tree; absent = on; on bridges that libvirt makes only'),
    delay: z
      .int()
      .min(0)
      .max(4294967295)
      .optional()
      .describe('Forward delay in seconds, 0 to 4294967295; absent = 0; on bridges that libvirt makes only'),
    zone: z
      .string()
      .min(1)
      .max(63)
      .regex(/^[a-zA-Z0-9_-]+$/, 'must be letters, digits, "_" and "-"')
      .optional()
      .describe('firewalld zone of the bridge; on bridges that libvirt makes only'),
    macTableManager: z
      .enum(['kernel', 'libvirt'])
      .optional()
      .describe(
        'Who fills the forwarding table of the bridge; absent = kernel; on bridges that libvirt makes only',
      ),
  })
  .describe('The bridge of the network')

export type Forward = z.infer<typeof forward>
export type ForwardMode = z.infer<typeof forwardMode>
