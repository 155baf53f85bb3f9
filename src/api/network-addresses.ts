/** The addresses of a network that libvirt makes, what its DHCP server hands out, and its routes. */
import { z } from 'zod'
import { atomicList, mapList, notBoth, rules } from './extensions.ts'
import { dnsName, ipAddress, ipv4Address, macAddress, plainText } from './names.ts'

const family = z.enum(['ipv4', 'ipv6']).optional().describe("Address family; absent = the address's own")

const prefix = z
  .int()
  .min(0)
  .max(128)
  .optional()
  .describe('Length of the network part in bits, 0 to 32 for IPv4, 0 to 128 for IPv6')

const netmask = ipv4Address.optional().describe('Netmask, in place of prefix; IPv4 only')

/** What holds for address, prefix, netmask and family of an ip and of a route. */
const addressRules = [
  notBoth('prefix', 'netmask'),
  {
    rule: "!has(self.prefix) || self.prefix <= 32 || self.address.matches(':')",
    message: 'must be 0 to 32 for an IPv4 address',
    fieldPath: '.prefix',
  },
  {
    rule: "!has(self.netmask) || !self.address.matches(':')",
    message: 'is possible for IPv4 only: use prefix',
    fieldPath: '.netmask',
  },
  {
    rule: "!has(self.family) || (self.family == 'ipv6') == self.address.matches(':')",
    message: 'must be the family of the address',
    fieldPath: '.family',
  },
]

/** libvirt takes no shorter lease than two minutes. */
const lease = z
  .strictObject({
    expiry: z
      .int()
      .min(0)
      .max(4294967295)
      .describe('Length of the lease, in unit; 0 = for ever; else at least 2 minutes'),
    unit: z.enum(['seconds', 'minutes', 'hours']).optional().describe('Unit of expiry; absent = minutes'),
  })
  .meta(
    rules(
      {
        rule: "self.expiry == 0 || !has(self.unit) || self.unit != 'seconds' || self.expiry >= 120",
        message: 'must be 0 (for ever) or at least 120 seconds',
        fieldPath: '.expiry',
      },
      {
        rule: "self.expiry == 0 || self.expiry >= 2 || (has(self.unit) && self.unit != 'minutes')",
        message: 'must be 0 (for ever) or at least 2 minutes',
        fieldPath: '.expiry',
      },
    ),
  )
  .optional()
  .describe('How long an address is lent; absent = one hour')

const dhcpRange = z.strictObject({
  start: ipAddress.describe('First address'),
  end: ipAddress.describe('Last address, at most 65535 after the first'),
  lease,
})

const dhcpHost = z
  .strictObject({
    mac: macAddress.optional().describe('MAC address of the guest; IPv4 only'),
    id: z
      .string()
      .min(1)
      .max(767)
      .regex(/^[0-9a-fA-F:]+$/, 'must be hex digits and ":"')
      .optional()
      .describe('DHCPv6 unique identifier (DUID), hex bytes with colons; IPv6'),
    name: z
      .string()
      .min(1)
      .max(253)
      .regex(
        /^[A-Za-z0-9][A-Za-z0-9_.-]*$/,
        'must be a host name: letters, digits, "-", "_" and ".", not beginning with "_", "-" or "."',
      )
      .optional()
      .describe('Host name'),
    ip: ipAddress.describe('Address that is handed out; the key of the list'),
    lease,
  })
  .meta(
    rules(
      notBoth('mac', 'id'),
      {
        rule: "!has(self.mac) || !self.ip.matches(':')",
        message: 'must be absent from an IPv6 host, which is known by id or name',
        fieldPath: '.mac',
      },
      {
        rule: "has(self.mac) || has(self.name) || (has(self.id) && self.ip.matches(':'))",
        message: 'must have mac or name (IPv4), or id or name (IPv6)',
      },
    ),
  )

const dhcp = z
  .strictObject({
    ranges: z
      .array(dhcpRange)
      .max(256)
      .optional()
      .describe('Ranges to hand out; at most 256')
      .meta(atomicList),
    hosts: z
      .array(dhcpHost)
      .max(4096)
      .optional()
      .describe('Addresses of particular guests; at most 4096')
      .meta(mapList('ip')),
    bootp: z
      .strictObject({
        file: plainText(4096).min(1).describe('Boot image'),
        server: dnsName.optional().describe('Server of the image; absent = this host'),
      })
      .optional()
      .describe('Network boot; IPv4 only'),
  })
  .describe('DHCP; for one IPv4 and one IPv6 address of a network')

export const ip = z
  .strictObject({
    address: ipAddress.describe("The host's own address on the bridge; the key of the list"),
    prefix,
    netmask,
    family,
    localPtr: z
      .boolean()
      .optional()
      .describe(
        'Answer reverse look-ups locally; for prefixes of 8, 16 or 24 bits (IPv4), or divisible by 4 (IPv6)',
      ),
    dhcp: dhcp.optional(),
    tftp: z
      .strictObject({ root: plainText(4096).min(1).describe('Directory that is served') })
      .optional()
      .describe('TFTP server; IPv4 only'),
  })
  .describe("An address of the host on the network's bridge")
  .meta(
    rules(
      ...addressRules,
      {
        rule: "!has(self.tftp) || !self.address.matches(':')",
        message: 'is possible for IPv4 only',
        fieldPath: '.tftp',
      },
      {
        rule: "!has(self.dhcp) || !has(self.dhcp.bootp) || !self.address.matches(':')",
        message: 'is possible for IPv4 only',
        fieldPath: '.dhcp.bootp',
      },
    ),
  )

export const route = z
  .strictObject({
    address: ipAddress.describe('Network to reach: an address with all host bits 0'),
    prefix,
    netmask,
    family,
    gateway: ipAddress.describe("Next hop, in one of the network's own subnets"),
    metric: z
      .int()
      .min(1)
      .max(4294967295)
      .optional()
      .describe('Preference, 1 to 4294967295, lower is preferred; absent = 1'),
  })
  .describe('A static route over the network')
  .meta(
    rules(...addressRules, {
      rule: "self.address.matches(':') == self.gateway.matches(':')",
      message: 'must be of the family of the address',
      fieldPath: '.gateway',
    }),
  )

export type Ip = z.infer<typeof ip>
export type Route = z.infer<typeof route>
