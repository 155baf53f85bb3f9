/** The names and addresses that manifests are made of, and what is said when one is malformed. */
import { isIP, isIPv4 } from 'node:net'
import { z } from 'zod'

/** A string of this pattern; `expected` completes "must be". Patterns mean the same in JavaScript and in Go's RE2. */
const pattern = (re: RegExp, max: number, expected: string) =>
  z
    .string()
    .max(max, { error: `must have at most ${max} characters: ${expected}`, abort: true })
    .regex(re, `must be ${expected}`)
    .describe(expected[0]!.toUpperCase() + expected.slice(1))

/** RFC 1123 label: what a namespace is called. */
export const labelName = pattern(
  /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
  63,
  'a lower case RFC 1123 label: letters, digits and "-", beginning and ending with a letter or digit',
)

/** RFC 1123 subdomain: what an object or a node is called. */
export const objectName = pattern(
  /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
  253,
  'a lower case RFC 1123 subdomain: letters, digits, "-" and ".", beginning and ending with a letter or digit',
)

/** Key of a Kubernetes label or annotation. */
export const labelKey = pattern(
  /^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/,
  317,
  'a Kubernetes label key: an optional DNS prefix and "/", then at most 63 letters, digits, "-", "_" or "."',
)

export const labelValue = pattern(
  /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/,
  63,
  'a Kubernetes label value: at most 63 letters, digits, "-", "_" or "."',
)

/** What libvirt takes as the name of a network, a port group, a filter or a guest: no slash, no line break. */
export const libvirtName = pattern(
  /^[^/\n]+$/,
  253,
  'a name of 1 to 253 characters without "/" and line breaks',
)

/** What libvirt takes as the name of a port group, less what it shows without escaping it (9.0), and so would break out of its place. */
export const portGroupName = pattern(
  /^[^/<>&'"\p{Cc}]+$/u,
  253,
  'a name of 1 to 253 characters, none of / < > & \' " and no control characters',
)

/** Text in libvirt's XML: it shows line breaks and tabs as they are, and whoever reads that has spaces in their place. */
export const plainText = (max: number) =>
  z
    .string()
    .max(max)
    .regex(/^[^\p{Cc}]*$/u, 'must be one line without tabs and other control characters')

/** Any UUID, with dashes; ids of switches need not be of an RFC version. */
export const uuid = z
  .guid('must be a UUID such as 09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f')
  .describe('UUID, such as 09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f')

/** A PCI address as libvirt and the kernel print it, always with its domain: 0000:03:10.1 */
export const pciAddress = pattern(
  /^[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/,
  12,
  'a PCI address with domain, in lower case hex, such as 0000:03:10.1',
)

const anyMac = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i

/** A unicast MAC address in lower case, colon separated. */
export const macAddress = z
  .string()
  .max(17, { error: 'must be a MAC address in lower case, such as 52:54:00:12:34:56', abort: true })
  .regex(/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/, {
    error: ({ input }) => {
      const text = String(input)
      if (!anyMac.test(text)) return 'must be a MAC address in lower case, such as 52:54:00:12:34:56'
      if (text !== text.toLowerCase()) return `must be in lower case: ${text.toLowerCase()}`
      return 'must be a unicast MAC address; this is a multicast one (the second digit is odd)'
    },
  })
  .describe('Unicast MAC address in lower case, such as 52:54:00:12:34:56')

/** The name of a host link: at most 15 bytes, no slash, colon or white space (the kernel's IFNAMSIZ). */
export const linkName = pattern(
  /^[^\s/:]{1,15}$/,
  15,
  'the name of a host link: 1 to 15 characters without white space, "/" and ":"',
)

/** A path on the host from its root. */
export const hostPath = (what: string, max = 4096) =>
  z
    .string()
    .max(max, `must have at most ${max} characters`)
    .regex(/^\/[^\n]*$/, 'must be an absolute path')
    .describe(what)

/** The pattern lets kube-apiserver turn away most of what is wrong; here the address is really parsed. */
const addressPattern = /^[0-9]{1,3}(\.[0-9]{1,3}){3}$|^[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*$/

/** IPv4 or IPv6 address without prefix and zone. */
export const ipAddress = z
  .string()
  .max(45, { error: 'must be an IPv4 or IPv6 address', abort: true })
  .regex(addressPattern, { error: 'must be an IPv4 or IPv6 address', abort: true })
  .refine((text) => isIP(text) !== 0, 'must be an IPv4 or IPv6 address')
  .describe('IPv4 or IPv6 address')

export const ipv4Address = z
  .string()
  .max(15, { error: 'must be an IPv4 address', abort: true })
  .regex(/^[0-9]{1,3}(\.[0-9]{1,3}){3}$/, { error: 'must be an IPv4 address', abort: true })
  .refine((text) => isIPv4(text), 'must be an IPv4 address')
  .describe('IPv4 address')

/** A domain or host name as dnsmasq takes it. */
export const dnsName = pattern(/^[A-Za-z0-9_.-]+$/, 253, 'a DNS name: letters, digits, "-", "_" and "."')

/** RFC 3339. */
export const timestamp = (what: string) => z.string().max(64).describe(`${what}, RFC 3339`)
