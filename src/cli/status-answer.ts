/** What `patchbay status` answers, as data and as tables. */
import { styleText } from 'node:util'
import type { Condition } from '../api/conditions.ts'
import type { GuestInterfaceStatus } from '../api/guest-interface.ts'
import type { HostPool, HostStatus } from '../api/host.ts'
import type { NetworkStatus } from '../api/network.ts'
import { readState } from '../store/directory/read-state.ts'
import type { Problem } from '../store/directory/state.ts'
import type { Resources } from '../store/store.ts'
import { type Answer, columns } from './output.ts'

export interface InterfaceRow extends GuestInterfaceStatus {
  namespace: string
  name: string
  /** Name, or UUID where the manifest names it so. */
  guest: string
  /** networkName, where it is plugged into a Network. */
  network?: string
  creationTimestamp?: string
  deletionTimestamp?: string
}

export interface PoolRow extends HostPool {
  hostName: string
}

/** A Network, and how it stands on a host that has told. `name`: networkName. */
export interface NetworkRow
  extends Omit<NetworkStatus, 'observedGeneration'>,
    Partial<NonNullable<HostStatus['networks']>[number]> {
  name: string
  objectName: string
  hostName?: string
  /** Forward mode, or `isolated`. */
  mode: string
  creationTimestamp?: string
}

export interface StatusAnswer extends Answer {
  kind: 'Status'
  interfaces: InterfaceRow[]
  pools: PoolRow[]
  networks: NetworkRow[]
}

/** Throws when there is no such directory. `problems`: files that are left out. */
export function statusAnswer(state: string): { answer: StatusAnswer; problems: Problem[] } {
  const { objects, problems } = readState(state)
  const hosts = objects.filter((object) => object.kind === 'Host')
  const onlyHost = hosts.length === 1 ? hosts[0]!.metadata.name : undefined
  const interfaces = objects.filter((object) => object.kind === 'GuestInterface')
  const networks = objects.filter((object) => object.kind === 'Network')
  return {
    answer: {
      apiVersion: 'cli.patchbay.dev/v1alpha1',
      kind: 'Status',
      interfaces: interfaces.map((object) => interfaceRow(object, onlyHost)),
      pools: hosts.flatMap(({ metadata, status }) =>
        (status?.pools ?? []).map((pool) => ({ hostName: metadata.name, ...pool })),
      ),
      networks: networks.flatMap((network) => networkRows(network, hosts, onlyHost)),
    },
    problems,
  }
}

function interfaceRow(
  { metadata, spec, status }: Resources['GuestInterface'],
  onlyHost?: string,
): InterfaceRow {
  const { name, namespace = 'default', creationTimestamp, deletionTimestamp } = metadata
  return {
    namespace,
    name,
    guest: spec.guest.name ?? spec.guest.uuid ?? '',
    network: spec.source.network?.name,
    ...status,
    hostName: status?.hostName ?? status?.port?.hostName ?? onlyHost,
    creationTimestamp,
    deletionTimestamp,
  }
}

function networkRows(
  network: Resources['Network'],
  hosts: Resources['Host'][],
  onlyHost?: string,
): NetworkRow[] {
  const { metadata, spec, status } = network
  const row: NetworkRow = {
    name: spec.networkName ?? metadata.name,
    objectName: metadata.name,
    mode: spec.forward?.mode ?? 'isolated',
    hostName: onlyHost,
    ...status,
    creationTimestamp: metadata.creationTimestamp,
  }
  const told = hosts.flatMap((host) =>
    (host.status?.networks ?? [])
      .filter(({ objectName }) => objectName === metadata.name)
      .map((onHost) => ({ ...row, hostName: host.metadata.name, ...onHost })),
  )
  return told.length > 0 ? told : [row]
}

/** The tables, and below each what a person should know and do. Ages are those at `now`. */
export async function statusTables(answer: StatusAnswer, now: Date): Promise<string> {
  const { interfaces, pools, networks } = answer
  if (interfaces.length + pools.length + networks.length === 0) {
    return 'Nothing here yet: no agent has written status for an interface, a pool or a network.\n'
  }
  const tables = [
    await table(
      ['INTERFACE', 'GUEST', 'HOST', 'NETWORK', 'PORT', 'LINK', 'READY', 'REASON', 'AGE'],
      interfaces.map((row) => [
        `${row.namespace}/${row.name}`,
        row.guest,
        row.hostName,
        row.network,
        row.port?.name,
        linkOf(row),
        ...readyCells(row.conditions),
        age(row.creationTimestamp, now),
      ]),
      interfaces.flatMap((row) => remarks(`${row.namespace}/${row.name}`, row.conditions)),
    ),
    await table(
      ['POOL', 'HOST', 'MODE', 'IN USE', 'DEVICES'],
      pools.map(({ network, hostName, mode, inUse, capacity, devices }) => [
        network,
        hostName,
        mode,
        `${inUse}/${capacity}`,
        devices.map(deviceCell).join(', '),
      ]),
      pools.flatMap(({ network, devices }) =>
        devices
          .filter(({ unavailable }) => unavailable !== undefined)
          .map(({ name, unavailable }) => `${network}: ${name} is not handed out: ${unavailable}`),
      ),
    ),
    await table(
      ['NETWORK', 'OBJECT', 'HOST', 'MODE', 'READY', 'REASON', 'AGE'],
      networks.map((row) => [
        row.name,
        row.objectName,
        row.hostName,
        row.mode,
        ...readyCells(row.conditions),
        age(row.creationTimestamp, now),
      ]),
      networks.flatMap((row) => [
        ...remarks(row.objectName, row.conditions),
        ...(row.message && !row.conditions?.some(({ message }) => message === row.message)
          ? [`${row.objectName}: ${row.message}`]
          : []),
      ]),
    ),
  ]
  return tables.filter((text) => text !== '').join('\n')
}

/** As it is: where a change is refused as a whole, its link state is not in force either. */
function linkOf({ plan, effective }: InterfaceRow): string | undefined {
  const kept = plan?.verdict === 'Refused' && plan.differences.find(({ field }) => field === 'link.state')
  return kept ? kept.observed : effective?.link?.state
}

async function table(head: string[], rows: (string | undefined)[][], remarks: string[]): Promise<string> {
  if (rows.length === 0) return ''
  const text = await columns(
    head,
    rows.map((row) => row.map((cell) => cell || '-')),
  )
  if (remarks.length === 0) return text
  return `${text}\n${remarks.map((remark) => `  ${remark.replaceAll('\n', '\n    ')}\n`).join('')}`
}

function readyCells(conditions: Condition[] | undefined): [string, string] {
  const ready = conditions?.find(({ type }) => type === 'Ready')
  if (ready === undefined) return ['Unknown', 'NotSeenYet']
  const colour = ready.status === 'True' ? 'green' : ready.status === 'False' ? 'red' : 'yellow'
  return [styleText(colour, ready.status, { stream: process.stdout }), ready.reason]
}

/** Why it isn't ready, and what waits for a restart though it is. */
function remarks(name: string, conditions: Condition[] = []): string[] {
  return conditions
    .filter(({ type, status }) =>
      type === 'Ready' ? status !== 'True' : type === 'RestartRequired' && status === 'True',
    )
    .map(({ type, reason, message }) => `${name}: ${type === 'Ready' ? reason : type}: ${message}`)
}

function deviceCell({ name, users, unavailable }: HostPool['devices'][number]): string {
  return `${name} (${unavailable === undefined ? users : 'unavailable'})`
}

/** As kubectl says it: in the largest unit of which there are two, seconds before that. */
export function age(since: string | undefined, now: Date): string {
  if (since === undefined) return ''
  const seconds = Math.max(0, Math.floor((now.getTime() - Date.parse(since)) / 1000))
  if (seconds < 120) return `${seconds}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 120) return `${minutes}m`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`
}
