/** Devices for pools, and switches, in a lab host. */
import type { LabHost } from './host.ts'

/**
 * Adds `count` host links that can serve in a pool, and gives their names: PREFIX0, PREFIX1, ... Each is one end of a veth
 * pair, up, with carrier; its other end, NAME-wire, stands for what is plugged into the device outside.
 */
export async function addVethPool(host: LabHost, count: number, prefix = 'pool'): Promise<string[]> {
  const names = Array.from({ length: count }, (_, i) => `${prefix}${i}`)
  const commands = names.flatMap((name) => [
    `link add ${name} type veth peer name ${name}-wire`,
    `link set ${name}-wire up`,
    `link set ${name} up`,
  ])
  await host.exec('ip', ['-batch', '-'], { input: commands.join('\n') })
  return names
}

/** A Linux bridge, up. */
export async function addBridge(host: LabHost, name: string): Promise<void> {
  await host.run(`ip link add ${name} type bridge && ip link set ${name} up`)
}

/** An Open vSwitch bridge on the userspace datapath (the only one these kernels run); needs `openVswitch: true`. */
export async function addOpenVswitchBridge(host: LabHost, name: string): Promise<void> {
  await host.run(
    `ovs-vsctl add-br ${name} -- set bridge ${name} datapath_type=netdev && ip link set ${name} up`,
  )
}
