import type { SectionEntry } from './change.ts'

export type DhcpHost = SectionEntry['ip-dhcp-host']

/** What libvirt knows a host by. */
export function marksOf({ mac, ip, name }: DhcpHost): string[] {
  const marks = [`ip ${ip}`]
  if (mac !== undefined) marks.push(`mac ${mac}`)
  if (name !== undefined) marks.push(`name ${name}`)
  return marks
}
