/** What the DNS server of a network that libvirt makes answers: libvirt's dns element. */
import { z } from 'zod'
import { atomicList, mapList, rules } from './extensions.ts'
import { dnsName, ipAddress, plainText } from './names.ts'

const forwarder = z
  .strictObject({
    addr: ipAddress.optional().describe('Server to ask; absent = never ask for this domain'),
    domain: dnsName.optional().describe('Ask it for this domain only'),
  })
  .meta(rules({ rule: 'has(self.addr) || has(self.domain)', message: 'must have addr, domain or both' }))

const uint16 = (what: string, min = 0) =>
  z.int().min(min).max(65535).optional().describe(`${what}, ${min} to 65535`)

const srv = z
  .strictObject({
    service: z
      .string()
      .min(1)
      .max(63)
      .regex(/^[^\s.,]+$/, 'must have no white space, "." and ","')
      .describe('Name of the service, without underscore'),
    protocol: z
      .string()
      .min(1)
      .max(63)
      .regex(/^[^\s.,]+$/, 'must have no white space, "." and ","')
      .describe('Protocol, such as tcp or udp, without underscore'),
    domain: dnsName.optional().describe("Domain of the service; absent = the network's"),
    target: dnsName.optional().describe('Host that offers it; absent = the service is not offered'),
    port: uint16('Port', 1),
    priority: uint16('Priority, lower first'),
    weight: uint16('Share among those of one priority'),
  })
  .meta(
    rules({
      rule: 'has(self.target) || (!has(self.port) && !has(self.priority) && !has(self.weight))',
      message: 'is needed beside port, priority and weight',
      fieldPath: '.target',
    }),
  )

export const dns = z
  .strictObject({
    enable: z.boolean().optional().describe('false: no DNS server; absent = true'),
    forwardPlainNames: z
      .boolean()
      .optional()
      .describe('Ask forwarders for names without a dot too; absent = true'),
    forwarders: z
      .array(forwarder)
      .max(64)
      .optional()
      .describe("Servers to ask; absent = the host's; at most 64")
      .meta(atomicList),
    txts: z
      .array(
        z.strictObject({
          name: z
            .string()
            .min(1)
            .max(253)
            .regex(/^[^\s,]+$/, 'must have no white space and ","')
            .describe('Name of the record; the key of the list'),
          value: plainText(1024).describe('Text, at most 1024 characters'),
        }),
      )
      .max(256)
      .optional()
      .describe('TXT records; at most 256')
      .meta(mapList('name')),
    hosts: z
      .array(
        z.strictObject({
          ip: ipAddress.describe('Address; the key of the list'),
          hostnames: z
            .array(dnsName)
            .min(1)
            .max(64)
            .describe('Its names, the first one for reverse look-ups; 1 to 64')
            .meta(atomicList),
        }),
      )
      .max(1024)
      .optional()
      .describe('A and AAAA records; at most 1024')
      .meta(mapList('ip')),
    srvs: z.array(srv).max(256).optional().describe('SRV records; at most 256').meta(atomicList),
  })
  .describe('The DNS server of the network')
  .meta(
    rules({
      rule: '!has(self.enable) || self.enable || ((!has(self.forwarders) || size(self.forwarders) == 0) && (!has(self.txts) || size(self.txts) == 0) && (!has(self.hosts) || size(self.hosts) == 0) && (!has(self.srvs) || size(self.srvs) == 0))',
      message: 'must have no forwarders, txts, hosts and srvs with enable: false',
    }),
  )

export type Dns = z.infer<typeof dns>
