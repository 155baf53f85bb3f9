/**
 * What we make of interface, port group and network, and the device we choose, against libvirt's own port creation, for random
 * ones of every forward mode. PATCHBAY_SEED=N has other cases; a failure names the seed and everything that was asked.
 */
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { GuestInterface } from '../../src/api/guest-interface.ts'
import type { Network } from '../../src/api/network.ts'
import type { PortGroup } from '../../src/api/port-group.ts'
import { validate } from '../../src/api/validate.ts'
import { capabilitiesOf } from '../../src/core/capabilities.ts'
import { deviceOf, isExclusive, type Use } from '../../src/core/ledger/ledger.ts'
import { choosePort } from '../../src/core/ledger/pool.ts'
import { UsesByDevice } from '../../src/core/ledger/uses-by-device.ts'
import type { Port } from '../../src/core/port.ts'
import { type HostFacts, type Resolved, resolve } from '../../src/core/resolve/resolve.ts'
import { LabHost } from '../lab/host.ts'
import { libvirtVersion } from '../lab/world.ts'
import {
  type LibvirtAnswer,
  type LibvirtNetwork,
  type LibvirtPort,
  LibvirtsPorts,
} from './resolve-differential/libvirts-ports.ts'
import { betterThanLibvirt, type Triple, unusableFields } from './resolve-differential/rules.ts'
import {
  type Mode,
  networkSpec,
  noSuchGroup,
  type Plugging,
  pciAddress,
  type Settings,
  type TestNetwork,
  testNetwork,
} from './resolve-differential/triples.ts'

/** Networks of each mode, and interfaces of each network. Those that libvirt makes itself take it 0.2 s each. */
const cases: Record<Mode, [networks: number, pluggings: number]> = {
  isolated: [6, 50],
  nat: [6, 50],
  route: [6, 50],
  open: [6, 50],
  bridge: [90, 40],
  'bridge pool': [40, 30],
  private: [50, 30],
  vepa: [35, 30],
  passthrough: [40, 30],
  hostdev: [40, 30],
}
const all = Object.values(cases).reduce((sum, [networks, pluggings]) => sum + networks * pluggings, 0)
const seed = Number(process.env.PATCHBAY_SEED ?? 1)

let host: LabHost
let libvirt: LibvirtsPorts
let facts: HostFacts
beforeAll(async () => {
  host = await LabHost.start({ name: 'differential' })
  // There is no SR-IOV here. libvirt takes a function for a virtual one that has a link to its physical one.
  const functions = Array.from({ length: 5 }, (_, n) => pciAddress(n)).join(' ')
  await host.run(`
    mount -t tmpfs none /sys/bus/pci/devices
    cd /sys/bus/pci/devices
    mkdir 0000:03:00.0 ${functions}
    for f in ${functions}; do ln -s ../0000:03:00.0 $f/physfn; done`)
  libvirt = await LibvirtsPorts.connect(host.socket)
  facts = {
    capabilities: capabilitiesOf({ libvirt: await libvirtVersion(host), qemu: 0 }),
    bridges: new Map(),
  }
})
afterAll(async () => {
  libvirt?.close()
  await host?.stop()
})

/** How often what came of it. */
const tally = new Map<string, number>()
const count = (what: string) => tally.set(what, (tally.get(what) ?? 0) + 1)

test(`${all} random interfaces come to the same with us and with libvirt`, async () => {
  console.log(`PATCHBAY_SEED=${seed}: ${all} interfaces`)
  let number = 0
  for (const [mode, [networks, pluggings]] of Object.entries(cases) as [Mode, [number, number]][]) {
    const bare = await startBare(mode, number++)
    for (const network of fc.sample(testNetwork(mode, pluggings), { numRuns: networks, seed })) {
      await compare(network, number++, bare)
    }
    await libvirt.stop(bare)
  }
  console.log(
    [...tally]
      .sort()
      .map(([what, times]) => `${String(times).padStart(6)}  ${what}`)
      .join('\n'),
  )
  expect([...tally.values()].reduce((sum, times) => sum + times, 0)).toBe(all)
  expect(tally.get('equal')).toBeGreaterThan(all / 3)
  expect([...tally.keys()]).toEqual(expect.arrayContaining(Object.keys(betterThanLibvirt)))
})

/** A network that says nothing, to see whether libvirt takes what we came to. */
async function startBare(mode: Mode, number: number): Promise<LibvirtNetwork> {
  const network: TestNetwork = { mode, devices: 1, settings: {}, groups: [], pluggings: [] }
  const started = await libvirt.start('bare', networkSpec(network, number), [])
  if ('refused' in started) throw new Error(`bare network of mode ${mode}: ${started.refused}`)
  return started
}

interface Manifests {
  network: Network
  portGroups: PortGroup[]
}

/** What both sides have handed out of one network. */
interface Held {
  use: Use | undefined
  theirs: LibvirtPort
}

async function compare(network: TestNetwork, number: number, bare: LibvirtNetwork): Promise<void> {
  const name = `n${number}`
  const spec = networkSpec(network, number)
  const manifests: Manifests = {
    network: valid<Network>('Network', name, spec),
    portGroups: network.groups.map(({ name: groupName, default: isDefault, settings }) =>
      valid<PortGroup>('PortGroup', `${name}-${groupName}`, {
        networkName: name,
        groupName,
        default: isDefault,
        ...settings,
      }),
    ),
  }
  const started = await libvirt.start(name, spec, network.groups)
  const held: Held[] = []
  for (const [n, plugging] of network.pluggings.entries()) {
    for (const place of plugging.freedBefore) {
      if (held.length > 0) await libvirt.delete(held.splice(place % held.length, 1)[0]!.theirs)
    }
    const guestInterface = valid<GuestInterface>('GuestInterface', `i${n}`, {
      guest: { name: 'vm1' },
      source: { network: { name, ...(plugging.group !== undefined && { portGroup: plugging.group }) } },
      ...plugging.settings,
    })
    const ours = askUs(guestInterface, manifests, held)
    const theirs = await askLibvirt(started, network, plugging)
    const triple = tripleOf(network, plugging)
    const found = await judge(triple, plugging, ours, theirs, bare, held)
    if (found.fault !== undefined) {
      expect.fail(
        `${found.fault} (PATCHBAY_SEED=${seed})\n${JSON.stringify({ ...triple, groupName: plugging.group, held: held.map(({ use }) => use), ours, theirs }, undefined, 2)}`,
      )
    }
    count(found.outcome)
    if (!('refused' in theirs)) {
      if (found.outcome === 'equal' && 'port' in ours)
        held.push({ use: useOf(ours, `default/i${n}`), theirs })
      else await libvirt.delete(theirs)
    }
  }
  for (const { theirs } of held) await libvirt.delete(theirs)
  if (!('refused' in started)) await libvirt.stop(started)
}

function valid<T>(kind: string, name: string, spec: object): T {
  const { object, problems } = validate({
    apiVersion: 'patchbay.dev/v1alpha1',
    kind,
    metadata: { name },
    spec,
  })
  if (object === undefined) throw new Error(`${kind} ${name}: ${JSON.stringify(problems)}`)
  return object as T
}

type OurAnswer =
  | { resolved: Resolved; port: Port }
  | { resolved?: Resolved; refused: { reason: string; field?: string }[] }

function askUs(guestInterface: GuestInterface, { network, portGroups }: Manifests, held: Held[]): OurAnswer {
  const resolved = resolve({
    guestInterface,
    networks: [network],
    portGroups,
    host: { name: 'h1', labels: {} },
    facts,
  })
  if ('refusals' in resolved) return { refused: resolved.refusals }
  const { plug } = resolved
  if (plug.kind === 'fixed') return { resolved, port: plug.port }
  const links = plug.devices.map((device, n) => ({
    name: device,
    index: n + 1,
    mac: '',
    mtu: 1500,
    up: true,
    addresses: [],
    defaultRoute: false,
  }))
  const uses = new UsesByDevice(held.flatMap(({ use }) => use ?? []))
  const self = `default/${guestInterface.metadata.name}`
  const chosen = choosePort(plug, uses, links, { self, waiting: [] })
  return 'port' in chosen ? { resolved, port: chosen.port } : { resolved, refused: [chosen.refusal] }
}

async function askLibvirt(
  started: LibvirtNetwork | { refused: string },
  { groups }: TestNetwork,
  { group, settings }: Plugging,
): Promise<LibvirtAnswer> {
  if ('refused' in started) return started
  const inForce = group ?? groups.find((each) => each.default)?.name
  const refused = inForce === undefined ? undefined : started.refusedGroups.get(inForce)
  return refused === undefined ? libvirt.create(started, group, settings) : { refused }
}

function tripleOf({ mode, settings, groups }: TestNetwork, plugging: Plugging): Triple {
  const group = groups.find((each) =>
    plugging.group === undefined ? each.default : each.name === plugging.group,
  )
  return { mode, interface: plugging.settings, group: group?.settings, network: settings }
}

function useOf({ resolved, port }: { resolved: Resolved; port: Port }, name: string): Use | undefined {
  const device = deviceOf(port)
  const exclusive = isExclusive(port, resolved.effective.virtualPort?.type)
  return device === undefined ? undefined : { device, holder: { kind: 'interface', name }, exclusive }
}

/** What came of one interface; `fault`: what must not be. */
async function judge(
  triple: Triple,
  { group }: Plugging,
  ours: OurAnswer,
  theirs: LibvirtAnswer,
  bare: LibvirtNetwork,
  held: readonly Held[],
): Promise<{ outcome: string; fault?: undefined } | { fault: string }> {
  if ('refused' in ours) {
    if ('refused' in theirs) return { outcome: `both refuse: ${ours.refused[0]?.reason}` }
    if (group === noSuchGroup) return { outcome: 'a port group that does not exist' }
    const fields = unusableFields(triple, withGroupIsolation(theirs.settings, triple))
    const refusedFields = ours.refused.map(({ field }) => field)
    if (fields.length > 0 && isDeepStrictEqual(fields.sort(), refusedFields.sort())) {
      return { outcome: 'no guest could use it' }
    }
    if (ours.refused[0]?.reason === 'PoolExhausted' && sharesExclusive(theirs.port, held)) {
      return { outcome: 'libvirt shares a device that somebody has to himself' }
    }
    return { fault: 'We refuse what libvirt and a guest would take' }
  }

  const { resolved, port } = ours
  const wanted = comparable(resolved)
  if ('refused' in theirs) {
    const better = Object.entries(betterThanLibvirt).find(
      ([, { says, holds }]) => says.test(theirs.refused) && holds(triple, resolved),
    )
    if (better === undefined) return { fault: 'We take what libvirt refuses' }
    const result = await libvirt.create(bare, undefined, resolvedSettings(resolved))
    if ('refused' in result) return { fault: `What we came to is refused by libvirt: ${result.refused}` }
    await libvirt.delete(result)
    return isDeepStrictEqual(withoutGenerated(result.settings, resolved), wanted)
      ? { outcome: better[0] }
      : { fault: `libvirt makes something else of what we came to: ${JSON.stringify(result.settings)}` }
  }
  const meant = withGroupIsolation(theirs.settings, triple)
  const unusable = unusableFields(triple, meant)
  if (unusable.length > 0) return { fault: `We take what no guest could use: ${unusable.join(', ')}` }
  const settings = withoutGenerated(meant, resolved)
  if (!isDeepStrictEqual(settings, wanted)) return { fault: 'The settings differ' }
  if (isDeepStrictEqual({ ...theirs.port }, { ...port })) return { outcome: 'equal' }
  return sharesExclusive(theirs.port, held)
    ? { outcome: 'libvirt shares a device that somebody has to himself' }
    : { fault: 'The ports differ' }
}

/** libvirt drops the isolation of a port group (design 5); with us it counts. */
function withGroupIsolation(settings: Settings, { interface: own, group }: Triple): Settings {
  const isolation = own.portIsolation ?? group?.portIsolation
  return isolation === undefined ? settings : { ...settings, portIsolation: isolation }
}

/** In private mode an 802.1Qbh port has its device to itself, but libvirt gives it to others as well. */
function sharesExclusive(port: Port, held: readonly Held[]): boolean {
  return held.some(({ use }) => use?.exclusive === true && use.device === deviceOf(port))
}

/** What layers can say, of what came out. */
function resolvedSettings({ effective }: Resolved): Settings {
  const { virtualPort, vlan, bandwidth, trustGuestRxFilters, portIsolation } = effective
  return Object.fromEntries(
    Object.entries({ virtualPort, vlan, bandwidth, trustGuestRxFilters, portIsolation }).filter(
      ([, value]) => value !== undefined,
    ),
  )
}

/** As libvirt prints it: no trunk='no'. */
function comparable(resolved: Resolved): Settings {
  const settings = withoutGenerated(resolvedSettings(resolved), resolved)
  if (settings.vlan?.trunk !== false) return settings
  const { trunk: _, ...vlan } = settings.vlan
  return { ...settings, vlan }
}

function withoutGenerated(settings: Settings, { sources }: Resolved): Settings {
  if (settings.virtualPort === undefined) return settings
  const virtualPort = Object.fromEntries(
    Object.entries(settings.virtualPort).filter(([name]) => sources[`virtualPort.${name}`] !== 'generated'),
  )
  return { ...settings, virtualPort }
}
