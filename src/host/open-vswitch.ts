/** What Open vSwitch shows of its bridges and of what is plugged into them. */
import { mapOf, type Row, select, uuidOf, type Value, valuesOf } from './ovsdb.ts'

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

/**
 * The bridge that a port is on; undefined when it is on none. `ovs-vsctl port-to-br NAME`. Throws a HostError when the
 * database doesn't answer.
 */
export async function bridgeOfPort(name: string, signal: AbortSignal): Promise<string | undefined> {
  const ports = await select([{ table: 'Port', columns: ['_uuid'], where: [['name', '==', name]] }], signal)
  const id = ports?.[0]?.[0]?._uuid
  if (id === undefined) return undefined
  const bridges = await select(
    [{ table: 'Bridge', columns: ['name'], where: [['ports', 'includes', id]] }],
    signal,
  )
  const bridge = bridges?.[0]?.[0]
  return bridge && String(bridge.name)
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
