/** The dnsmasq that libvirt runs for a network: whether it lives, and what it was told. */
import { readdir, readFile, readlink } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

/** What libvirt has written for a network's dnsmasq, each as text; '' where there is no such file. */
export interface DnsmasqFiles {
  /** Its configuration, read when it starts. */
  conf: string
  /** DHCP hosts, read again on SIGHUP. */
  hosts: string
  /** DNS hosts, read again on SIGHUP. */
  addnHosts: string
}

/** Pid of the dnsmasq of a network; undefined when none runs, whatever libvirt believes. */
export async function dnsmasqOf(network: string): Promise<number | undefined> {
  const pid = Number(await readIfThere(`/run/libvirt/network/${escaped(network)}.pid`))
  return pid > 0 && (await isDnsmasqOf(network, pid)) ? pid : undefined
}

/** libvirt (seen on 9.0) escapes the names of its files as in XML, but for that of the configuration. */
function escaped(network: string): string {
  const entities: Record<string, string> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&apos;',
  }
  return network.replaceAll(/[&<>"']/g, (letter) => entities[letter]!)
}

/**
 * Ends the dnsmasq of a network that libvirt doesn't run, left behind by a libvirtd that died: it holds the address. Says whether
 * there was one.
 */
export async function endStrayDnsmasq(network: string, signal: AbortSignal): Promise<boolean> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const found = await Promise.all(
    pids.map(async (pid) => (await isDnsmasqOf(network, pid)) && (await isOnThisHost(pid))),
  )
  const stray = pids.filter((_, n) => found[n])
  for (const pid of stray) {
    end(pid, 'SIGTERM')
    const late = performance.now() + TERM_MS
    while (await isDnsmasqOf(network, pid)) {
      if (performance.now() > late) end(pid, 'SIGKILL')
      await delay(10, undefined, { signal })
    }
  }
  return stray.length > 0
}

/** How long it has to go by itself. */
const TERM_MS = 1_000

function end(pid: number, how: NodeJS.Signals): void {
  try {
    process.kill(pid, how)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

async function isDnsmasqOf(network: string, pid: number): Promise<boolean> {
  // Empty for a process that has ended and waits to be reaped; another one may have its number by now.
  const [command = '', ...rest] = (await readIfThere(`/proc/${pid}/cmdline`)).split('\0')
  return /(^|\/)dnsmasq$/.test(command) && rest.includes(`--conf-file=${directory}/${network}.conf`)
}

/** In a container a libvirt of its own may run a network of the same name, with files of the same names. */
async function isOnThisHost(pid: number): Promise<boolean> {
  const namespaceOf = (process: number | 'self') => readlink(`/proc/${process}/ns/net`)
  try {
    return (await namespaceOf(pid)) === (await namespaceOf('self'))
  } catch (error) {
    if (isGone(error)) return false
    throw error
  }
}

export async function readDnsmasqFiles(network: string): Promise<DnsmasqFiles> {
  const [conf, hosts, addnHosts] = await Promise.all([
    readIfThere(`${directory}/${network}.conf`),
    readIfThere(`${directory}/${escaped(network)}.hostsfile`),
    readIfThere(`${directory}/${escaped(network)}.addnhosts`),
  ])
  return { conf, hosts, addnHosts }
}

const directory = '/var/lib/libvirt/dnsmasq'

async function readIfThere(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (isGone(error)) return ''
    throw error
  }
}

/** ESRCH: the process ended while it was looked at. */
function isGone(error: unknown): boolean {
  return ['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')
}
