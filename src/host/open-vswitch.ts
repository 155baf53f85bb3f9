/** What Open vSwitch shows of its bridges and of what is plugged into them. */
import { type Condition, mapOf, type Row, select, uuidOf, type Value, valuesOf } from './ovsdb.ts'
import { runTool } from './tool.ts'

/** A link on an Open vSwitch bridge. */
export interface OpenVswitchInterface {
  name: string
  bridge: string
  /** VLAN of an access port, or native VLAN of a trunk. */
  tag?: number
  /** VLANs of a trunk; empty = all, where there is no tag. */
  trunks: number[]
  /** access, trunk, native-tagged, native-untagged or dot1q-tunnel, where set. */
  vlanMode?: string
  /** Of the interface: libvirt puts iface-id, attached-mac, vm-id and port-profile there. */
  externalIds: Record<string, string>
}

export interface OpenVswitch {
  bridges: string[]
  /** Of a bond each of its links; a bridge's own link, named like it, is among them. */
  interfaces: OpenVswitchInterface[]
}

/**
 * Everything of this host's Open vSwitch; undefined where none runs. `ovs-vsctl list Bridge -- list Port -- list Interface`
 * Throws a HostError when it runs and doesn't answer.
 */
export async function readOpenVswitch(signal: AbortSignal): Promise<OpenVswitch | undefined> {
  const tables = await select(
    [
      { table: 'Bridge', columns: ['name', 'ports'] },
      { table: 'Port', columns: ['_uuid', 'interfaces', 'tag', 'trunks', 'vlan_mode'] },
      { table: 'Interface', columns: ['_uuid', 'name', 'external_ids'] },
    ],
    signal,
  )
  if (!tables) return undefined
  const [bridges = [], ports, interfaces] = tables
  const portOf = byUUID(ports)
  const interfaceOf = byUUID(interfaces)
  return {
    bridges: bridges.map(({ name }) => String(name)),
    interfaces: bridges.flatMap((bridge) =>
      portOf(bridge.ports).flatMap((port) =>
        interfaceOf(port.interfaces).map((each) => pluggedInto(String(bridge.name), port, each)),
      ),
    ),
  }
}

/** `ovs-vsctl br-exists NAME`; false where no Open vSwitch runs. Throws a HostError when the database doesn't answer. */
export async function isOpenVswitchBridge(name: string, signal: AbortSignal): Promise<boolean> {
  const found = await select([{ table: 'Bridge', columns: ['name'], where: [['name', '==', name]] }], signal)
  return found?.[0]?.length === 1
}

/** One port of this host's Open vSwitch with everything that libvirt sets on it. */
export interface OpenVswitchPort extends OpenVswitchInterface {
  /** What limits traffic towards the guest, in bits/s and bits, by Open vSwitch's names: min-rate, max-rate, burst. */
  qos?: Record<string, string>
  /** What limits traffic from the guest, in kbit/s; 0 = nothing. */
  policingRate: number
}

/**
 * A port by its name, two questions to the database; undefined when it is on no bridge. `ovs-vsctl list Port NAME`, and likewise Interface,
 * Bridge and QoS. Throws a HostError when the database doesn't answer.
 */
export async function readOpenVswitchPort(
  name: string,
  signal: AbortSignal,
): Promise<OpenVswitchPort | undefined> {
  const named: Condition[] = [['name', '==', name]]
  const found = await select(
    [
      { table: 'Port', columns: ['_uuid', 'tag', 'trunks', 'vlan_mode', 'qos'], where: named },
      { table: 'Interface', columns: ['name', 'external_ids', 'ingress_policing_rate'], where: named },
    ],
    signal,
  )
  const [port, each] = [found?.[0]?.[0], found?.[1]?.[0]]
  if (port?._uuid === undefined || !each) return undefined
  const qosId = uuidOf(port.qos)
  const more = await select(
    [
      { table: 'Bridge', columns: ['name'], where: [['ports', 'includes', port._uuid]] },
      { table: 'QoS', columns: ['other_config'], where: [['_uuid', '==', ['uuid', qosId ?? NO_UUID]]] },
    ],
    signal,
  )
  const [bridge, qos] = [more?.[0]?.[0], more?.[1]?.[0]]
  if (!bridge) return undefined
  return {
    ...pluggedInto(String(bridge.name), port, each),
    ...(qos && { qos: mapOf(qos.other_config) }),
    policingRate: Number(each.ingress_policing_rate),
  }
}

const NO_UUID = '00000000-0000-0000-0000-000000000000'

/** `ovs-vsctl --if-exists del-port BRIDGE NAME`. Throws a HostError, also when the port is on another bridge. */
export async function removeOpenVswitchPort(
  bridge: string,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  await runTool('ovs-vsctl', ['--if-exists', 'del-port', bridge, name], '', signal)
}

function pluggedInto(bridge: string, port: Row, each: Row): OpenVswitchInterface {
  const [tag] = valuesOf(port.tag) as number[]
  const [vlanMode] = valuesOf(port.vlan_mode) as string[]
  return {
    name: String(each.name),
    bridge,
    ...(tag !== undefined && { tag }),
    trunks: valuesOf(port.trunks) as number[],
    ...(vlanMode !== undefined && { vlanMode }),
    externalIds: mapOf(each.external_ids),
  }
}

/** Looks up the rows that a column of references names. */
function byUUID(rows: Row[] = []): (references: Value | undefined) => Row[] {
  const byId = new Map(rows.map((row) => [uuidOf(row._uuid), row]))
  return (references) =>
    valuesOf(references)
      .map((reference) => byId.get(uuidOf(reference)))
      .filter((row) => row !== undefined)
}
