/** How a Network or a PortGroup stands over all hosts of a cluster, by what each host tells. */
import type { HostStatus } from '../../api/host.ts'
import type { Network, NetworkStatus } from '../../api/network.ts'
import type { PortGroup } from '../../api/port-group.ts'
import { type Reason, reasons } from '../../api/reasons.ts'
import { type HostIdentity, labelsOf, selects } from '../host-selector.ts'
import type { Check } from '../interface-status.ts'
import { networkNameOf, networksOn } from '../resolve/applicable.ts'
import { mostNamed, some } from '../some-names.ts'
import { portGroupRefusal } from './conflict.ts'

export interface TellingHost extends HostIdentity {
  /** Its agent has not been heard of for longer than its Lease lasts. */
  silent: boolean
  /** What it tells of its networks; undefined: nothing yet. */
  networks?: HostStatus['networks']
}

type Told = NonNullable<HostStatus['networks']>[number]

export interface NetworkOverHosts extends Pick<NetworkStatus, 'hosts' | 'failures'> {
  ready: Check
}

/** `networks`: those of its name, itself among them. `invalid`: why its newest spec is not in force. */
export function networkOverHosts(
  network: Network,
  hosts: readonly TellingHost[],
  networks: readonly Network[],
  invalid?: string,
): NetworkOverHosts {
  const { name, generation = 0 } = network.metadata
  const selected = hosts.filter((host) => selects(network.spec.hostSelector, labelsOf(host)))
  const told = selected.map((host) => ({ host, told: toldOf(name, host) }))
  const current = told.flatMap(({ host, told }) =>
    told && told.observedGeneration === generation ? [{ host, told }] : [],
  )
  const inSync = current.filter(({ told }) => told.inSync)
  const restart = current.filter(({ told }) => !told.inSync && told.restartRequired)
  const failing = current.filter(({ told }) => !told.inSync && !told.restartRequired)
  const known = new Set(current.map(({ host }) => host))
  const pending = selected.filter((host) => !known.has(host))
  const ambiguous = selected.filter((host) => networksOn(networkNameOf(network), host, networks).length > 1)
  const of = (some: readonly unknown[]) => `${some.length} of ${selected.length} hosts`

  const ready = (): Check => {
    if (invalid !== undefined) return no('InvalidManifest', invalid)
    if (ambiguous.length > 0) return no('NetworkAmbiguous', ambiguityText(network, ambiguous, networks))
    if (failing.length > 0) {
      return no(worst(failing.map(({ told }) => told)), `Fails on ${of(failing)}: ${texts(failing)}`)
    }
    if (restart.length > 0) {
      return no('RestartRequired', `Waits for a restart on ${of(restart)}: ${texts(restart)}`)
    }
    if (pending.length > 0) {
      const message = `Not told by ${of(pending)} how it stands there: ${names(pending)}`
      return { status: 'Unknown', reason: 'HostsPending', message }
    }
    if (selected.length === 0) return yes('NoHostSelected', 'Selects none of the hosts')
    return yes(
      'InSync',
      selected.length === 1 ? `On host ${selected[0]!.name}` : `On ${selected.length} hosts`,
    )
  }
  return {
    hosts: {
      selected: selected.length,
      inSync: inSync.length,
      restartRequired: restart.length,
      failing: failing.length,
    },
    failures: sorted(failing)
      .slice(0, mostNamed)
      .map(({ host, told }) => ({
        hostName: host.name,
        reason: told.reason ?? 'ApplyFailed',
        message: told.message ?? '',
      })),
    ready: ready(),
  }
}

/** Why a Network that is to go has to wait: hosts that still have it. undefined when none has. */
export function networkLeft(network: Network, hosts: readonly TellingHost[]): Check | undefined {
  const left = hosts.flatMap((host) => {
    const told = toldOf(network.metadata.name, host)
    return told ? [{ host, told }] : []
  })
  if (left.length === 0) return undefined
  const inUse = left.some(({ told }) => told.reason === 'NetworkInUse')
  const silent = left.every(({ host }) => host.silent)
  const reason = inUse ? 'NetworkInUse' : silent ? 'AgentSilent' : 'HostsPending'
  const advice = left.some(({ host }) => host.silent)
    ? '. If a silent one is gone for good, delete its Node'
    : ''
  return no(reason, `Goes when no host has it any more: ${texts(left)}${advice}`)
}

/** `networks`, `portGroups`: those of its networkName, itself among them. */
export function portGroupOverHosts(
  portGroup: PortGroup,
  hosts: readonly HostIdentity[],
  networks: readonly Network[],
  portGroups: readonly PortGroup[],
): Check {
  const selected = hosts.filter((host) => selects(portGroup.spec.hostSelector, labelsOf(host)))
  const { networkName } = portGroup.spec
  for (const host of selected) {
    const refusal = portGroupRefusal(portGroup, host, portGroups)
    if (refusal) return no(refusal.reason, refusal.message)
  }
  if (selected.length === 0) return yes('NoHostSelected', 'Selects none of the hosts')
  const served = selected.filter((host) => networksOn(networkName, host, networks).length > 0)
  if (served.length > 0) return yes('Accepted', `In force on ${served.length} of ${hosts.length} hosts`)
  const where = networks.length > 0 ? ' on any host that it selects' : ''
  return no(
    'NetworkNotFound',
    `networkName: there is no Network ${networkName}${where}. Correct the name, or create it`,
  )
}

function toldOf(name: string, { networks }: TellingHost): Told | undefined {
  return networks?.find(({ objectName }) => objectName === name)
}

/** What a person has to change comes before what comes right by itself; of these the most frequent. */
function worst(told: readonly Told[]): Reason {
  const known = told.map(
    ({ reason = '' }): Reason => (Object.hasOwn(reasons, reason) ? (reason as Reason) : 'ApplyFailed'),
  )
  const groups = [...Map.groupBy(known, (reason) => reason)].map(([reason, all]) => ({
    reason,
    weight: (reasons[reason].stance === 'Stalled' ? known.length : 0) + all.length,
  }))
  return groups.reduce((a, b) => (b.weight > a.weight ? b : a)).reason
}

function ambiguityText(
  network: Network,
  hosts: readonly TellingHost[],
  networks: readonly Network[],
): string {
  const objects = new Set(
    hosts.flatMap((host) =>
      networksOn(networkNameOf(network), host, networks).map(({ metadata }) => metadata.name),
    ),
  )
  return `networkName: ${networkNameOf(network)} is more than one Network on ${names(hosts)}: ${[...objects].sort().join(', ')}. Leave one, or tell them apart by hostSelector`
}

interface Telling {
  host: TellingHost
  told: Told
}

function texts(telling: readonly Telling[]): string {
  const lines = sorted(telling)
    .slice(0, mostNamed)
    .map(({ host, told }) => `${nameIn(host)}${told.message ? `: ${told.message}` : ''}`)
  return [...lines, ...(telling.length > mostNamed ? [`and ${telling.length - mostNamed} more`] : [])].join(
    '; ',
  )
}

function names(hosts: readonly TellingHost[]): string {
  return some(hosts.map(nameIn))
}

function nameIn({ name, silent }: TellingHost): string {
  return silent ? `${name} (its agent is silent)` : name
}

function sorted(telling: readonly Telling[]): Telling[] {
  return telling.toSorted((a, b) => (a.host.name < b.host.name ? -1 : 1))
}

function yes(reason: Reason, message: string): Check {
  return { status: 'True', reason, message }
}

function no(reason: Reason, message: string): Check {
  return { status: 'False', reason, message }
}
