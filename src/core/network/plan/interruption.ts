/** What live updates cost the guests of a running network. */
import type { NetworkDefinition } from '../definition.ts'
import type { NetworkChange, Section } from './change.ts'
import { courseOf, type Dnsmasq } from './dnsmasq-course.ts'

export interface Interruption {
  /** Reload: it reads its hosts again and answers all the time. Restart: no DHCP and DNS for a moment. */
  dnsmasq: Dnsmasq
  /** libvirt takes the network's firewall rules away and adds them again. */
  firewall: boolean
  /** For people, without a full stop at its end. */
  message: string
}

const firewallSections: ReadonlySet<Section> = new Set(['ip-dhcp-host', 'ip-dhcp-range', 'forward-interface'])

/** `live`: the definition that the updates start from. Several updates that follow one another cost as much as the dearest. */
export function interruptionOf(updates: readonly NetworkChange[], live: NetworkDefinition): Interruption {
  const { ips = [], forward } = live.settings
  const { effects } = courseOf(ips, updates)
  const dnsmasq = effects.includes('restart') ? 'restart' : effects.includes('reload') ? 'reload' : 'none'
  const mode = forward?.mode
  const hasRules = mode === undefined || mode === 'nat' || mode === 'route'
  const firewall = hasRules && updates.some(({ section }) => firewallSections.has(section))
  return { dnsmasq, firewall, message: messageOf(dnsmasq, firewall) }
}

const dnsmasqTexts: Record<Dnsmasq, string> = {
  none: '',
  reload: 'dnsmasq reads its hosts again',
  restart: 'dnsmasq is restarted: no DHCP and DNS for a moment',
}

function messageOf(dnsmasq: Dnsmasq, firewall: boolean): string {
  const parts = [dnsmasqTexts[dnsmasq], firewall ? "the network's firewall rules are made again" : '']
  return parts.filter((part) => part !== '').join('; ') || 'nothing is interrupted'
}
