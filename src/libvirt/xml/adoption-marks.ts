/** The element in a guest's `<metadata>` that says which of its interfaces we took over. */
import type { AdoptionMark } from '../../core/adoption/marks.ts'
import { buildXml, element, isElement, parseXml, type XmlElement, XmlError } from './document.ts'

/** Guests carry it: it stays for good. */
export const adoptionElement = { uri: 'https://patchbay.dev/libvirt/domain/v1', prefix: 'patchbay' } as const

/**
 * From a guest's definition as libvirt prints it. Beside ours anybody's elements stand there: what cannot be read holds no
 * mark of ours. Costs a search where there is none.
 */
export function marksInDomain(xml: string): AdoptionMark[] {
  if (!xml.includes(adoptionElement.uri)) return []
  const start = xml.search(/<metadata[\s>]/)
  const end = xml.lastIndexOf('</metadata>')
  if (start === -1 || end < start) return []
  const metadata = parsed(`${xml.slice(start, end)}</metadata>`)
  const own = metadata?.children.filter(isElement).find(isOurs)
  return own ? marksIn(own) : []
}

/** From what `getMetadata` gives. */
export function readMarks(xml: string): AdoptionMark[] {
  const own = parsed(xml)
  return own ? marksIn(own) : []
}

/** For `setMetadata`, which adds the namespace itself; undefined takes the element away. */
export function renderMarks(marks: readonly AdoptionMark[]): string | undefined {
  if (marks.length === 0) return undefined
  const entries = marks.map(({ namespace, name, mac, address }) =>
    element('interface', { namespace, name, mac, ...(address !== undefined && { address }) }),
  )
  return buildXml(element('adopted', {}, entries))
}

function isOurs({ name, attributes }: XmlElement): boolean {
  const [prefix, local] = name.split(':')
  return local === 'adopted' && attributes[`xmlns:${prefix}`] === adoptionElement.uri
}

function marksIn(own: XmlElement): AdoptionMark[] {
  return own.children
    .filter(isElement)
    .flatMap(({ attributes: { namespace, name, mac, address } }) =>
      namespace && name && mac ? [{ namespace, name, mac, ...(address !== undefined && { address }) }] : [],
    )
}

function parsed(xml: string): XmlElement | undefined {
  try {
    return parseXml(xml)
  } catch (error) {
    if (error instanceof XmlError) return undefined
    throw error
  }
}
