/** Whether libvirt has bound the filter to the link that the settings name. */
import type { InterfaceSettings } from '../../api/settings.ts'
import type { LibvirtClient } from '../../libvirt/client.ts'
import { readFilterBinding } from '../../libvirt/xml/filter-binding.ts'

/** What is wrong, in sentences. libvirt adds parameters of its own (MAC, and IP once it has learnt it). */
export async function verifyFilter(
  device: string,
  wanted: NonNullable<InterfaceSettings['filter']>,
  libvirt: LibvirtClient,
  signal: AbortSignal,
): Promise<string[]> {
  const xml = await libvirt.filterBindingXML(device, { signal })
  const bound = xml === undefined ? undefined : readFilterBinding(xml)
  if (bound?.name !== wanted.name) {
    return [`libvirt has ${bound ? `filter ${bound.name}` : 'no filter'} on ${device}, not ${wanted.name}`]
  }
  return Object.entries(wanted.parameters ?? {})
    .filter(([name, value]) => bound.parameters?.[name] !== value)
    .map(
      ([name, value]) =>
        `Filter ${wanted.name} on ${device} has ${name}=${bound.parameters?.[name] ?? ''}, not ${value}`,
    )
}
