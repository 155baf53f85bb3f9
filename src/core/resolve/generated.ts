/**
 * The values that we make up where a manifest gives none. Each is a UUIDv5 of the guest and of the
 * GuestInterface's namespace/name, so a cluster rebuilt from git comes to the same values.
 *
 * Nothing here may ever change: a guest would wake up with another MAC, its switch with another port.
 */
import { parse, v5 } from 'uuid'

/** Names the space of our UUIDs; chosen once, at random. */
const namespaceOfOurs = parse('6d0f2c1e-8a43-4b57-9b1d-3f5e7a20c964')

/** What the values of one interface are made from. No part can contain a slash. */
export interface GeneratedFrom {
  /** The guest's UUID; its name where nobody knows the UUID yet, which then gives other values. */
  guest: string
  namespace: string
  name: string
}

/** UUID of the 802.1Qbg VSI instance. */
export function generateInstanceID(from: GeneratedFrom): string {
  return generate('instanceID', from)
}

/** UUID of the Open vSwitch port. */
export function generateInterfaceID(from: GeneratedFrom): string {
  return generate('interfaceID', from)
}

/** A MAC address in 52:54:00, which QEMU and libvirt use; 24 bits, so two guests can meet in one. */
export function generateMac(from: GeneratedFrom): string {
  const bytes = generate('mac', from).slice(0, 6)
  return `52:54:00:${bytes.slice(0, 2)}:${bytes.slice(2, 4)}:${bytes.slice(4, 6)}`
}

/** The purpose is part of the name, so that the values of one interface don't tell one another. */
function generate(purpose: 'mac' | 'instanceID' | 'interfaceID', { guest, namespace, name }: GeneratedFrom) {
  return v5(`${purpose}/${guest.toLowerCase()}/${namespace}/${name}`, namespaceOfOurs)
}
