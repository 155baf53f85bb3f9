/** containerd on a lab host, which makes it a Node: pods get the host's network and file system where they ask for them. */

import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs'
import { readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { LabHost } from '../lab/host.ts'

/** Where Debian has the plug-ins of containernetworking-plugins. */
const pluginDirectory = '/usr/lib/cni'

/** Of pods without the host's network. */
const podNetwork = '10.85.0.0/24'

/** ms */
const longestStart = 30_000

export class Containerd {
  readonly #host: LabHost
  readonly #directory: string
  /** Control group, below the machine's root group in each hierarchy. */
  readonly #group: string
  /** As the machine sees it. */
  readonly #pid: number

  private constructor(host: LabHost, directory: string, group: string, pid: number) {
    this.#host = host
    this.#directory = directory
    this.#group = group
    this.#pid = pid
  }

  /**
   * `directory`: exists, on a file system that overlays can lie on. `pauseImage`: what keeps a pod's namespaces. Ends with the
   * host. Throws with the end of its log when it doesn't come up.
   */
  static async start(host: LabHost, directory: string, pauseImage: string): Promise<Containerd> {
    const at = (...names: string[]) => path.join(directory, ...names)
    const [config, plugins] = [at('containerd.toml'), at('cni')]
    mkdirSync(plugins, { recursive: true })
    await writeFile(path.join(plugins, 'pods.conflist'), JSON.stringify(network(at('addresses'))))
    await writeFile(config, configuration(directory, plugins, pauseImage))
    await removeForgottenGroups()
    const group = `${groupPrefix}${process.pid}-${host.name}`
    const script = path.join(import.meta.dirname, 'node-space')
    const log = openSync(at('containerd.log'), 'a')
    const { pid, child } = await host.spawn('bash', [script, group, 'containerd', '--config', config], {
      stdio: ['ignore', log, log],
    })
    closeSync(log)
    child.unref()
    const containerd = new Containerd(host, directory, group, pid)
    const end = Date.now() + longestStart
    while (!(await containerd.ctr('version').then(Boolean, () => false))) {
      if (child.exitCode !== null || Date.now() > end) {
        const last = (await readFile(containerd.log, 'utf8')).trimEnd().split('\n').slice(-15)
        throw new Error(`containerd did not start on ${host.name}. Its log ends:\n${last.join('\n')}`)
      }
      await delay(50)
    }
    return containerd
  }

  get socket(): string {
    return socketOf(this.#directory)
  }

  /** The file; says which container was stopped how. */
  get log(): string {
    return path.join(this.#directory, 'containerd.log')
  }

  /** `ctr ARGS` among the images and containers of Kubernetes, giving what it prints. */
  async ctr(...args: string[]): Promise<string> {
    const { stdout } = await this.#host.exec('ctr', [
      `--address=${this.socket}`,
      '--namespace=k8s.io',
      ...args,
    ])
    return String(stdout)
  }

  /** Put before a command, runs it where containerd does: there are control groups, and what pods mount. */
  get nsenterArgv(): string[] {
    return ['nsenter', '-t', String(this.#pid), '-m', '-n', '-p', '-u', '-C', '--wdns=/', '--']
  }

  /** Once the host is gone: nothing runs in the control groups any more. */
  async removeGroups(): Promise<void> {
    for (const hierarchy of await hierarchies()) await removeGroup(path.join(hierarchy, this.#group))
  }
}

/** The pid of the test follows. */
const groupPrefix = 'patchbay-lab-'

/** Where the machine shows its control groups. */
async function hierarchies(): Promise<string[]> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n').map((line) => line.split(' '))
  return mounts.flatMap(([, mount, kind]) => (kind === 'cgroup' || kind === 'cgroup2' ? mount! : []))
}

/** Those of tests that were killed. */
async function removeForgottenGroups(): Promise<void> {
  for (const hierarchy of await hierarchies()) {
    for (const name of await readdir(hierarchy)) {
      const owner = name.startsWith(groupPrefix) && Number.parseInt(name.slice(groupPrefix.length), 10)
      if (owner && !existsSync(`/proc/${owner}`)) await removeGroup(path.join(hierarchy, name))
    }
  }
}

const socketOf = (directory: string) => path.join(directory, 'containerd.sock')

/** A group that was left a moment ago can still be busy. */
async function removeGroup(group: string): Promise<void> {
  const children = await readdir(group, { withFileTypes: true }).catch(() => undefined)
  if (!children) return
  for (const child of children) {
    if (child.isDirectory()) await removeGroup(path.join(group, child.name))
  }
  for (let tries = 50; ; tries--) {
    try {
      await rmdir(group)
      return
    } catch (error) {
      if (tries === 0) throw error
      await delay(20)
    }
  }
}

function configuration(directory: string, plugins: string, pauseImage: string): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"'
  return `version = 2
root = "${directory}/containerd"
state = "/run/containerd"
[grpc]
address = "${socketOf(directory)}"
[${cri}]
sandbox_image = "${pauseImage}"
# In a container without CAP_SYS_RESOURCE nobody may lower it.
restrict_oom_score_adj = true
[${cri}.containerd]
snapshotter = "overlayfs"
[${cri}.cni]
bin_dir = "${pluginDirectory}"
conf_dir = "${plugins}"
`
}

function network(addresses: string): object {
  return {
    cniVersion: '1.0.0',
    name: 'pods',
    plugins: [
      {
        type: 'bridge',
        bridge: 'pods0',
        isGateway: true,
        ipam: {
          type: 'host-local',
          ranges: [[{ subnet: podNetwork }]],
          routes: [{ dst: '0.0.0.0/0' }],
          dataDir: addresses,
        },
      },
    ],
  }
}
