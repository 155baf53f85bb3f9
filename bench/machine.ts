/** The machine that the figures are of. */
import { cpus, release, totalmem } from 'node:os'
import { execa } from 'execa'

/** One line a fact; figures without them say nothing. */
export async function describeMachine(): Promise<string> {
  const [libvirt, qemu] = await Promise.all([
    firstLine('libvirtd', ['--version']),
    firstLine('qemu-system-x86_64', ['--version']),
  ])
  const facts = {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memory: `${Math.round(totalmem() / 1024 ** 3)} GiB`,
    kernel: release(),
    node: process.version,
    libvirt,
    qemu,
  }
  return Object.entries(facts)
    .map(([name, value]) => `${name.padEnd(10)} ${value}`)
    .join('\n')
}

async function firstLine(command: string, args: string[]): Promise<string> {
  const { stdout } = await execa(command, args, { env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin` } })
  return stdout.split('\n')[0] ?? ''
}
