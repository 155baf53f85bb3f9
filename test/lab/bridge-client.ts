/** What stands outside of a lab host or beside its guests: namespaces of the host with a veth pair of their own. */
import path from 'node:path'
import type { LabHost } from './host.ts'

/** A lease as busybox's udhcpc passes it on. */
export interface Lease {
  ip: string
  router?: string
  dns?: string
  domain?: string
  hostname?: string
  /** Seconds. */
  lease: number
}

/**
 * A host outside that answers pings: the lab host reaches `address` through its link `dev`, on which it has the address
 * before that. It knows no way to anybody else, so only what comes through NAT is answered.
 */
export async function addOutside(
  host: LabHost,
  { dev, address }: { dev: string; address: string },
): Promise<void> {
  const [, network, last] = /^(.*\.)(\d+)$/.exec(address)!
  await host.run(`
    ip netns add outside-${dev}
    ip link add ${dev} type veth peer name eth0 netns outside-${dev}
    ip address add ${network}${Number(last) - 1}/24 dev ${dev}
    ip link set ${dev} up
    ip -n outside-${dev} address add ${address}/24 dev eth0
    ip -n outside-${dev} link set eth0 up`)
}

/** A machine on a network's bridge that is no guest: its DHCP requests and DNS questions are real ones. */
export class BridgeClient {
  readonly #host: LabHost
  readonly #name: string

  private constructor(host: LabHost, name: string) {
    this.#host = host
    this.#name = name
  }

  /** `name` becomes that of its link on the host. With STP on the bridge it hears nothing for its first 4 s. */
  static async plug(host: LabHost, name: string, bridge: string, mac: string): Promise<BridgeClient> {
    const client = new BridgeClient(host, name)
    // Duplicate address detection would keep the link-local address from use for 1 to 2 s.
    await host.run(`
      ip netns add ${name}
      ip link add ${name} type veth peer name eth0 address ${mac} netns ${name}
      ip netns exec ${name} sh -c 'echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad'
      ip -n ${name} link set eth0 up`)
    await client.replug(bridge)
    return client
  }

  /** Plugs it into a bridge again: one that went took the client's port with it. */
  async replug(bridge: string): Promise<void> {
    await this.#host.run(`ip link set ${this.#name} master ${bridge} up`)
  }

  /** The lease that it is given by DHCP, asking as one that never had any; undefined when nobody answers within 6 s.
   * dnsmasq takes 3 s for an address that it picks: it pings it first, without its option `no-ping`. */
  async dhcp(): Promise<Lease | undefined> {
    const script = path.join(import.meta.dirname, 'print-lease')
    const { stdout, exitCode } = await this.#run(
      'busybox',
      ['udhcpc', '-i', 'eth0', '-f', '-n', '-q', '-t', '6', '-T', '1', '-s', script],
      false,
    )
    if (exitCode !== 0) return undefined
    const said = new Map(
      String(stdout)
        .split('\n')
        .map((line) => line.split(/=(.*)/, 2) as [string, string]),
    )
    const { ip = '', lease, ...others } = Object.fromEntries(said)
    const { router, dns, domain, hostname } = others
    return { ip, lease: Number(lease), router, dns, domain, hostname }
  }

  /** The address that a DHCPv6 server offers to the client with this DUID; undefined when none does within 2 s. */
  async dhcpv6(duid: string): Promise<string | undefined> {
    const script = path.join(import.meta.dirname, 'solicit.ts')
    const { stdout } = await this.#run(process.execPath, [script, 'eth0', duid])
    return String(stdout) || undefined
  }

  /** Has it live on the network with the lease that it is given. */
  async join(): Promise<void> {
    const { ip, router } = (await this.dhcp())!
    await this.#host.run(`
      ip -n ${this.#name} address add ${ip}/24 dev eth0
      ip -n ${this.#name} route add default via ${router}`)
  }

  /** Whether an address answers one ping within 1 s. */
  async reaches(address: string): Promise<boolean> {
    const { exitCode } = await this.#run('busybox', ['ping', '-c', '1', '-W', '1', address], false)
    return exitCode === 0
  }

  #run(command: string, args: readonly string[], reject = true) {
    return this.#host.exec('ip', ['netns', 'exec', this.#name, command, ...args], { reject })
  }
}
