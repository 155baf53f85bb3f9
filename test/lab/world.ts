/** What libvirt and the kernel of a lab host show, asked of virsh and ip: never of the code under test. */
import type { LabHost } from './host.ts'

export interface Macvtap {
  name: string
  /** Interface index: another number is another link, whatever its name. */
  index: number
  lower: string
  /** In libvirt's words. */
  mode: string
}

/** Every macvtap of the host, in the order of their names. */
export async function macvtaps(host: LabHost): Promise<Macvtap[]> {
  const links = JSON.parse(await host.run('ip -json -details link show type macvtap')) as {
    ifname?: string
    ifindex: number
    link: string
    linkinfo: { info_data: { mode: string } }
  }[]
  return links
    .filter(({ ifname }) => ifname !== undefined)
    .map(({ ifname, ifindex, link, linkinfo }) => {
      const { mode } = linkinfo.info_data
      return { name: ifname!, index: ifindex, lower: link, mode: mode === 'passthru' ? 'passthrough' : mode }
    })
    .sort((a, b) => a.name.localeCompare(b.name))
}

/** The `<interface>` elements of a guest's definition, as libvirt prints them; none when the guest is not there. */
export async function interfaces(
  host: LabHost,
  guest: string,
  definition: 'live' | 'saved',
): Promise<string[]> {
  const xml = await host.virsh('dumpxml', guest, ...(definition === 'saved' ? ['--inactive'] : []))
  return xml.match(/<interface .*?<\/interface>/gs) ?? []
}

/** Every `<interface>` of a guest but the one with this MAC address, live and saved: no change of that one touches them. */
export async function otherInterfaces(host: LabHost, guest: string, mac: string): Promise<string[]> {
  const all = [...(await interfaces(host, guest, 'live')), ...(await interfaces(host, guest, 'saved'))]
  return all.filter((xml) => !xml.includes(mac))
}

/** The link on the host behind a running guest's interface with this MAC address. */
export async function deviceOf(host: LabHost, guest: string, mac: string): Promise<string> {
  const xml = (await interfaces(host, guest, 'live')).find((each) => each.includes(mac)) ?? ''
  return /<target dev='([^']+)'\/>/.exec(xml)?.[1] ?? ''
}

/** Both definitions of these guests, whole, and every macvtap: what must be equal before and after when nothing is to be touched. */
export async function snapshot(host: LabHost, ...guests: string[]): Promise<unknown> {
  const definitions = guests.flatMap((guest) => [
    host.virsh('dumpxml', guest),
    host.virsh('dumpxml', guest, '--inactive'),
  ])
  return { definitions: await Promise.all(definitions), macvtaps: await macvtaps(host) }
}

/** Names of all links of the host, in order. */
export async function linkNames(host: LabHost): Promise<string[]> {
  return (await host.run('ls /sys/class/net')).split('\n').sort()
}

/** The version of the libvirtd that runs, as libvirt counts: 1,000,000 × major + 1,000 × minor + release. */
export async function libvirtVersion(host: LabHost): Promise<number> {
  const said = await host.virsh('version', '--daemon')
  const [, major, minor, release] = /daemon: (\d+)\.(\d+)\.(\d+)/.exec(said)!
  return Number(major) * 1_000_000 + Number(minor) * 1_000 + Number(release)
}
