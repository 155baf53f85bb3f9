/** What stands in a network's definition in a namespace: our mark, and dnsmasq's options. */
import { attribute, type Codec, child, text } from '../codec.ts'
import { childOf, element, isElement, type XmlElement } from '../document.ts'
import { content, entries, localName, namespaceOf } from './codec.ts'

/** Of our element in `<metadata>`. Networks that are defined carry it: it stays for good. */
export const markNamespace = 'https://patchbay.dev/libvirt/network/v1'
/** libvirt's. */
const dnsmasqNamespace = 'http://libvirt.org/schemas/network/dnsmasq/1.0'

const childrenOf = (of: XmlElement) => of.children.filter(isElement)

/**
 * `<patchbay:network owner='OWNER' name='NAME'/>`: the Network object that the libvirt network NAME is kept for. In a network of another
 * name it is no mark: people make a network out of another one's XML, and that is theirs.
 */
const mark = (root: XmlElement): Codec<string> => {
  const ofMark = (metadata: XmlElement) =>
    childrenOf(metadata).filter(
      (node) => localName(node) === 'network' && namespaceOf(node, metadata, root) === markNamespace,
    )
  const named = childOf(root, 'name')
  const name = (named && content.read(named)) ?? ''
  const isValid = (node: XmlElement) => node.attributes.name === name
  return {
    read: (metadata) => ofMark(metadata).find(isValid)?.attributes.owner,
    write(metadata, owner) {
      const found = ofMark(metadata)
      const kept = owner === undefined ? found.filter((node) => !isValid(node)) : found.slice(0, 1)
      const gone = new Set<unknown>(found.filter((node) => !kept.includes(node)))
      metadata.children = metadata.children.filter((node) => !gone.has(node))
      if (owner === undefined) return
      if (kept[0] !== undefined) Object.assign(kept[0].attributes, { owner, name })
      else
        metadata.children.push(element('patchbay:network', { 'xmlns:patchbay': markNamespace, owner, name }))
    },
  }
}

export const owner: Codec<string> = {
  read: (root) => child('metadata', mark(root)).read(root),
  write: (root, name) => child('metadata', mark(root)).write(root, name),
}

/** `<dnsmasq:options>`, whatever its prefix. */
export const dnsmasqOptions: Codec<string[]> = {
  read(root) {
    const found = elementOf(root)
    return found && options(root).read(found)
  },
  write(root, values) {
    const found = elementOf(root)
    const target = found ?? element('dnsmasq:options', { 'xmlns:dnsmasq': dnsmasqNamespace })
    options(root).write(target, values)
    if (found === undefined && target.children.length > 0) root.children.push(target)
    if (found !== undefined && isBare(found)) root.children = root.children.filter((node) => node !== found)
  },
}

/** Nothing stands in it but where its prefix comes from. */
const isBare = ({ attributes, children }: XmlElement) =>
  children.length === 0 && Object.keys(attributes).every((name) => name.startsWith('xmlns:'))

function elementOf(root: XmlElement): XmlElement | undefined {
  return childrenOf(root).find(
    (node) => localName(node) === 'options' && namespaceOf(node, root) === dnsmasqNamespace,
  )
}

const options = (root: XmlElement): Codec<string[]> =>
  entries(
    {
      of: (parent) =>
        childrenOf(parent).filter(
          (node) => localName(node) === 'option' && namespaceOf(node, parent, root) === dnsmasqNamespace,
        ),
      make: ({ name }) => element(name.replace(/options$/, 'option')),
    },
    attribute('value', text),
  )
