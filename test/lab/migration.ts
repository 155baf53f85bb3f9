/** Live migration between two lab hosts: a wire of its own, and libvirtds that take a guest from each other over it. */
import { execa } from 'execa'
import type { LabHost } from './host.ts'

/** A veth pair whose ends are in the two hosts, up, both of that name. */
export async function connectHosts(one: LabHost, other: LabHost, link: string): Promise<void> {
  const [nsenter, net] = ['nsenter', ['-t', String(one.pid), '-n', '--']]
  const peer = ['peer', 'name', link, 'netns', String(other.pid)]
  await execa(nsenter, [...net, 'ip', 'link', 'add', link, 'type', 'veth', ...peer])
  for (const host of [one, other]) await host.exec('ip', ['link', 'set', link, 'up'])
}

export class Migrations {
  readonly #addresses: ReadonlyMap<LabHost, string>

  private constructor(addresses: ReadonlyMap<LabHost, string>) {
    this.#addresses = addresses
  }

  /** Starts the libvirtd of both anew, listening on the wire without asking who comes: nobody else is on it. */
  static async between(...hosts: [LabHost, LabHost]): Promise<Migrations> {
    await connectHosts(...hosts, 'move0')
    const addresses = new Map(hosts.map((host, n) => [host, `192.0.2.${n + 1}`]))
    for (const [host, address] of addresses) {
      await host.run(`ip address add ${address}/24 dev move0
        printf '%s\\n' 'listen_tls = 0' 'listen_tcp = 1' 'auth_tcp = "none"' 'listen_addr = "${address}"' >>/etc/libvirt/libvirtd.conf`)
      await host.libvirtd.stop()
      await host.exec('libvirtd', ['--daemon', '--listen'])
      await host.virsh('uri')
    }
    return new Migrations(addresses)
  }

  /**
   * `virsh migrate --live --persistent --undefinesource`, with the definitions that the guest is to have over there, running and
   * saved. Throws with what libvirt says.
   */
  async live(
    guest: string,
    from: LabHost,
    to: LabHost,
    definition: { live: string; saved: string },
  ): Promise<void> {
    const address = this.#addresses.get(to)!
    await from.virsh(
      'migrate',
      '--live',
      '--persistent',
      '--undefinesource',
      ...['--xml', await from.file(definition.live)],
      ...['--persistent-xml', await from.file(definition.saved)],
      ...['--migrateuri', `tcp://${address}`],
      guest,
      `qemu+tcp://${address}/system`,
    )
  }
}
