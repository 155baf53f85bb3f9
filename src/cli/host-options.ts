/** The options that say which host this is, and where its libvirt is. */
import { hostname } from 'node:os'
import { type Command, InvalidArgumentError } from 'commander'
import type { HostIdentity } from '../core/host-selector.ts'

export interface HostOptions {
  hostName?: string
  hostLabel?: Record<string, string>
  libvirt: string
}

export function addHostOptions(command: Command): Command {
  return command
    .option(
      '--host-name <name>',
      "this host's name in resources (default: its host name, in lower case)",
      checkHostName,
    )
    .option('--host-label <key=value>', 'a label that hostSelectors see; may be repeated', addLabel)
    .option(
      '--libvirt <socket>',
      "libvirt's socket, or the directory that holds it",
      '/run/libvirt/libvirt-sock',
    )
}

/** `otherwise`: its name where no option says it; default: its own host name. */
export function hostOf(
  { hostName, hostLabel }: HostOptions,
  command: Command,
  otherwise = hostname().toLowerCase(),
): HostIdentity {
  const name = hostName ?? checkedName(otherwise, command)
  return { name, labels: { ...hostLabel, 'kubernetes.io/hostname': name } }
}

function checkedName(name: string, command: Command): string {
  try {
    return checkHostName(name)
  } catch (error) {
    return command.error(`error: ${(error as Error).message}`)
  }
}

/** A host is a resource, so its name is one of Kubernetes: RFC 1123, lower case, at most 253 characters. */
export function checkHostName(name: string): string {
  const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
  if (name.length <= 253 && new RegExp(`^${label}(\\.${label})*$`).test(name)) return name
  throw new InvalidArgumentError(
    `${JSON.stringify(name)} is not a host name in lower case (letters, digits, - and .); choose one with --host-name`,
  )
}

/** Keys and values as Kubernetes' labels have them. */
export function addLabel(text: string, labels: Record<string, string> = {}): Record<string, string> {
  const [, key, value] = /^([^=]*)=(.*)$/s.exec(text) ?? []
  if (key === undefined || value === undefined) throw new InvalidArgumentError('a label is KEY=VALUE.')
  if (!/^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?$/.test(key)) {
    throw new InvalidArgumentError(`${JSON.stringify(key)} cannot be the key of a label.`)
  }
  if (!/^([A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?)?$/.test(value)) {
    throw new InvalidArgumentError(`${JSON.stringify(value)} cannot be the value of a label.`)
  }
  return { ...labels, [key]: value }
}
