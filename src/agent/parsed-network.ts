/**
 * libvirt's definitions of networks, each text parsed once: a pass reads them several times over, and mostly finds what the pass
 * before found. One of 2,000 DHCP hosts takes 10 ms to parse.
 */
import type { NetworkDefinition } from '../core/network/definition.ts'
import { parseNetwork } from '../libvirt/xml/network/network.ts'

/** By text; the one that was asked for last is the last. */
const parsed = new Map<string, NetworkDefinition>()
/** Characters of all texts together: about 30 networks of 2,000 DHCP hosts, live and saved. Beyond that the oldest is forgotten. */
const maxCharacters = 8 * 1024 * 1024
let characters = 0

/** The same object for the same text: nobody changes it. Throws XmlError as parseNetwork does. */
export function parsedNetwork(xml: string): NetworkDefinition {
  const known = parsed.get(xml)
  const definition = known ?? parseNetwork(xml)
  if (known) parsed.delete(xml)
  else characters += xml.length
  parsed.set(xml, definition)
  for (const oldest of parsed.keys()) {
    if (characters <= maxCharacters || parsed.size === 1) break
    parsed.delete(oldest)
    characters -= oldest.length
  }
  return definition
}
