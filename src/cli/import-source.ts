/** The definitions that `patchbay import` takes over: of files, or of a running libvirt. */
import { planNetwork } from '../core/network/plan/plan.ts'
import { type DomainRef, LibvirtClient, type NetworkRef } from '../libvirt/client.ts'
import { parseXml } from '../libvirt/xml/document.ts'
import { readWrittenGuest } from '../libvirt/xml/guest-interfaces.ts'
import { parseNetwork } from '../libvirt/xml/network/network.ts'
import { readText } from './manifest-files.ts'

export interface ImportSource {
  kind: 'network' | 'guest'
  xml: string
  /** Absent for libvirt's own. */
  file?: string
  /** A network with our mark has its manifests already, and is left out. */
  leaveOurs?: boolean
}

export interface Sources {
  sources: ImportSource[]
  /** What a person should know of them. */
  notes: string[]
}

/** What to take from libvirt: one network, one guest with the networks of its interfaces, or everything. */
export type Wanted = { network: string } | { guest: string } | { all: true }

/** Milliseconds: a libvirt that is being started by its socket answers within that. */
const connectionMs = 5_000

/** Throws an error of one line for each file that is neither a network nor a guest. */
export async function sourcesInFiles(paths: readonly string[]): Promise<Sources> {
  const sources: ImportSource[] = []
  const problems: string[] = []
  for (const path of new Set(paths)) {
    const { file, text } = await readText(path)
    const kind = kindOf(text)
    if (kind === 'network' || kind === 'guest') sources.push({ kind, xml: text, file })
    else problems.push(`${file}: ${kind.reason}`)
  }
  if (problems.length > 0) throw new Error(problems.join('\n'))
  return { sources, notes: [] }
}

function kindOf(text: string): ImportSource['kind'] | { reason: string } {
  try {
    const { name } = parseXml(text)
    if (name === 'network') return 'network'
    if (name === 'domain') return 'guest'
    return { reason: `<network> or <domain> expected, not <${name}>` }
  } catch (error) {
    return { reason: (error as Error).message }
  }
}

/** Rejects when libvirt doesn't answer, or has no such network or guest. `socket`: also the directory that holds it. */
export async function sourcesInLibvirt(socket: string, wanted: Wanted): Promise<Sources> {
  const libvirt = new LibvirtClient({ socket })
  try {
    await libvirt.connect(AbortSignal.timeout(connectionMs))
    return await new Reading(libvirt).read(wanted)
  } finally {
    await libvirt.close()
  }
}

class Reading {
  readonly #libvirt: LibvirtClient
  readonly #sources: ImportSource[] = []
  readonly #notes: string[] = []

  constructor(libvirt: LibvirtClient) {
    this.#libvirt = libvirt
  }

  async read(wanted: Wanted): Promise<Sources> {
    if ('network' in wanted) await this.#network(await this.#networkNamed(wanted.network), false)
    else if ('guest' in wanted) await this.#guestWithNetworks(await this.#guestNamed(wanted.guest))
    else await this.#all()
    return { sources: this.#sources, notes: this.#notes }
  }

  async #all(): Promise<void> {
    for (const network of byName(await this.#libvirt.listNetworks())) await this.#network(network, true)
    for (const guest of byName(await this.#libvirt.listDomains())) await this.#guest(guest)
  }

  async #guestWithNetworks(guest: DomainRef): Promise<void> {
    const xml = await this.#guest(guest)
    const ports = readWrittenGuest(xml).interfaces.map(({ definition }) => definition?.port)
    const names = ports.flatMap((port) => (port?.kind === 'network' ? port.network : []))
    for (const name of [...new Set(names)].sort()) {
      const network = await this.#libvirt.networkByName(name)
      if (network !== undefined) await this.#network(network, true)
    }
  }

  async #network(network: NetworkRef, leaveOurs: boolean): Promise<void> {
    const libvirt = this.#libvirt
    const xml = await libvirt.networkXML(network, { inactive: true })
    this.#sources.push({ kind: 'network', xml, leaveOurs })
    const [active, saved] = [
      await libvirt.networkIsActive(network),
      await libvirt.networkIsPersistent(network),
    ]
    const differs = active && (await libvirt.networkXML(network).then((live) => isOther(live, xml)))
    const ahead = [
      !saved && 'has no saved definition; its running one was read, and the agent saves it',
      !active && 'does not run, and the agent starts it',
      !(await libvirt.networkAutostart(network)) &&
        'does not start with the host, and the agent has it do so',
      differs && 'runs with another definition than its saved one, which was read; the agent changes that',
    ]
    for (const each of ahead) if (each !== false) this.#notes.push(`network ${network.name}: ${each}`)
  }

  /** The saved definition is what the guest starts with; a guest that has none shows the live one. */
  async #guest(guest: DomainRef): Promise<string> {
    const saved = await this.#libvirt.domainIsPersistent(guest)
    const xml = await this.#libvirt.domainXML(guest, { inactive: saved })
    this.#sources.push({ kind: 'guest', xml })
    if (!saved) this.#notes.push(`guest ${guest.name}: has no saved definition; its running one was read`)
    else if (guest.id !== -1) this.#notePlugged(guest.name, xml, await this.#libvirt.domainXML(guest))
    return xml
  }

  /** A NIC that will be gone after the guest's next start. */
  #notePlugged(name: string, saved: string, live: string): void {
    const labels = new Set(readWrittenGuest(saved).interfaces.map(({ label }) => label))
    for (const { label } of readWrittenGuest(live).interfaces) {
      if (labels.has(label)) continue
      this.#notes.push(`guest ${name}: interface ${label}: left out, since it is not in the saved definition`)
    }
  }

  async #networkNamed(name: string): Promise<NetworkRef> {
    const found = await this.#libvirt.networkByName(name)
    if (found) return found
    throw new Error(`libvirt has no network ${name}: ${known(await this.#libvirt.listNetworks())}`)
  }

  async #guestNamed(name: string): Promise<DomainRef> {
    const found = await this.#libvirt.domainByName(name)
    if (found) return found
    throw new Error(`libvirt has no guest ${name}: ${known(await this.#libvirt.listDomains())}`)
  }
}

/** Whether the running network is another one than its saved definition says. One that cannot be read is told elsewhere. */
function isOther(live: string, saved: string): boolean {
  try {
    const plan = planNetwork(parseNetwork(live), parseNetwork(saved), { live: true })
    return plan.updates.length + plan.restartRequired.length > 0
  } catch {
    return false
  }
}

function byName<T extends { name: string }>(refs: readonly T[]): T[] {
  return refs.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

function known(refs: readonly { name: string }[]): string {
  return refs.length === 0
    ? 'there are none'
    : `there are ${byName(refs)
        .map(({ name }) => name)
        .join(', ')}`
}
