/**
 * A host in a few lines: devices, guests of ours and of strangers, and the agent that allocates, records, plugs and releases, in
 * the order of the real one and interrupted at any step. What is true is known here; the ledger sees its witnesses only.
 */
import { expect } from 'vitest'
import type { DirectMode } from '../../../src/api/settings.ts'
import { aliasOf } from '../../../src/core/identity.ts'
import { deviceOf, isExclusive, usesOf, type Witnesses } from '../../../src/core/ledger.ts'
import type { Link } from '../../../src/core/link.ts'
import type { Pool } from '../../../src/core/plug.ts'
import { choosePort, keepsPort } from '../../../src/core/pool.ts'
import type { Port } from '../../../src/core/port.ts'
import { UsesByDevice } from '../../../src/core/uses-by-device.ts'
import { link, macvtap } from './definitions.ts'

type Direct = Port & { kind: 'direct' }
export type Witness = 'status' | 'definitions' | 'kernel'

interface Ours {
  key: string
  recorded?: Direct
  waitingSince?: string
  /** The macvtap in the kernel. */
  tap?: Link
  /** What the guest's definition says. */
  defined?: Direct
}

export const deviceNames = ['eth0', 'eth1', 'eth2', 'eth3']

const pool = (network: string, mode: DirectMode, devices: string[]): Pool => ({
  network,
  mode,
  devices,
  exclusive: mode === 'passthrough',
})

export class HostModel {
  readonly devices = new Map(deviceNames.map((name) => [name, link(name)]))
  readonly ours: Ours[] = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => ({ key: `default/${name}` }))
  /** Two pools whose devices nobody shares, one that shares; their devices overlap. */
  readonly pools = [
    pool('own', 'passthrough', [...deviceNames]),
    pool('own2', 'passthrough', ['eth3', 'eth2']),
    pool('shared', 'bridge', ['eth1', 'eth3', 'eth0']),
  ]
  /** Device on which a guest of somebody else is, running or off. */
  strangers = new Set<string>()
  /** Macvtaps that nobody explains. */
  strays: Link[] = []
  #clock = 0

  /** `hides`: that witness says nothing of the interface, provided the two others know it. */
  witnesses(hides?: { about: Ours; witness: Witness }): Witnesses {
    const known = hides?.about.recorded && hides.about.tap && hides.about.defined
    const shown = (each: Ours, witness: Witness) =>
      !(known && hides.about === each && hides.witness === witness)
    return {
      guests: [
        ...this.ours.map((each) => ({
          name: each.key,
          uuid: each.key,
          assignedDevices: [],
          interfaces:
            each.defined && shown(each, 'definitions')
              ? [
                  {
                    port: each.defined,
                    alias: aliasOf('default', each.key.slice('default/'.length)),
                    device: each.tap?.name,
                    settings: {},
                  },
                ]
              : [],
        })),
        ...[...this.strangers].map((dev) => ({
          name: `stranger-${dev}`,
          uuid: `stranger-${dev}`,
          assignedDevices: [],
          interfaces: [{ port: { kind: 'direct', dev, mode: 'bridge' } as const, settings: {} }],
        })),
      ],
      links: [
        ...this.devices.values(),
        ...this.ours.flatMap((each) => (each.tap && shown(each, 'kernel') ? [each.tap] : [])),
        ...this.strays,
      ],
      recorded: this.ours.flatMap((each) =>
        each.recorded && shown(each, 'status') ? [{ key: each.key, port: each.recorded }] : [],
      ),
      belonging: this.ours.map(({ key }) => ({ key, guest: { uuid: key } })),
    }
  }

  /** A pass of the agent up to the write of the port. */
  allocate(who: number, from: number, hides?: { about: number; witness: Witness }): void {
    const self = this.ours[who]!
    const pool = this.pools[from]!
    // A running NIC that would have to move is refused before this.
    if (self.recorded && self.defined) return
    if (self.recorded && keepsPort({ ...pool, kind: 'pool', forwardMode: pool.mode }, self.recorded)) return
    const witnesses = this.witnesses(hides && { about: this.ours[hides.about]!, witness: hides.witness })
    const waiting = this.ours.flatMap(({ key, waitingSince }) =>
      waitingSince && key !== self.key ? [{ key, since: waitingSince }] : [],
    )
    const claim = { self: self.key, waitingSince: self.waitingSince, waiting }
    const chosen = choosePort(pool, new UsesByDevice(usesOf(witnesses)), witnesses.links, claim)
    if ('refusal' in chosen) {
      this.#clock += 1
      if (!self.recorded) self.waitingSince ??= String(this.#clock).padStart(6, '0')
      return
    }
    const port = chosen.port as Direct
    if (!this.heldBy(self).includes(port.dev)) this.#mayBeHandedOut(port, pool, hides === undefined)
    self.recorded = port
    self.waitingSince = undefined
  }

  #mayBeHandedOut(port: Direct, pool: Pool, allTold: boolean): void {
    expect(pool.devices).toContain(port.dev)
    const device = this.devices.get(port.dev)
    expect(device).toMatchObject({ addresses: [], defaultRoute: false })
    expect(device?.master).toBeUndefined()
    expect(this.strangers).not.toContain(port.dev)
    if (pool.exclusive || !allTold) return
    const users = (dev: string) => this.ours.filter((each) => this.heldBy(each).includes(dev)).length
    const before = pool.devices.slice(0, pool.devices.indexOf(port.dev))
    for (const dev of pool.devices.filter((each) => this.#isFree(each))) {
      expect(users(port.dev)).toBeLessThanOrEqual(users(dev))
      if (before.includes(dev)) expect(users(port.dev)).toBeLessThan(users(dev))
    }
  }

  /** Free for a shared mode. */
  #isFree(dev: string): boolean {
    const device = this.devices.get(dev)
    const exclusive = this.ours.some(({ recorded, defined }) =>
      [recorded, defined].some((port) => port?.dev === dev && isExclusive(port)),
    )
    return (
      device !== undefined &&
      !device.master &&
      device.addresses.length === 0 &&
      !this.strangers.has(dev) &&
      !this.strays.some(({ lower }) => lower === dev) &&
      !exclusive
    )
  }

  /** libvirt makes the macvtap first; the definition shows the interface only later. */
  makeTap(who: number): void {
    const self = this.ours[who]!
    if (!self.recorded || self.tap || self.defined || !this.devices.has(self.recorded.dev)) return
    self.tap = macvtap(`tap-${self.key.slice(-1)}`, self.recorded.dev, self.recorded.mode)
  }

  define(who: number): void {
    const self = this.ours[who]!
    if (self.recorded && self.tap) self.defined ??= self.recorded
  }

  undefine(who: number): void {
    this.ours[who]!.defined = undefined
  }

  removeTap(who: number): void {
    const self = this.ours[who]!
    if (!self.defined) self.tap = undefined
  }

  /** Only when libvirt and the kernel show the device free. */
  release(who: number): void {
    const self = this.ours[who]!
    if (!self.recorded || self.defined) return
    const { recorded } = self
    const others = this.witnesses()
    others.recorded = others.recorded.filter(({ key }) => key !== self.key)
    const left = usesOf(others).some(
      ({ device, holder }) => device === recorded.dev && (holder.kind === 'link' || holder.name === self.key),
    )
    if (left) return
    if (self.tap) this.strays.push(self.tap)
    Object.assign(self, { recorded: undefined, tap: undefined, waitingSince: undefined })
  }

  /** The state is lost; the definition still tells who is where. */
  loseStatus(who: number): void {
    const self = this.ours[who]!
    if (self.defined) self.recorded = undefined
  }

  editPool(which: number, devices: string[]): void {
    this.pools[which]!.devices = devices
  }

  stopWaiting(who: number): void {
    this.ours[who]!.waitingSince = undefined
  }

  vanish(dev: string): void {
    this.devices.delete(dev)
    for (const each of this.ours) if (each.tap?.lower === dev) each.tap = undefined
    this.strays = this.strays.filter(({ lower }) => lower !== dev)
  }

  appear(dev: string): void {
    this.devices.set(dev, this.devices.get(dev) ?? link(dev))
  }

  change(dev: string, more: Partial<Link>): void {
    if (this.devices.has(dev)) this.devices.set(dev, link(dev, more))
  }

  /** Devices on which an interface of ours is, by whatever there is of it. */
  heldBy({ recorded, tap, defined }: Ours): string[] {
    return [recorded && deviceOf(recorded), defined && deviceOf(defined), tap?.lower].filter(
      (dev) => dev !== undefined,
    )
  }

  /** No device that somebody has to himself has two holders of ours. */
  nobodyShares(): void {
    for (const dev of deviceNames) {
      const holders = this.ours.filter((each) => this.heldBy(each).includes(dev))
      const exclusive = holders.some((each) =>
        [each.recorded, each.defined].some((port) => port?.dev === dev && isExclusive(port)),
      )
      if (exclusive) expect(holders.map(({ key }) => key)).toHaveLength(1)
    }
  }

  /** Everything of ours goes, and everybody else, and all devices are there and idle. */
  clear(): void {
    this.strangers.clear()
    this.strays = []
    for (const [who] of this.ours.entries()) {
      this.stopWaiting(who)
      this.undefine(who)
      this.removeTap(who)
    }
    for (const [who] of this.ours.entries()) this.release(who)
    for (const dev of deviceNames) {
      this.appear(dev)
      this.change(dev, {})
    }
  }
}
