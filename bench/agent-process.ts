/** A compiled agent in a lab host, started as it is to be deployed, and what the kernel counts of it. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, type FSWatcher, mkdirSync, openSync, readFileSync, watch } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { LabHost } from '../test/lab/host.ts'

export interface AgentPlace {
  host: LabHost
  /** In the host; made where they are not there. */
  manifests: string
  state: string
  /** In the host; default libvirt's own. */
  libvirt?: string
  /** Instead of those it is to be deployed with. */
  nodeArgs?: string[]
}

export interface ClusterPlace {
  host: LabHost
  /** Of the machine. */
  kubeconfig: string
  /** In the host; default libvirt's own. */
  libvirt?: string
}

/** Where they come from is in docs/decisions/0005-speed-and-memory.md. */
export const deployedNodeArgs = [
  '--max-semi-space-size=4',
  '--heap-growing-percent=50',
  '--no-concurrent-recompilation',
]
export const deployedEnvironment = { MALLOC_ARENA_MAX: '2' }

/** MiB of RSS: `now`, and the most it ever was. */
export interface Memory {
  now: number
  peak: number
}

export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const mib = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024
  return { now: mib('VmRSS'), peak: mib('VmHWM') }
}

/** Seconds so far. `directory`: of the process, in a /proc. */
export function processorTimeOf(directory: string): number {
  const stat = readFileSync(`${directory}/stat`, 'utf8')
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number)
  return ((user ?? 0) + (system ?? 0)) / 100
}

export class AgentProcess {
  readonly pid: number
  /** ms of performance.now() just before it was started. */
  readonly startedAt: number
  readonly #child: ChildProcess

  private constructor(pid: number, startedAt: number, child: ChildProcess) {
    this.pid = pid
    this.startedAt = startedAt
    this.#child = child
  }

  static async start({ host, manifests, state, libvirt, nodeArgs = deployedNodeArgs }: AgentPlace) {
    for (const directory of [manifests, state]) mkdirSync(host.root + directory, { recursive: true })
    return AgentProcess.#spawn(host, nodeArgs, ['--manifests', manifests, '--state', state], libvirt)
  }

  /** By the name of the host's Node. */
  static async startInCluster({ host, kubeconfig, libvirt }: ClusterPlace) {
    return AgentProcess.#spawn(host, deployedNodeArgs, ['--kubeconfig', kubeconfig], libvirt)
  }

  static async #spawn(host: LabHost, nodeArgs: string[], origin: string[], libvirt: string | undefined) {
    const log = openSync(`${host.root}/run/agent.log`, 'a')
    const command = [...nodeArgs, 'dist/cli/main.js', 'agent', ...origin]
    if (libvirt) command.push('--libvirt', libvirt)
    const startedAt = performance.now()
    const { pid, child } = await host.spawn('node', command, {
      stdio: ['ignore', log, log],
      env: { ...deployedEnvironment, NODE_NAME: host.name },
    })
    closeSync(log)
    return new AgentProcess(pid, startedAt, child)
  }

  memory(): Memory {
    return memoryOf(this.pid)
  }

  /** Seconds of processor time so far. */
  processorTime(): number {
    return processorTimeOf(`/proc/${this.pid}`)
  }

  /**
   * When it last read anything to speak of, in ms of performance.now(), to 5 ms: back once it has read nothing for `quietMs`.
   * libvirt's replies count too, so this is when it last heard of a guest; its keepalive does not.
   */
  async lastRead(quietMs: number): Promise<number> {
    const keepalives = 1_000
    let before = 0
    let at = performance.now()
    while (performance.now() - at < quietMs) {
      const io = readFileSync(`/proc/${this.pid}/io`, 'utf8')
      const bytes = Number(/^rchar: (\d+)/m.exec(io)?.[1])
      if (bytes - before > keepalives) at = performance.now()
      before = bytes
      await delay(5)
    }
    return at
  }

  /** Takes it off the processor, for less than the 25 s after which libvirt would think it dead. */
  pause(): void {
    process.kill(this.pid, 'SIGSTOP')
  }

  resume(): void {
    process.kill(this.pid, 'SIGCONT')
    // nsenter stops itself with the process it waits for.
    this.#child.kill('SIGCONT')
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = once(this.#child, 'exit')
    process.kill(this.pid, 'SIGTERM')
    await exited
  }
}

/** Hears of each file that takes its place in a directory of state; without what is written under a temporary name. */
export function watchState(
  host: LabHost,
  state: string,
  kinds: readonly string[],
  written: (file: string) => void,
): { stop(): void } {
  const watchers: FSWatcher[] = kinds.map((kind) => {
    const directory = join(host.root + state, kind)
    mkdirSync(directory, { recursive: true })
    return watch(directory, (event, file) => {
      if (event === 'rename' && file?.endsWith('.json')) written(join(directory, file))
    })
  })
  return {
    stop: () => {
      for (const watcher of watchers) watcher.close()
    },
  }
}
