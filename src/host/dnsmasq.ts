/** The dnsmasq that libvirt runs for a network: whether it lives, and what it was told. */
import { readFile } from 'node:fs/promises'

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
  const pid = Number(await readIfThere(`/run/libvirt/network/${network}.pid`))
  if (!Number.isInteger(pid) || pid <= 0) return undefined
  // Empty for a process that has ended and waits to be reaped; another one may have its number by now.
  const [command = '', ...rest] = (await readIfThere(`/proc/${pid}/cmdline`)).split('\0')
  const isIt = /(^|\/)dnsmasq$/.test(command) && rest.includes(`--conf-file=${directory}/${network}.conf`)
  return isIt ? pid : undefined
}

export async function readDnsmasqFiles(network: string): Promise<DnsmasqFiles> {
  const [conf, hosts, addnHosts] = await Promise.all([
    readIfThere(`${directory}/${network}.conf`),
    readIfThere(`${directory}/${network}.hostsfile`),
    readIfThere(`${directory}/${network}.addnhosts`),
  ])
  return { conf, hosts, addnHosts }
}

const directory = '/var/lib/libvirt/dnsmasq'

async function readIfThere(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    // ESRCH: the process ended while its command line was read.
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return ''
    throw error
  }
}
