/** A guest that boots a kernel, reports what it sees of its interfaces and answers pings: up in about 4 s. */
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { type GuestOptions, startGuest } from './guest.ts'
import { guestKernel } from './guest-initrd.ts'
import type { LabHost } from './host.ts'

export interface BootedGuestOptions
  extends Pick<GuestOptions, 'name' | 'uuid' | 'sparePorts' | 'interfaces'> {
  /**
   * Addresses with prefix that the guest gives its interfaces, also ones plugged later, by MAC address in lower case;
   * `dhcp` has it ask for one.
   */
  addresses?: Readonly<Record<string, string>>
  /** An address that the guest pings without end, beginning when it answers; see `pinging`. */
  pings?: string
}

/** An interface as the guest itself sees it. */
export interface SeenInterface {
  /** The guest's name for it, such as eth0. */
  name: string
  carrier: boolean
  /** With prefix. */
  address?: string
}

export class BootedGuest {
  readonly name: string
  readonly #console: string

  private constructor(host: LabHost, name: string) {
    this.name = name
    this.#console = host.root + consolePath(name)
  }

  /** Defines and starts the guest and waits until its init runs, at most 60 s. */
  static async start(host: LabHost, options: BootedGuestOptions): Promise<BootedGuest> {
    const { addresses = {}, pings, ...others } = options
    const given = Object.entries(addresses).map(([mac, address]) => `patchbay.address=${mac},${address}`)
    if (pings) given.push(`patchbay.ping=${pings},${pingIntervalMs / 1000}`)
    await startGuest(host, {
      ...others,
      memory: 128,
      boot: {
        ...(await guestKernel()),
        arguments: ['console=ttyS0', 'quiet', 'panic=1', 'mitigations=off', ...given].join(' '),
      },
      console: consolePath(options.name),
    })
    const guest = new BootedGuest(host, options.name)
    await guest.#until((text) => text.includes('PATCHBAY up'), 'come up')
    return guest
  }

  /** The same guest once it has migrated to that host, whose console begins then. */
  onHost(host: LabHost): BootedGuest {
    return new BootedGuest(host, this.name)
  }

  /** Everything the guest has written to its console so far. */
  async console(): Promise<string> {
    return readFile(this.#console, 'utf8')
  }

  /** The guest's interfaces by MAC address, as it reported them last (within 0.1 s of a change, plus emulation). */
  async interfaces(): Promise<Map<string, SeenInterface>> {
    return reported(await this.console())
  }

  /** Waits, at most 60 s, until the guest sees the interface with this MAC address so; `undefined` = not at all. */
  async sees(mac: string, wanted: Partial<SeenInterface> | undefined): Promise<void> {
    await this.#until(
      (text) => {
        const seen = reported(text).get(mac)
        if (!wanted || !seen) return !wanted && !seen
        return Object.entries(wanted).every(([key, value]) => seen[key as keyof SeenInterface] === value)
      },
      `see ${mac} as ${wanted ? JSON.stringify(wanted) : 'gone'}`,
    )
  }

  /** Every lease that the guest got by DHCP so far, as `bound eth0 192.0.2.17/24`, then `renew eth0 ...`. */
  async leases(): Promise<string[]> {
    return [...(await this.console()).matchAll(/^DHCP (.+?)\r?\n/gm)].map(([, lease]) => lease!)
  }

  /** Sequence numbers of the pings that were answered so far, in the order of the answers. */
  async answers(): Promise<number[]> {
    return answersIn(await this.console())
  }

  /** Waits, at most 60 s, until it has been answered `count` pings more than so far. */
  async pingsOn(count: number): Promise<void> {
    const enough = (await this.answers()).length + count
    await this.#until((text) => answersIn(text).length >= enough, `get ${count} more answers to its pings`)
  }

  async #until(holds: (console: string) => boolean, what: string): Promise<void> {
    const end = Date.now() + 60_000
    for (;;) {
      const text = await this.console()
      if (holds(text)) return
      if (Date.now() > end) {
        throw new Error(`Guest ${this.name} did not ${what}; its console ends:\n${text.slice(-2000)}`)
      }
      await delay(20)
    }
  }
}

/** Between two pings, as the guest's clock has it. */
export const pingIntervalMs = 50

const consolePath = (name: string) => `/var/log/libvirt/qemu/${name}.console`

function answersIn(console: string): number[] {
  return [...console.matchAll(/^\d+ bytes from .* seq=(\d+) .*\r?\n/gm)].map(([, seq]) => Number(seq))
}

/** The last word on every interface. A line counts once it is whole. */
function reported(console: string): Map<string, SeenInterface> {
  const seen = new Map<string, SeenInterface>()
  for (const [, name, mac, rest] of console.matchAll(/^PATCHBAY (\S+) (\S+) (.+?)\r?\n/gm)) {
    if (rest === 'gone') {
      seen.delete(mac!)
      continue
    }
    const [, carrier, address] = /carrier=([01]) address=(\S+)/.exec(rest!) ?? []
    seen.set(mac!, { name: name!, carrier: carrier === '1', ...(address === '-' ? {} : { address }) })
  }
  return seen
}
