/**
 * libvirt's net-update as it was seen on 9.0: the definition after one update, or why libvirt refuses it. Written from what libvirt does,
 * never from what the planner thinks, with hosts deleted by their ip as `updateOf` sends it; test/libvirt/network-plan.test.ts holds it against the real one.
 */
import { isIPv4 } from 'node:net'
import { inNetwork } from '../../../../../src/api/ip-number.ts'
import { normalForm } from '../../../../../src/core/network/canonical.ts'
import type { NetworkDefinition } from '../../../../../src/core/network/definition.ts'
import type {
  Command,
  NetworkChange,
  Section,
  SectionEntry,
} from '../../../../../src/core/network/plan/change.ts'

export type Applied = { definition: NetworkDefinition } | { refused: string }

class Refused extends Error {}

export function applyUpdate(
  before: NetworkDefinition,
  { command, section, parentIndex, entry }: NetworkChange,
): Applied {
  const definition = structuredClone(normalForm(before))
  const { settings } = definition
  const ips = settings.ips ?? []
  settings.dns ??= {}
  const { dns } = settings
  try {
    if (section === 'ip-dhcp-host' || section === 'ip-dhcp-range') {
      const ip = ips[parentIndex]
      if (!ip) throw new Refused('no ip of that index')
      const isAdd = command.startsWith('add')
      if (isAdd) {
        const twin = ips.some(
          (other) => other !== ip && other.dhcp && isIPv4(other.address) === isIPv4(ip.address),
        )
        if (twin) throw new Refused('DHCP on a second ip')
      }
      ip.dhcp ??= {}
      if (section === 'ip-dhcp-host') {
        const host = entry as SectionEntry['ip-dhcp-host']
        if (isIPv4(host.ip) !== isIPv4(ip.address)) throw new Refused('family')
        if (command !== 'delete' && isIPv4(host.ip) && !host.mac && !host.name)
          throw new Refused('mac or name')
        if (command !== 'delete' && !isIPv4(host.ip) && !host.id && !host.name)
          throw new Refused('id or name')
        ip.dhcp.hosts = hosts(ip.dhcp.hosts ?? [], command, host)
      } else {
        const range = entry as SectionEntry['ip-dhcp-range']
        for (const address of [range.start, range.end]) {
          if (!inNetwork(address, ip.address, ip.prefix!)) throw new Refused('outside of the network')
        }
        ip.dhcp.ranges = firstOf(
          ip.dhcp.ranges ?? [],
          command,
          range,
          (each) => each.start === range.start && each.end === range.end,
        )
      }
    }
    if (section === 'forward-interface') {
      const device = entry as SectionEntry['forward-interface']
      const { forward } = settings
      if (!forward) throw new Refused('not looked at: libvirt shows no interface without forward')
      forward.interfaces = firstOf(forward.interfaces ?? [], command, device, ({ dev }) => dev === device.dev)
      const most = { nat: 1, route: 1, open: 0 }[forward.mode as string] ?? Number.POSITIVE_INFINITY
      if (forward.interfaces.length > most) throw new Refused('too many interfaces')
    }
    if (section === 'portgroup') {
      const group = entry as SectionEntry['portgroup']
      const at = definition.portGroups.findLastIndex(({ name }) => name === group.name)
      const standing = definition.portGroups.findLastIndex((each) => each.default)
      if (command !== 'delete' && group.default && standing >= 0 && standing !== at)
        throw new Refused('second default')
      definition.portGroups = change(definition.portGroups, command, group, at)
    }
    if (section.startsWith('dns-')) {
      if (dns.enable === false) throw new Refused('DNS is off')
      if (command === 'modify') throw new Refused('libvirt 9.0 modifies no DNS')
    }
    if (section === 'dns-txt') {
      const txt = entry as SectionEntry['dns-txt']
      dns.txts = firstOf(dns.txts ?? [], command, txt, ({ name }) => name === txt.name)
    }
    if (section === 'dns-host') {
      const host = entry as SectionEntry['dns-host']
      dns.hosts = onlyOneOf(dns.hosts ?? [], command, host, ({ ip }) => ip === host.ip)
    }
    if (section === 'dns-srv') {
      const srv = entry as SectionEntry['dns-srv']
      const fields = ['service', 'protocol', 'domain', 'target'] as const
      dns.srvs = onlyOneOf(dns.srvs ?? [], command, srv, (each) =>
        fields.every((field) => srv[field] === undefined || srv[field] === each[field]),
      )
    }
  } catch (error) {
    if (error instanceof Refused) return { refused: error.message }
    throw error
  }
  // libvirt writes the definition and reads it again: what it doesn't write is gone.
  return { definition: normalForm(definition) }
}

function hosts(list: SectionEntry['ip-dhcp-host'][], command: Command, host: SectionEntry['ip-dhcp-host']) {
  const at = list.findIndex(
    (each) =>
      host.ip === each.ip ||
      (command !== 'delete' &&
        ((host.mac !== undefined && host.mac === each.mac) ||
          (host.name !== undefined && host.name === each.name))),
  )
  return change(list, command, host, at)
}

function firstOf<E>(list: E[], command: Command, entry: E, isMeant: (each: E) => boolean): E[] {
  if (command === 'modify') throw new Refused('never modified')
  return change(list, command, entry, list.findIndex(isMeant))
}

function onlyOneOf<E>(list: E[], command: Command, entry: E, isMeant: (each: E) => boolean): E[] {
  if (command === 'delete' && list.filter(isMeant).length > 1) throw new Refused('several are meant')
  return change(list, command, entry, list.findIndex(isMeant))
}

function change<E>(list: E[], command: Command, entry: E, at: number): E[] {
  if (command === 'delete' || command === 'modify') {
    if (at < 0) throw new Refused('there is none')
    return command === 'delete' ? list.toSpliced(at, 1) : list.with(at, entry)
  }
  if (at >= 0) throw new Refused('there is one')
  return command === 'add-first' ? [entry, ...list] : [...list, entry]
}

export const sections: readonly Section[] = [
  'ip-dhcp-host',
  'ip-dhcp-range',
  'forward-interface',
  'portgroup',
  'dns-host',
  'dns-txt',
  'dns-srv',
]

/** All of them in order; throws at the first that is refused. */
export function applyAll(from: NetworkDefinition, updates: readonly NetworkChange[]): NetworkDefinition {
  return updates.reduce((definition, update, n) => {
    const applied = applyUpdate(definition, update)
    if ('refused' in applied) {
      throw new Error(
        `update ${n}, ${JSON.stringify(update)}: ${applied.refused}; the list: ${JSON.stringify(updates)}`,
      )
    }
    return applied.definition
  }, from)
}
