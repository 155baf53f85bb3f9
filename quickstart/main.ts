/**
 * `npm run quickstart`: what Patchbay is for, shown in a minute on a host that is built for it and taken away again. The
 * machine's own libvirt and network are not touched.
 */
import { createWriteStream } from 'node:fs'
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { GuestInterface } from '../src/api/guest-interface.ts'
import type { Host } from '../src/api/host.ts'
import type { Network } from '../src/api/network.ts'
import { startGuest } from '../test/lab/guest.ts'
import { LabHost } from '../test/lab/host.ts'
import { addVethPool } from '../test/lab/pool.ts'

const examples = path.join(import.meta.dirname, '../examples/first-hour')
const patchbay = path.join(import.meta.dirname, '../src/cli/main.ts')
const manifests = '/run/quickstart/manifests'
const state = '/run/quickstart/state'
/** Longer than anything here takes on a slow machine. */
const patienceMs = 30_000

const say = (text: string) => console.log(text)
const step = (text: string) => say(`\n\x1b[1m${text}\x1b[0m\n`)

async function main(host: LabHost): Promise<void> {
  step('2. A guest, vm1, runs on it. Its definition has no network interface.')
  await addVethPool(host, 4)
  await startGuest(host, { name: 'vm1' })
  say(indent(await host.virsh('list')))

  step(
    `3. The agent starts on the host, and these manifests are put into its directory (examples/first-hour):`,
  )
  const directory = host.root + manifests
  await mkdir(directory, { recursive: true })
  for (const file of ['networks.yaml', 'interfaces.yaml']) {
    await copyFile(path.join(examples, file), path.join(directory, file))
    say(indent(withoutComments(await readFile(path.join(examples, file), 'utf8'))))
  }
  await startAgent(host)
  await until(host, ({ status }) => isReady(status))

  step('4. Each interface got a port of its pool, on the running guest and in its saved definition:')
  say(indent(await table(host)))
  say(`\n  virsh domiflist vm1\n\n${indent(` ${await host.virsh('domiflist', 'vm1')}`)}`)

  step('5. A change that a running guest can take: link up -> down, in the manifest of vm1-exclusive.')
  const file = path.join(directory, 'interfaces.yaml')
  const original = await readFile(file, 'utf8')
  const before = await macvtap(host)
  await writeFile(file, original.replace('state: up', 'state: down'))
  await until(host, ({ status }) => status?.effective?.link?.state === 'down' && isReady(status))
  say(`  virsh domif-getlink vm1 ${before.name}: ${await host.virsh('domif-getlink', 'vm1', before.name)}`)
  const after = await macvtap(host)
  say(`  Its macvtap before: ${before.text}\n  and after:          ${after.text}`)
  say('  The port stayed: same link, same index, same device.')

  step('6. A change that a running guest cannot take: another model.')
  await writeFile(file, original.replace('model: virtio', 'model: e1000e'))
  await until(host, ({ status }) => reason(status) === 'LiveChangeRefused')
  say(indent(await table(host)))
  say('\n  Nothing was touched: the interface works on as it was, and the message says what can be done.')

  step('7. The change is taken back, and all is well again.')
  await writeFile(file, original)
  await until(host, ({ status }) => isReady(status))
  say(indent(await table(host)))

  step('8. A network that libvirt makes, with NAT, DHCP and DNS (examples/first-hour/nat-network.yaml).')
  const office = await readFile(path.join(examples, 'nat-network.yaml'), 'utf8')
  say(indent(withoutComments(office)))
  const officeFile = path.join(directory, 'nat-network.yaml')
  await writeFile(officeFile, office)
  say(`  ${await officeSays(host, 'start')}\n`)
  say(indent(await host.virsh('net-list', '--all')))

  step('9. The printer gets another address: the running network is changed, and no guest is cut off.')
  await writeFile(officeFile, office.replace('ip: 192.168.150.10}', 'ip: 192.168.150.11}'))
  say(`  ${await officeSays(host, 'live update')}`)
}

async function startAgent(host: LabHost): Promise<void> {
  const options = ['--manifests', manifests, '--state', state, '--host-name', 'quickstart']
  say(`  patchbay agent ${options.join(' ')}`)
  const { child } = await host.spawn('node', [patchbay, 'agent', ...options], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  child.stderr?.pipe(createWriteStream(`${host.root}/run/quickstart/agent.log`))
}

/** Waits until the condition holds for every interface of which it is asked: those that the change was about. */
async function until(host: LabHost, holds: (resource: GuestInterface) => boolean): Promise<void> {
  const deadline = Date.now() + patienceMs
  for (;;) {
    const resource = await readInterface(host, 'vm1-exclusive')
    const other = await readInterface(host, 'vm1-shared')
    if (resource && holds(resource) && isReady(other?.status) && (await poolsAreCounted(host))) return
    if (Date.now() > deadline) {
      const log = await readFile(`${host.root}/run/quickstart/agent.log`, 'utf8').catch(() => '')
      throw new Error(`The agent did not come there within ${patienceMs / 1000} s. Its log:\n${log}`)
    }
    await delay(50)
  }
}

/** What status says of the network of step 8 once it is ready and that holds this text. */
async function officeSays(host: LabHost, text: string): Promise<string> {
  const deadline = Date.now() + patienceMs
  for (;;) {
    const file = await readFile(`${host.root}${state}/network/office.json`, 'utf8').catch(() => '{}')
    const { status } = JSON.parse(file) as Partial<Network>
    const ready = status?.conditions?.find(({ type }) => type === 'Ready')
    if (ready?.status === 'True' && ready.message.includes(text)) return ready.message
    if (Date.now() > deadline) throw new Error(`The network is not as it should be: ${ready?.message}`)
    await delay(50)
  }
}

async function readInterface(host: LabHost, name: string): Promise<GuestInterface | undefined> {
  const text = await readFile(`${host.root}${state}/guestinterface/default/${name}.json`, 'utf8').catch(
    () => undefined,
  )
  return text === undefined ? undefined : JSON.parse(text)
}

/** The host's inventory follows a moment later. */
async function poolsAreCounted(host: LabHost): Promise<boolean> {
  const text = await readFile(`${host.root}${state}/host/quickstart.json`, 'utf8').catch(() => '{}')
  const { status } = JSON.parse(text) as Partial<Host>
  return status?.pools?.every(({ inUse }) => inUse === 1) ?? false
}

function isReady(status: GuestInterface['status']): boolean {
  return status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false
}

function reason(status: GuestInterface['status']): string | undefined {
  return status?.conditions?.find(({ type }) => type === 'Ready')?.reason
}

async function table(host: LabHost): Promise<string> {
  const { stdout } = await host.exec('node', [patchbay, 'status', '--state', state, '-o', 'table'])
  return String(stdout)
}

/** The link that vm1-exclusive sits on. */
async function macvtap(host: LabHost): Promise<{ name: string; text: string }> {
  const port = (await readInterface(host, 'vm1-exclusive'))?.status?.port?.dev
  const links = JSON.parse(await host.run('ip -json link show type macvtap')) as {
    ifname?: string
    ifindex: number
    link: string
  }[]
  const found = links.find(({ link }) => link === port)
  if (!found?.ifname) throw new Error(`There is no macvtap on ${port}`)
  return { name: found.ifname, text: `${found.ifname}, index ${found.ifindex}, on ${found.link}` }
}

const indent = (text: string) => text.replaceAll(/^(?=.)/gm, '  ')
const withoutComments = (yaml: string) => yaml.replaceAll(/^#.*\n/gm, '')

let host: LabHost | undefined
let cleaning: Promise<void> | undefined
const clean = () => {
  cleaning ??= (async () => {
    step('10. Everything is taken away again.')
    await host?.stop()
    say('  The host, its guest and its links are gone.')
  })()
  return cleaning
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // Not `once`: execa's own listener ends the process where it finds itself alone.
  process.on(signal, () => {
    process.exitCode = 130
    void clean().finally(() => process.exit())
  })
}

// Whoever read this went away (`| head`): the host ends with this process.
process.stdout.on('error', () => process.exit(1))

try {
  say('Patchbay keeps the network interfaces of libvirt guests the way manifests say they should be.')
  step(
    '1. A host is built: libvirtd and QEMU in namespaces of their own, four links that can serve in a pool.',
  )
  host = await LabHost.start({ name: 'quickstart' })
  say(`  libvirt ${/daemon: (.*)/.exec(await host.virsh('version', '--daemon'))?.[1]} answers on it.`)
  await main(host)
} catch (error) {
  if (!cleaning) {
    process.exitCode = 1
    console.error(error instanceof Error ? error.message : error)
  }
} finally {
  await clean()
}
