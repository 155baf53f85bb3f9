/**
 * A lab host: a real libvirtd, QEMU and, where asked for, Open vSwitch in network, mount, pid and uts namespaces of
 * their own. Several live on one machine at once, and nothing of the machine's own libvirt or network is touched.
 *
 * A host ends with the process that started it, however that ends: its pid 1 waits for the end of a pipe from us.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { access, constants, mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { execa, type Options, type Result } from 'execa'
import { cacheDirectory } from './cache.ts'
import { Libvirtd } from './libvirtd.ts'

export interface LabHostOptions {
  /** Becomes the host's hostname; hosts of one machine may share it. */
  name: string
  /** Starts ovsdb-server and ovs-vswitchd too (userspace datapath only; see `addOpenVswitchBridge`). */
  openVswitch?: boolean
  /** Without them a host needs no interface indexes of its own: many more start in the same time. Default true. */
  macvtaps?: boolean
}

/** Every command a lab host is made of, and the Debian package that has it. */
const commands = {
  unshare: 'util-linux',
  nsenter: 'util-linux',
  ip: 'iproute2',
  libvirtd: 'libvirt-daemon-system',
  virsh: 'libvirt-clients',
  'qemu-system-x86_64': 'qemu-system-x86',
}
const openVswitchCommands = { 'ovs-vswitchd': 'openvswitch-switch', 'ovs-vsctl': 'openvswitch-switch' }

export class LabHost {
  readonly name: string
  /** Pid of the host's pid 1 as the machine sees it. */
  readonly pid: number
  /** The host's file system as seen from outside: `${root}/run`, `${root}/sys` and so on. */
  readonly root: string
  /** libvirt's socket as seen from outside. */
  readonly socket: string
  /** Put before a command and its arguments, runs it inside the host, in the working directory of the caller. */
  readonly nsenterArgv: readonly string[]
  readonly libvirtd: Libvirtd
  readonly #process: ChildProcess

  private constructor(name: string, pid: number, process_: ChildProcess) {
    this.name = name
    this.pid = pid
    this.root = `/proc/${pid}/root`
    this.socket = `${this.root}/run/libvirt/libvirt-sock`
    this.nsenterArgv = ['nsenter', '-t', String(pid), '-m', '-n', '-p', '-u', `--wdns=${process.cwd()}`, '--']
    this.libvirtd = new Libvirtd(this)
    this.#process = process_
  }

  /** Starts a host and waits until its libvirtd answers: 1 to 3 s. Throws one sentence that says what is missing. */
  static async start({ name, openVswitch = false, macvtaps = true }: LabHostOptions): Promise<LabHost> {
    if (process.getuid?.() !== 0) throw new Error('A lab host needs root: run this as root.')
    await requireCommands(openVswitch ? { ...commands, ...openVswitchCommands } : commands)
    const cache = path.join(cacheDirectory(), 'libvirt')
    await mkdir(cache, { recursive: true })

    const init = path.join(import.meta.dirname, 'init')
    const child = spawn(
      'unshare',
      ['-m', '-n', '-p', '-u', '--fork', '--kill-child', 'bash', init, name, cache].concat(
        openVswitch ? ['open-vswitch'] : [],
        macvtaps ? [] : ['no-macvtaps'],
      ),
      // A session of its own: Ctrl-C reaches the test, which then ends the host in good order.
      { detached: true, stdio: 'pipe', env: { ...process.env, PATH: searchPath(), LC_ALL: 'C' } },
    )
    const complaint = text(child.stderr)
    let pid: number | undefined
    let ready = false
    for await (const line of createInterface(child.stdout)) {
      if (line.startsWith('pid ')) pid = Number(line.slice(4))
      if (line === 'ready') {
        ready = true
        break
      }
    }
    if (!ready || pid === undefined) {
      child.stdin.end()
      throw new Error(`Lab host ${name} did not start: ${(await complaint).trim() || 'it said nothing'}`)
    }
    // A host that is forgotten must not keep the process alive: it ends with it.
    child.unref()
    for (const stream of [child.stdin, child.stdout, child.stderr]) {
      ;(stream as unknown as { unref(): void }).unref()
    }
    child.stdout.resume()
    // The pipe breaks when the host ends by itself; whoever uses the host sees that by its own failure.
    child.stdin.on('error', () => {})
    return new LabHost(name, pid, child)
  }

  /** Runs a program inside the host (`nsenter -t PID -m -n -p -u -- COMMAND ARGS`); execa's options and errors. */
  exec(command: string, args: readonly string[] = [], options: Options = {}): Promise<Result> {
    const [nsenter, ...rest] = this.nsenterArgv
    return execa(nsenter!, [...rest, command, ...args], {
      ...options,
      env: { ...options.env, PATH: searchPath() },
    }) as unknown as Promise<Result>
  }

  /**
   * Starts a program that runs on inside the host. Signals go to `pid` (as the machine sees it): nsenter stays between
   * as the parent, passes none on, and ends as the program ends.
   */
  async spawn(
    command: string,
    args: readonly string[] = [],
    options: SpawnOptions = {},
  ): Promise<{ pid: number; child: ChildProcess }> {
    const [nsenter, ...rest] = this.nsenterArgv
    const child = spawn(nsenter!, [...rest, command, ...args], {
      ...options,
      env: { ...process.env, ...options.env, PATH: searchPath() },
    })
    await once(child, 'spawn')
    while (child.exitCode === null && child.signalCode === null) {
      const pid = Number(
        await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').catch(() => ''),
      )
      if (pid > 0) return { pid, child }
      await delay(1)
    }
    throw new Error(
      `${command} ended at once in lab host ${this.name}: ${child.signalCode ?? child.exitCode}`,
    )
  }

  /** Runs a bash script inside the host, giving what it prints; throws at the first command of it that fails. */
  async run(script: string): Promise<string> {
    return String((await this.exec('bash', ['-euo', 'pipefail', '-c', script])).stdout)
  }

  /** `virsh ARGS` inside the host, giving what it prints. */
  async virsh(...args: string[]): Promise<string> {
    return String(
      (await this.exec('virsh', ['--quiet', '--connect', 'qemu:///system', ...args])).stdout,
    ).trim()
  }

  /** Puts text into a new file of the host and gives its path there, for commands that read XML from a file. */
  async file(content: string): Promise<string> {
    const file = `/run/lab-${randomUUID()}`
    await writeFile(this.root + file, content)
    return file
  }

  /** Ends the host with everything that runs in it; links, mounts and files of it go with its namespaces. */
  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    this.#process.ref()
    const exited = once(this.#process, 'exit')
    this.#process.stdin?.end()
    await exited
  }
}

/** Also where Debian keeps commands of root: `su` without `-` leaves that out. */
const searchPath = () => `${process.env.PATH ?? ''}:/usr/sbin:/sbin`

async function requireCommands(needed: Record<string, string>): Promise<void> {
  const missing = new Set<string>()
  const directories = searchPath().split(':')
  for (const [command, debianPackage] of Object.entries(needed)) {
    const found = await Promise.any(
      directories.map((directory) => access(path.join(directory, command), constants.X_OK)),
    ).then(
      () => true,
      () => false,
    )
    if (!found) missing.add(debianPackage)
  }
  if (missing.size > 0) {
    throw new Error(
      `A lab host needs Debian packages that are not installed: apt-get install --no-install-recommends ${[...missing].join(' ')}`,
    )
  }
}
