/** What `patchbay network-plan` answers, as data, as text for people, and as an exit code. */
import { type NetworkDefinition, ownPortGroup } from '../core/network/definition.ts'
import type { RestartReason } from '../core/network/plan/change.ts'
import { courseOf, type Dnsmasq } from '../core/network/plan/dnsmasq-course.ts'
import { interruptionOf } from '../core/network/plan/interruption.ts'
import { planNetwork } from '../core/network/plan/plan.ts'
import type { NetworkUpdate } from '../libvirt/client.ts'
import { updateOf } from '../libvirt/xml/network/update.ts'
import { type Answer, columns } from './output.ts'

export interface NetworkPlanAnswer extends Answer {
  kind: 'NetworkPlan'
  /** As `virsh net-update` takes them, in this order. */
  updates: NetworkUpdate[]
  restartRequired: RestartReason[]
}

/** The answer, and what people are told beside it. */
export interface PlannedNetwork {
  answer: NetworkPlanAnswer
  network: string
  live: boolean
  /** Of each update, on a running network. */
  costs: string[]
  /** Of all of them, one behind the other. */
  interruption: string
}

/** `live`: the definitions are those of a running network, else the saved ones. */
export function planOf(
  from: NetworkDefinition,
  to: NetworkDefinition,
  { live }: { live: boolean },
): PlannedNetwork {
  const [before, after] = [comparable(from), comparable(to)]
  // What libvirt chose when it was told about the network is no difference from what it was told.
  if (before.uuid === undefined) delete after.uuid
  const plan = planNetwork(before, after, { live })
  const { effects } = courseOf(before.settings.ips ?? [], plan.updates)
  return {
    answer: {
      apiVersion: 'cli.patchbay.dev/v1alpha1',
      kind: 'NetworkPlan',
      updates: plan.updates.map(updateOf),
      restartRequired: [...renamed(from, to), ...plan.restartRequired],
    },
    network: from.name,
    live,
    costs: plan.updates.map((update, n) => costText(effects[n]!, interruptionOf([update], before).firewall)),
    interruption: interruptionOf(plan.updates, before).message,
  }
}

/** Without the empty group that we keep in networks of ours: nobody asked for it. */
function comparable(definition: NetworkDefinition): NetworkDefinition {
  const portGroups = definition.portGroups.filter(({ name }) => name !== ownPortGroup)
  return { ...definition, portGroups }
}

function costText(dnsmasq: Dnsmasq, firewall: boolean): string {
  const parts = [dnsmasq !== 'none' && `dnsmasq ${dnsmasq}`, firewall && 'firewall rules']
  return parts.filter((part) => part !== false).join(', ') || '-'
}

/** 3 where the updates alone don't do, 2 where they do, 0 where there is nothing to do. */
export function exitCodeOf({ updates, restartRequired }: NetworkPlanAnswer): number {
  if (restartRequired.length > 0) return 3
  return updates.length > 0 ? 2 : 0
}

function renamed(from: NetworkDefinition, to: NetworkDefinition): RestartReason[] {
  if (from.name === to.name) return []
  const reason =
    'libvirt renames no network: define one of the new name, and undefine the old one once nobody uses it'
  return [{ field: 'networkName', from: from.name, to: to.name, reason }]
}

/** The commands to copy, with what each costs on a running network; then what needs a restart. */
export async function networkPlanText(planned: PlannedNetwork): Promise<string> {
  const { updates, restartRequired } = planned.answer
  const parts: string[] = []
  if (updates.length > 0) parts.push(await updatesText(planned))
  if (restartRequired.length > 0) {
    parts.push(
      await columns(
        ['RESTART FOR', 'FROM', 'TO'],
        restartRequired.map(({ field, from, to }) => [field, from || '-', to || '-']),
      ),
      restartRequired.map(({ field, reason }) => `  ${field}: ${reason}\n`).join(''),
    )
  }
  return parts.length > 0 ? parts.join('\n') : 'Nothing differs.\n'
}

async function updatesText({ answer, network, live, costs, interruption }: PlannedNetwork): Promise<string> {
  const commands = answer.updates.map((update) => virshCommand(network, update, live))
  // The command comes last, so that it can be copied to the end of its line.
  return live
    ? `${await columns(
        ['COST', 'UPDATE'],
        commands.map((command, n) => [costs[n]!, command]),
      )}\n  Together: ${interruption}\n`
    : columns(
        ['UPDATE'],
        commands.map((command) => [command]),
      )
}

/** For a shell: values have no quotes and no line breaks, since XML has them escaped. */
function virshCommand(network: string, update: NetworkUpdate, live: boolean): string {
  const { command, section, parentIndex, xml } = update
  const line = xml.replaceAll(/\n\s*/g, '').replaceAll("'", '"')
  const scope = live ? '--live' : '--config'
  return `virsh net-update ${word(network)} ${command} ${section} --parent-index ${parentIndex} '${line}' ${scope}`
}

/** One word of a shell, whatever is in it. */
function word(text: string): string {
  return /^[\w.:@%+=][\w.:@%+=-]*$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
