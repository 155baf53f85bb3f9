/**
 * A host in a few lines: devices, guests of ours and of strangers, and the agent that allocates, records, plugs and releases, in
 * the order of the real one and interrupted at any step. What is true is known here; the ledger sees its witnesses only.
 */
import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import type { VirtualPort } from '../../../../src/api/settings.ts'
import { aliasOf } from '../../../../src/core/identity.ts'
import { deviceOf, isExclusive, usesOf, type Witnesses } from '../../../../src/core/ledger/ledger.ts'
import { choosePort, keepsPort } from '../../../../src/core/ledger/pool.ts'
import { UsesByDevice } from '../../../../src/core/ledger/uses-by-device.ts'
import type { Link } from '../../../../src/core/link.ts'
import type { Port } from '../../../../src/core/port.ts'
import type { Pool } from '../../../../src/core/resolve/plug.ts'
import { link, macvtap } from '../definitions.ts'

type Held = Port & { kind: 'direct' | 'hostdev' }
export type Witness = 'status' | 'definitions' | 'kernel'

interface Ours {
  key: string
  recorded?: Held
  waitingSince?: string
  /** The macvtap in the kernel. */
  tap?: Link
  /** What the guest's definition says. */
  defined?: Held
}

export const deviceNames = ['eth0', 'eth1', 'eth2', 'eth3']
/** PCI functions; those of `pf` that the host drives are links too. */
export const functions = ['0000:03:10.0', '0000:03:10.1', '0000:03:10.2']
const linkOf: Readonly<Record<string, string>> = { '0000:03:10.0': 'eth2', '0000:03:10.1': 'eth3' }
const functionOf = (name: string) => functions.find((address) => linkOf[address] === name)
/** One name for a device that has two. */
const oneName = (device: string) => linkOf[device] ?? device
export const everyDevice = [...new Set([...deviceNames, ...functions.map(oneName)])]

type ModelPool = Pool & { pf?: string; virtualPort?: VirtualPort }

const pool = (
  network: string,
  mode: Pool['mode'],
  devices: string[],
  more: Partial<ModelPool> = {},
): ModelPool => ({
  network,
  mode,
  devices,
  exclusive: mode === 'passthrough' || mode === 'hostdev',
  ...more,
})

export class HostModel {
  readonly devices = new Map(deviceNames.map((name) => [name, linkNamed(name)]))
  readonly ours: Ours[] = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => ({ key: `default/${name}` }))
  /** Pools of each sort, some of whose devices nobody shares; their devices overlap. */
  readonly pools = [
    pool('own', 'passthrough', [...deviceNames]),
    pool('own2', 'passthrough', ['eth3', 'eth2']),
    pool('shared', 'bridge', ['eth1', 'eth3', 'eth0']),
    pool('qbh', 'private', ['eth2', 'eth1'], {
      exclusive: true,
      virtualPort: { type: '802.1Qbh', profileID: 'x' },
    }),
    pool('addresses', 'hostdev', [...functions], { managed: true }),
    pool('pf', 'hostdev', [], { pf: 'eth9' }),
    pool('pf-links', 'passthrough', ['eth0'], { pf: 'eth9' }),
    pool('pf-shared', 'vepa', [], { pf: 'eth9' }),
  ]
  /** Networks that have handed out a device. */
  readonly handedOut = new Set<string>()
  /** Device, by either name, on which a guest of somebody else is, running or off. */
  strangers = new Set<string>()
  /** Macvtaps that nobody explains. */
  strays: Link[] = []
  #clock = 0

  /** `hides`: that witness says nothing of the interface, provided the two others know it. */
  witnesses(hides?: { about: Ours; witness: Witness }): Witnesses {
    const known = hides && isKnownToAll(hides.about)
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
                    device: each.defined.kind === 'direct' ? each.tap?.name : undefined,
                    settings: { virtualPort: this.#virtualPortOf(each.defined) },
                  },
                ]
              : [],
        })),
        ...[...this.strangers].map((dev) => ({
          name: `stranger-${dev}`,
          uuid: `stranger-${dev}`,
          assignedDevices: functions.filter((address) => address === dev),
          interfaces: functions.includes(dev)
            ? []
            : [{ port: { kind: 'direct', dev, mode: 'bridge' } as const, settings: {} }],
        })),
      ],
      links: [
        ...this.#links(),
        ...this.ours.flatMap((each) => (each.tap && shown(each, 'kernel') ? [each.tap] : [])),
        ...this.strays,
      ],
      recorded: this.ours.flatMap((each) =>
        each.recorded && shown(each, 'status')
          ? [
              {
                key: each.key,
                port: each.recorded,
                mac: macOf(each.key),
                virtualPortType: this.#virtualPortOf(each.recorded)?.type,
              },
            ]
          : [],
      ),
      belonging: this.ours.map(({ key }) => ({ key, guest: { uuid: key } })),
    }
  }

  #virtualPortOf({ network }: Held): VirtualPort | undefined {
    return this.pools.find((pool) => pool.network === network)?.virtualPort
  }

  isExclusive(port: Held): boolean {
    return isExclusive(port, this.#virtualPortOf(port)?.type)
  }

  /** A function that is given to a guest is no link of the host. */
  #links(): Link[] {
    const given = this.ours.flatMap(({ defined }) =>
      defined?.kind === 'hostdev' ? linkOf[defined.address] : [],
    )
    return [...this.devices.values()].filter(({ name }) => !given.includes(name))
  }

  /** The pool with the functions that a `pf` stands for, as the host shows them. */
  poolAt(from: number): ModelPool {
    const pool = this.pools[from]!
    if (!pool.pf) return pool
    const links = this.#links().map(({ name }) => name)
    const names =
      pool.mode === 'hostdev'
        ? functions
        : functions.flatMap((address) => links.find((name) => name === linkOf[address]) ?? [])
    return { ...pool, devices: [...new Set([...pool.devices, ...names])] }
  }

  /** A pass of the agent up to the write of the port; `crash`: it ends before the write. */
  allocate(who: number, from: number, hides?: { about: number; witness: Witness }, crash = false): void {
    const self = this.ours[who]!
    const pool = this.poolAt(from)
    // A running NIC that would have to move is refused before this.
    if (self.recorded && self.defined) return
    if (self.recorded && keepsPort({ ...pool, kind: 'pool', forwardMode: pool.mode }, self.recorded)) return
    const witnesses = this.witnesses(hides && { about: this.ours[hides.about]!, witness: hides.witness })
    const waiting = this.ours.flatMap(({ key, waitingSince }) =>
      waitingSince && key !== self.key ? [{ key, since: waitingSince }] : [],
    )
    const claim = { self: self.key, waitingSince: self.waitingSince, waiting }
    const chosen = choosePort(pool, new UsesByDevice(usesOf(witnesses)), witnesses.links, claim)
    if (crash) return
    if ('refusal' in chosen) {
      this.#clock += 1
      if (!self.recorded) self.waitingSince ??= String(this.#clock).padStart(6, '0')
      return
    }
    const port = chosen.port as Held
    const device = oneName(deviceOf(port)!)
    if (!this.heldBy(self).includes(device)) this.#mayBeHandedOut(port, pool, hides === undefined)
    this.handedOut.add(pool.network)
    self.recorded = port
    self.waitingSince = undefined
  }

  #mayBeHandedOut(port: Held, pool: Pool, allTold: boolean): void {
    const chosen = deviceOf(port)!
    expect(pool.devices).toContain(chosen)
    const device = this.#links().find(({ name }) => name === oneName(chosen))
    if (port.kind === 'direct') expect(device).toBeDefined()
    if (device) expect(device).toMatchObject({ addresses: [], defaultRoute: false })
    expect(device?.master).toBeUndefined()
    expect(this.strangersOn(chosen)).toBe(false)
    if (pool.exclusive || !allTold) return
    const users = (dev: string) => this.ours.filter((each) => this.heldBy(each).includes(dev)).length
    const before = pool.devices.slice(0, pool.devices.indexOf(chosen))
    for (const dev of pool.devices.filter((each) => this.#isFree(each))) {
      expect(users(chosen)).toBeLessThanOrEqual(users(dev))
      if (before.includes(dev)) expect(users(chosen)).toBeLessThan(users(dev))
    }
  }

  strangersOn(device: string): boolean {
    return [...this.strangers].some((each) => oneName(each) === oneName(device))
  }

  /** Free for a shared mode. */
  #isFree(dev: string): boolean {
    const device = this.#links().find(({ name }) => name === dev)
    const exclusive = this.ours.some(({ recorded, defined }) =>
      [recorded, defined].some((port) => port && oneName(deviceOf(port)!) === dev && this.isExclusive(port)),
    )
    return (
      device !== undefined &&
      !device.master &&
      device.addresses.length === 0 &&
      !this.strangersOn(dev) &&
      !this.strays.some(({ lower }) => lower === dev) &&
      // Nor with the macvtap of an interface of which neither status nor its guest tells that it is there: nobody explains that.
      !this.ours.some(
        ({ tap, recorded, defined }) =>
          tap?.lower === dev && ![recorded, defined].some((port) => port && deviceOf(port) === dev),
      ) &&
      !exclusive
    )
  }

  /** libvirt makes the macvtap first; the definition shows the interface only later. */
  makeTap(who: number): void {
    const self = this.ours[who]!
    const { recorded } = self
    if (recorded?.kind !== 'direct' || self.tap || self.defined) return
    if (!this.#links().some(({ name }) => name === recorded.dev)) return
    self.tap = macvtap(`tap-${self.key.slice(-1)}`, recorded.dev, recorded.mode, macOf(self.key))
  }

  define(who: number): void {
    const self = this.ours[who]!
    if (self.defined || !self.recorded) return
    if (self.recorded.kind === 'direct' && self.tap?.lower !== self.recorded.dev) return
    self.defined = self.recorded
    // The host's driver lets go of a function: what stood on its link goes.
    if (self.recorded.kind === 'hostdev') this.#removeTapsOn(oneName(self.recorded.address))
  }

  /** The agent plugs the interface in, and dies after so many of the steps. */
  crashPlugging(who: number, from: number, after: number): void {
    this.allocate(who, from, undefined, after === 0)
    if (after > 1) this.makeTap(who)
    if (after > 2) this.define(who)
  }

  crashUnplugging(who: number, after: number): void {
    this.undefine(who)
    if (after > 0) this.removeTap(who)
    if (after > 1) this.release(who)
  }

  undefine(who: number): void {
    const self = this.ours[who]!
    // Of one that is recorded nowhere, or elsewhere, nobody would come back for the tap.
    if (self.defined && !isDeepStrictEqual(self.recorded, self.defined)) self.tap = undefined
    self.defined = undefined
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
      ({ device, holder }) =>
        device === deviceOf(recorded) && (holder.kind === 'link' || holder.name === self.key),
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

  /**
   * Not a function's link that somebody has by its name: while it is away nothing tells which function it was, and the ledger
   * would hand that out by its address.
   */
  vanish(dev: string): void {
    const named = this.ours.some(({ recorded, defined }) =>
      [recorded, defined].some((port) => port?.kind === 'direct' && port.dev === dev),
    )
    if (functionOf(dev) && (named || this.strangers.has(dev))) return
    this.devices.delete(dev)
    this.#removeTapsOn(dev)
  }

  #removeTapsOn(dev: string): void {
    for (const each of this.ours) if (each.tap?.lower === dev) each.tap = undefined
    this.strays = this.strays.filter(({ lower }) => lower !== dev)
  }

  /** A guest of somebody else; nobody names a link that isn't there. */
  strangerAppears(device: string): void {
    const isThere = functions.includes(device) || this.#links().some(({ name }) => name === device)
    if (isThere) this.strangers.add(device)
  }

  appear(dev: string): void {
    this.devices.set(dev, this.devices.get(dev) ?? linkNamed(dev))
  }

  change(dev: string, more: Partial<Link>): void {
    if (this.devices.has(dev)) this.devices.set(dev, linkNamed(dev, more))
  }

  /** Devices on which an interface of ours is, by whatever there is of it, each under one name. */
  heldBy({ recorded, tap, defined }: Ours): string[] {
    return [recorded && deviceOf(recorded), defined && deviceOf(defined), tap?.lower].flatMap((dev) =>
      dev === undefined ? [] : [oneName(dev)],
    )
  }

  /** No device that somebody has to himself has two holders of ours. */
  nobodyShares(): void {
    for (const dev of everyDevice) {
      const holders = this.ours.filter((each) => this.heldBy(each).includes(dev))
      const exclusive = holders.some((each) =>
        [each.recorded, each.defined].some(
          (port) => port && oneName(deviceOf(port)!) === dev && this.isExclusive(port),
        ),
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

function linkNamed(name: string, more: Partial<Link> = {}): Link {
  const pciAddress = functionOf(name)
  return link(name, { ...(pciAddress && { pciAddress }), ...more })
}

/** Whichever witness is silent, the others say the same of it. */
function isKnownToAll({ recorded, tap, defined }: Ours): boolean {
  if (!recorded || !isDeepStrictEqual(recorded, defined)) return false
  return recorded.kind === 'hostdev' || tap?.lower === recorded.dev
}

/** One of its own for each interface. */
function macOf(key: string): string {
  return `52:54:00:00:00:0${key.slice(-1)}`
}
