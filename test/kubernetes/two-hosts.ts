/**
 * A cluster as it is deployed, with a real controller and two lab hosts with an agent each: abc has the Open vSwitch bridge ovsbr0,
 * def the pool devices eth2 and eth3, and the switch of abc is what is plugged into eth2. Agents and controller have the tokens
 * of pods and the rights that deploy/ gives them.
 */
import path from 'node:path'
import { execa } from 'execa'
import { expect } from 'vitest'
import type { GuestInterface } from '../../src/api/guest-interface.ts'
import type { Host } from '../../src/api/host.ts'
import { ClusterAgent } from '../cluster/agent.ts'
import { Cluster } from '../cluster/cluster.ts'
import { ClusterController } from '../cluster/controller.ts'
import { type Reach, reachFrom } from '../cluster/reach.ts'
import { LabHost } from '../lab/host.ts'
import { connectHosts, Migrations } from '../lab/migration.ts'
import { addOpenVswitchBridge } from '../lab/pool.ts'
import { install, repository } from './installation.ts'

/** A host with its agent, and the agent's way to the API server. */
export interface Joined {
  host: LabHost
  agent: ClusterAgent
  reach: Reach
}

export class TwoHosts {
  readonly cluster: Cluster
  readonly abc: Joined
  readonly def: Joined
  readonly #controller: ClusterController
  readonly #migrations: Migrations

  private constructor(
    cluster: Cluster,
    [abc, def]: [Joined, Joined],
    controller: ClusterController,
    migrations: Migrations,
  ) {
    this.cluster = cluster
    this.abc = abc
    this.def = def
    this.#controller = controller
    this.#migrations = migrations
  }

  /** `address`: with prefix, on the switch of abc, for guests to ping. */
  static async start(address: string): Promise<TwoHosts> {
    const [cluster, abc, def] = await Promise.all([
      Cluster.start(),
      LabHost.start({ name: 'abc', openVswitch: true }),
      LabHost.start({ name: 'def' }),
    ])
    const [migrations] = await Promise.all([wire(abc, def, address), deploy(cluster)])
    const joined: [Joined, Joined] = [await join(cluster, abc), await join(cluster, def)]
    // Its Pod is on a Node of its own.
    const access = await cluster.createHost('control', { serviceAccount: 'patchbay-controller' })
    const controller = new ClusterController(access)
    await Promise.all([controller.start(), ...joined.map(({ agent }) => agent.start())])
    return new TwoHosts(cluster, joined, controller, migrations)
  }

  async stop(): Promise<void> {
    const joined = [this.abc, this.def]
    await Promise.all([this.#controller.stop(), ...joined.map(({ agent }) => agent.stop())])
    for (const { reach } of joined) reach.end()
    await Promise.all([...joined.map(({ host }) => host.stop()), this.cluster.stop()])
  }

  kubectl(...args: string[]): Promise<string> {
    return this.cluster.kubectl(...args)
  }

  async interface(name: string): Promise<GuestInterface> {
    return JSON.parse(await this.kubectl('get', 'gi', name, '-o', 'json'))
  }

  /** Waits until the interface is bound there and says so of its newest manifest, as `abc True InSync`. */
  async becomes(name: string, wanted: string): Promise<GuestInterface> {
    let found: GuestInterface | undefined
    await expect
      .poll(async () => {
        found = await this.interface(name)
        const { metadata, status = {} } = found
        if (status.observedGeneration !== metadata.generation) return 'Unseen'
        const ready = status.conditions?.find(({ type }) => type === 'Ready')
        return `${status.hostName ?? '-'} ${ready?.status} ${ready?.reason}`
      })
      .toBe(wanted)
    return found!
  }

  /** UUIDs of the guests that the agent of this host tells of. */
  async guestsOf(name: string): Promise<string[] | undefined> {
    return (await this.#host(name)).status?.guests?.map(({ uuid }) => uuid)
  }

  /** Unknown where its agent counts as silent. */
  async readyOf(name: string): Promise<string | undefined> {
    return (await this.#host(name)).status?.conditions?.find(({ type }) => type === 'Ready')?.status
  }

  /** The Lease of this host's agent lasts so many seconds from now on; the label wakes the controller, which looks then. */
  async leaseLasts(name: string, leaseDurationSeconds: number): Promise<void> {
    const patch = JSON.stringify({ spec: { leaseDurationSeconds } })
    await this.kubectl('patch', 'lease', name, '-n', 'patchbay-agents', '--type=merge', '-p', patch)
    await this.kubectl('label', 'node', name, '--overwrite', `lease=${leaseDurationSeconds}`)
  }

  /** What Open vSwitch shows of the guests' ports on abc. */
  async portsOnSwitch(): Promise<{ interfaceID: string; profile: string }[]> {
    const { host } = this.abc
    const ports = (await host.run('ovs-vsctl list-ports ovsbr0'))
      .split('\n')
      .filter((name) => name !== 'wire0')
    const show = async (port: string, key: string) =>
      (await host.run(`ovs-vsctl get interface ${port} external_ids:${key}`)).replaceAll('"', '')
    return Promise.all(
      ports.map(async (port) => ({
        interfaceID: await show(port, 'iface-id'),
        profile: await show(port, 'port-profile'),
      })),
    )
  }

  /** Live, with the definitions that `patchbay resolve` makes of the manifests that the cluster has. */
  async migrate(guest: string, from: LabHost, to: LabHost): Promise<void> {
    const manifests = await this.kubectl('get', 'gi,pbnet,pbpg', '-A', '-o', 'yaml')
    const resolve = async (which: '--migratable' | '--inactive') => {
      const file = from.root + (await from.file(await from.virsh('dumpxml', guest, which)))
      const main = path.join(repository, 'src/cli/main.ts')
      const args = ['resolve', '-f', '-', '--host', to.name, '--guest-xml', file]
      return (await execa(process.execPath, [main, ...args], { input: manifests })).stdout
    }
    const definition = { live: await resolve('--migratable'), saved: await resolve('--inactive') }
    await this.#migrations.live(guest, from, to, definition)
  }

  async #host(name: string): Promise<Host> {
    return JSON.parse(await this.kubectl('get', 'pbhost', name, '-o', 'json'))
  }
}

async function deploy(cluster: Cluster): Promise<void> {
  await install(cluster)
}

async function wire(abc: LabHost, def: LabHost, address: string): Promise<Migrations> {
  await addOpenVswitchBridge(abc, 'ovsbr0')
  await connectHosts(abc, def, 'wire0')
  // Else the kernel answers ARP for the address on wire0 too, with the MAC address of wire0, where the switch knows another way.
  await abc.run(`echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore
    ovs-vsctl add-port ovsbr0 wire0
    ip address add ${address} dev ovsbr0`)
  // Bridges: where both ends of a veth are on the host, libvirtd looks for its physical device without end. Promiscuous
  // ones hand on what is for a macvtap.
  await def.run(`for dev in eth2 eth3; do ip link add $dev type bridge; ip link set $dev promisc on up; done
    ip link set wire0 master eth2`)
  return Migrations.between(abc, def)
}

async function join(cluster: Cluster, host: LabHost): Promise<Joined> {
  const access = await cluster.createHost(host.name)
  const reach = await reachFrom(host, cluster.url)
  return { host, reach, agent: new ClusterAgent(host, access) }
}
