/** libvirt's `<filterbinding>`: which nwfilter is in force on a link. */
import type { InterfaceSettings } from '../../api/settings.ts'
import { childOf, isElement, parseXml } from './document.ts'

/** With the parameters that libvirt adds itself, such as MAC; undefined for a binding without a filter. Throws XmlError when the text is no XML. */
export function readFilterBinding(xml: string): InterfaceSettings['filter'] | undefined {
  const filter = childOf(parseXml(xml), 'filterref')
  const name = filter?.attributes.filter
  if (!filter || name === undefined) return undefined
  const parameters = filter.children
    .filter((node) => isElement(node))
    .flatMap(({ attributes }) =>
      attributes.name === undefined ? [] : [[attributes.name, attributes.value ?? '']],
    )
  return { name, parameters: Object.fromEntries(parameters) }
}
