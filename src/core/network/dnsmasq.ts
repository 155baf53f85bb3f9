/** Whether a network has a dnsmasq, and what that must have been told: libvirt's own rules (9.0 and 11.3). */
import { isIPv6 } from 'node:net'
import { ipNumber } from '../../api/ip-number.ts'
import { isMadeByLibvirt, type NetworkDefinition } from './definition.ts'

/** libvirt starts one for a network with an address, unless nothing is left for it to do. */
export function needsDnsmasq({ settings }: NetworkDefinition): boolean {
  const { ips = [], dns } = settings
  if (!isMadeByLibvirt(settings)) return false
  const serves = ips.some(({ dhcp, tftp }) => tftp || dhcp?.ranges?.length || dhcp?.hosts?.length)
  return ips.length > 0 && (serves || dns?.enable !== false)
}

/** What of the live definition is missing from dnsmasq's files, or stands there still; in sentences. */
export function dnsmasqProblems(
  live: NetworkDefinition,
  files: { conf: string; hosts: string; addnHosts: string },
): string[] {
  const { ips = [], dns } = live.settings
  const ranges = ips.flatMap(({ dhcp }) => dhcp?.ranges ?? [])
  return [
    ...compared(
      'DHCP host',
      ips.flatMap(({ dhcp }) => dhcp?.hosts ?? []).map(({ ip }) => ip),
      linesOf(files.hosts).flatMap((line) => addressesIn(line).slice(0, 1)),
    ),
    ...compared(
      'DNS host',
      (dns?.hosts ?? []).map(({ ip }) => ip),
      linesOf(files.addnHosts).map((line) => line.split(/\s/)[0] ?? ''),
    ),
    ...ranges
      .filter(({ start, end }) => !files.conf.includes(`dhcp-range=${start},${end}`))
      .map(({ start, end }) => `dnsmasq was not told DHCP range ${start}-${end}`),
    ...ips
      .filter(({ address, dhcp }) => isIPv6(address) && dhcp?.hosts?.length && !dhcp.ranges?.length)
      .filter(() => !/^dhcp-range=[0-9a-f:]+,static/m.test(files.conf))
      .map(({ address }) => `dnsmasq was not told to serve the DHCP hosts of ${address}`),
    ...(dns?.txts ?? [])
      .filter(({ name }) => !files.conf.includes(`txt-record=${name},`))
      .map(({ name }) => `dnsmasq was not told TXT record ${name}`),
  ]
}

function compared(what: string, wanted: readonly string[], told: readonly string[]): string[] {
  const numbers = (addresses: readonly string[]) => new Map(addresses.map((each) => [ipNumber(each), each]))
  const [expected, found] = [numbers(wanted), numbers(told)]
  return [
    ...[...expected].filter(([n]) => !found.has(n)).map(([, ip]) => `dnsmasq was not told ${what} ${ip}`),
    ...[...found].filter(([n]) => !expected.has(n)).map(([, ip]) => `dnsmasq still has ${what} ${ip}`),
  ]
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '')
}

/** Of `52:54:00:00:00:01,10.0.0.5,name` and `id:00:01,[fd00::5],name`. */
function addressesIn(line: string): string[] {
  return line.match(/(?<=,|^)\d+\.\d+\.\d+\.\d+(?=,|$)|(?<=\[)[0-9a-fA-F:.]+(?=\])/g) ?? []
}
