/** `patchbay agent --manifests` on a lab host: its directories, and the agent itself, to be stopped, killed and started again. */
import { mkdirSync } from 'node:fs'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Condition } from '../../src/api/conditions.ts'
import type { GuestInterfaceStatus } from '../../src/api/guest-interface.ts'
import type { Resources, StoredKind } from '../../src/store/store.ts'
import { AgentProcess } from './agent-process.ts'
import type { LabHost } from './host.ts'
import type { Manifest } from './manifests.ts'

const entries = {
  agent: ['src/cli/main.ts', 'agent'],
  /** Dies at a step boundary; see there. */
  crashing: ['test/lab/crashing-agent.ts'],
}

export class LabAgent {
  /** As seen from outside. */
  readonly manifests: string
  readonly state: string
  readonly #host: LabHost
  readonly #arguments: string[]
  readonly #applied = new Map<string, Manifest>()
  readonly #process: AgentProcess

  /** `name` tells several agents of one host apart, each with its own directories. */
  constructor(host: LabHost, name = 'agent') {
    this.#host = host
    this.#process = new AgentProcess(host)
    const [manifests, state] = [`/run/${name}/manifests`, `/run/${name}/state`]
    this.manifests = host.root + manifests
    this.state = host.root + state
    mkdirSync(this.manifests, { recursive: true })
    this.#arguments = ['--manifests', manifests, '--state', state, '--host-name', host.name]
  }

  /** The agent's log lines since it was started last. */
  get log(): readonly string[] {
    return this.#process.log
  }

  /** Back when the process is there, long before it has done anything. */
  async start(...more: string[]): Promise<void> {
    await this.#process.start([...entries.agent, ...this.#arguments, ...more])
  }

  /** Waits until it has read its directories and goes to work: what status says may be from before. */
  async up(): Promise<void> {
    await this.#process.says('agent runs')
  }

  /** An agent that kills itself (SIGKILL) `ms` milliseconds after it has logged its `n`-th step boundary, counted from 1. */
  async startCrashing(n: number, ms = 0): Promise<void> {
    await this.#process.start([...entries.crashing, ...this.#arguments, String(n), String(ms)])
  }

  /** SIGKILL; back when it is gone. */
  async kill9(): Promise<void> {
    await this.#process.end('SIGKILL')
  }

  /** SIGTERM; its exit code. */
  async stop(): Promise<number | null> {
    return this.#process.end('SIGTERM')
  }

  /** Waits until it ends by itself: its exit code, or the signal that ended it. */
  async ended(): Promise<number | string | null> {
    return this.#process.ended()
  }

  get alive(): boolean {
    return this.#process.alive
  }

  /** `agent --once`: its exit code. */
  async once(): Promise<number> {
    const result = await this.#host.exec(process.execPath, [...entries.agent, ...this.#arguments, '--once'], {
      reject: false,
    })
    return result.exitCode!
  }

  /** Writes each manifest into a file of its own: new, or over the one of the same kind and name. */
  async apply(...manifests: Manifest[]): Promise<void> {
    for (const manifest of manifests) {
      this.#applied.set(idOf(manifest), manifest)
      await writeFile(this.#fileOf(manifest), `${JSON.stringify(manifest, undefined, 2)}\n`)
    }
  }

  /** Removes their files. */
  async remove(...manifests: Manifest[]): Promise<void> {
    for (const manifest of manifests) {
      this.#applied.delete(idOf(manifest))
      await rm(this.#fileOf(manifest))
    }
  }

  /** The object as the state directory has it; undefined when it has none. */
  async stored<K extends StoredKind>(kind: K, name: string): Promise<Resources[K] | undefined> {
    const namespace = kind === 'GuestInterface' ? 'default' : ''
    const file = path.join(this.state, kind.toLowerCase(), namespace, `${name}.json`)
    try {
      return JSON.parse(await readFile(file, 'utf8')) as Resources[K]
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  async status(name: string): Promise<GuestInterfaceStatus> {
    return (await this.stored('GuestInterface', name))?.status ?? {}
  }

  /** Names of all objects of a kind in the state directory, and of whatever else lies there. */
  async storedNames(kind: StoredKind): Promise<string[]> {
    const directory = path.join(this.state, kind.toLowerCase(), kind === 'GuestInterface' ? 'default' : '')
    return (await readdir(directory).catch(() => [])).map((file) => file.replace(/\.json$/, '')).sort()
  }

  async condition(name: string, type: string): Promise<Condition | undefined> {
    return (await this.status(name)).conditions?.find((each) => each.type === type)
  }

  /**
   * Ready of an object as `True InSync`; `Unseen` until status speaks of the manifest that was applied last. One that
   * was not accepted stays unseen: look at its conditions.
   */
  async ready(name: string, kind: Manifest['kind'] = 'GuestInterface'): Promise<string> {
    const stored = await this.stored(kind, name)
    const applied = this.#applied.get(`${kind}-${name}`)
    if (!stored || stored.status?.observedGeneration !== stored.metadata.generation) return 'Unseen'
    if (applied && !isAccepted(stored.spec, applied.spec)) return 'Unseen'
    const ready = stored.status?.conditions?.find(({ type }) => type === 'Ready')
    return `${ready?.status} ${ready?.reason}`
  }

  /** Waits until `ready` says this, 20 s unless told; what it says instead, and the agent's last words, are in the error. */
  async reaches(
    name: string,
    wanted = 'True InSync',
    ms = 20_000,
    kind: Manifest['kind'] = 'GuestInterface',
  ): Promise<void> {
    const end = Date.now() + ms
    for (;;) {
      const ready = await this.ready(name, kind)
      if (ready === wanted) return
      if (Date.now() > end) {
        const { conditions } = (await this.stored(kind, name))?.status ?? {}
        const said = conditions?.find(({ type }) => type === 'Ready')?.message ?? ''
        const tail = this.log.slice(-10).join('\n')
        throw new Error(
          `${kind} ${name} is ${ready}, not ${wanted}, after ${ms} ms: ${said}\nThe agent's log ends:\n${tail}`,
        )
      }
      await delay(20)
    }
  }

  /** In the directory of the manifests, so that a test can do to it what it likes. */
  #fileOf(manifest: Manifest): string {
    return path.join(this.manifests, `${idOf(manifest)}.yaml`)
  }
}

function idOf({ kind, metadata }: Manifest): string {
  return `${kind}-${metadata.name}`
}

/** Whether everything that the manifest gives stands in the spec; the spec has defaults besides. */
function isAccepted(accepted: Record<string, unknown>, given: Record<string, unknown>): boolean {
  const defaults = ['updatePolicy', 'deletionPolicy', 'onRestartRequired']
  const keys = new Set([...Object.keys(accepted), ...Object.keys(given)])
  return [...keys].every(
    (key) => (defaults.includes(key) && !(key in given)) || isDeepStrictEqual(accepted[key], given[key]),
  )
}
