/** Whether libvirt itself knows that a device of a network's pool is in use. */
import { pciAddress } from '../codec.ts'
import { childOf, isElement, parseXml } from '../document.ts'

/** `device`: link or PCI address. `xml`: the live definition; a network that is off counts nothing. */
export function isCounted(xml: string, device: string): boolean {
  const forward = childOf(parseXml(xml), 'forward')
  const found = forward?.children
    .filter(isElement)
    .find((each) => each.attributes.dev === device || pciAddress.read(each) === device)
  return Number(found?.attributes.connections ?? 0) > 0
}
