/** What stands in a network's definition in a namespace: our mark, and dnsmasq's options. */
import { type Codec, child } from './codec.ts'
import { element, isElement, type XmlElement } from './document.ts'
import { localName, namespaceOf } from './network-codec.ts'

/** Of our element in `<metadata>`. Networks that are defined carry it: it stays for good. */
export const markNamespace = 'https://patchbay.dev/libvirt/network/v1'
/** libvirt's. */
const dnsmasqNamespace = 'http://libvirt.org/schemas/network/dnsmasq/1.0'

const childrenOf = (of: XmlElement) => of.children.filter(isElement)

/** `<patchbay:network owner='NAME'/>`: the Network object that a libvirt network is kept for. */
const mark = (root: XmlElement): Codec<string> => {
  const find = (metadata: XmlElement) =>
    childrenOf(metadata).filter(
      (node) => localName(node) === 'network' && namespaceOf(node, metadata, root) === markNamespace,
    )
  return {
    read: (metadata) => find(metadata)[0]?.attributes.owner,
    write(metadata, owner) {
      const [found, ...more] = find(metadata)
      const gone = new Set<unknown>(owner === undefined ? [found, ...more] : more)
      metadata.children = metadata.children.filter((node) => !gone.has(node))
      if (owner === undefined) return
      if (found !== undefined) found.attributes.owner = owner
      else metadata.children.push(element('patchbay:network', { 'xmlns:patchbay': markNamespace, owner }))
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
    const values = optionsOf(root, elementOf(root)).flatMap(({ attributes: { value } }) => value ?? [])
    return values.length === 0 ? undefined : values
  },
  write(root, values = []) {
    const found = elementOf(root)
    if (found === undefined && values.length === 0) return
    const target = found ?? element('dnsmasq:options', { 'xmlns:dnsmasq': dnsmasqNamespace })
    const old = new Set<unknown>(
      optionsOf(root, found).filter((option) => Object.keys(option.attributes).join() === 'value'),
    )
    const prefix = target.name.includes(':') ? `${target.name.split(':')[0]}:` : ''
    target.children = [
      ...target.children.filter((node) => !old.has(node)),
      ...values.map((value) => element(`${prefix}option`, { value })),
    ]
    if (found === undefined) root.children.push(target)
    else if (target.children.length === 0) root.children = root.children.filter((node) => node !== target)
  },
}

function elementOf(root: XmlElement): XmlElement | undefined {
  return childrenOf(root).find(
    (node) => localName(node) === 'options' && namespaceOf(node, root) === dnsmasqNamespace,
  )
}

function optionsOf(root: XmlElement, options: XmlElement | undefined): XmlElement[] {
  return options === undefined
    ? []
    : childrenOf(options).filter(
        (node) => localName(node) === 'option' && namespaceOf(node, options, root) === dnsmasqNamespace,
      )
}
